import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeStateProof,
  encodeHeader,
  encodeStateProof,
  type Receipt,
  toBeSigned,
  utcMs,
  verifyReceipt,
  verifyStateProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { accounts, post } from "./accounts.ts";
import { Application, type Proposal } from "./application.ts";
import type { CommittedBlock } from "./block.ts";
import { type Genesis, genesisHash } from "./genesis.ts";
import { proveState } from "./prove.ts";
import { receiptOf, receiptOfReading } from "./receipts.ts";
import type { BlockRule } from "./rule.ts";
import { rules } from "./rules/index.ts";
import { sha256 } from "./sha256.ts";
import { Store } from "./store.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  money,
  signerOfName,
  startTime,
  testGenesis,
} from "./test-site.ts";
import { verifyLedger } from "./verify.ts";

const minute = 60_000;

/** The ledger without the market's block rules, so that each block holds what its test put there. */
const quiet = { ...rules, block: [] };

function open(store = new Store(":memory:"), genesis: Genesis = testGenesis()) {
  const application = new Application({ genesis, store, verify, rules: quiet });
  if (!application.info().begun) application.initChain();
  return { store, application, genesis };
}

function certificateFor(proposal: Proposal, application: Application) {
  const { header } = application.finalizeBlock(proposal);
  const signer = signerOfName("member-a");
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  return [{ kid: signer.kid, signature: signer.sign(message) }];
}

const prepare = (application: Application, frames: readonly Uint8Array[], minutes = 1) =>
  application.prepareProposal({
    time: utcMs(startTime + minutes * minute),
    proposer: "member-a",
    view: 0,
    frames,
  });

function record(
  application: Application,
  frames: readonly Uint8Array[],
  minutes = 1,
): CommittedBlock {
  const { proposal } = prepare(application, frames, minutes);
  return application.commit(certificateFor(proposal, application));
}

/** Blocks of three meters' readings, with everything that a block may hold. */
function story(application: Application, blocks: number) {
  const chains = ["company-a", "bureau-a", "user-a"].map((owner) => new MeterChain(owner));
  return Array.from({ length: blocks }, (_, n) => {
    const time = startTime + n * 20 * minute;
    const frames = chains.map((meter, i) => meter.frame(entry(time, n * 100 * (i + 1), n * 7)));
    return record(application, frames, n * 20);
  });
}

test("a fresh ledger is at height 0, and its first block follows the genesis", () => {
  const { application, genesis } = open();
  const info = application.info();
  assert.deepEqual([info.height, info.time, info.begun], [0, startTime, true]);
  const [block] = story(application, 1);
  assert.deepEqual(block?.header.previous, genesisHash(genesis));
  assert.equal(block?.header.height, 1);
  assert.deepEqual(application.info().hash, block?.hash);
  assert.deepEqual(application.info().appHash, block?.header.appHash);
});

test("two machines, one that proposes and one that checks, come to the same hashes", () => {
  const [one, two] = [open(), open()];
  const chains = ["company-a", "user-a"].map((owner) => new MeterChain(owner));
  for (let n = 0; n < 10; n++) {
    const frames = chains.map((meter, i) =>
      meter.frame(entry(startTime + n * 30 * minute, n * (i + 1))),
    );
    const { proposal } = prepare(one.application, frames, n * 30);
    const copy = structuredClone(proposal);
    assert.deepEqual(two.application.processProposal(copy), { ok: true });
    const certificate = certificateFor(proposal, one.application);
    assert.deepEqual(certificateFor(copy, two.application), certificate);
    const blocks = [one, two].map(({ application }) => application.commit(certificate));
    assert.deepEqual(blocks[0], blocks[1]);
  }
  assert.deepEqual(
    [...one.store.state.scan("")].map(([key, value]) => [key, Buffer.from(value).toString("hex")]),
    [...two.store.state.scan("")].map(([key, value]) => [key, Buffer.from(value).toString("hex")]),
  );
});

test("a refused frame enters no block, changes nothing, and its sender hears why", () => {
  const { application } = open();
  const meter = new MeterChain("user-a");
  meter.frame(entry(startTime, 1));
  const second = meter.frame(entry(startTime + 1, 1));
  const before = application.info().appHash;
  const { proposal, refused } = prepare(application, [second, Uint8Array.of(1, 2)]);
  assert.deepEqual(proposal.frames, []);
  assert.deepEqual(
    refused.map(({ signer, refusal }) => [signer, refusal.code, refusal.expected]),
    [
      ["user-a-unit", "readings.gap", 1],
      [undefined, "cbor.trailing", undefined],
    ],
  );
  application.commit(certificateFor(proposal, application));
  assert.deepEqual(application.info().appHash, before);
});

test("a member refuses a proposal that breaks the rules, whoever made it", () => {
  const { application } = open();
  const meter = new MeterChain("user-a");
  const first = meter.frame(entry(startTime, 1));
  const base = {
    height: 1,
    time: utcMs(startTime),
    proposer: "member-a",
    view: 0,
    frames: [first],
  };
  const code = (changes: Partial<Proposal>) => {
    const checked = application.processProposal({ ...base, ...changes });
    return checked.ok ? "ok" : checked.code;
  };
  assert.equal(code({}), "ok");
  assert.equal(code({ height: 2 }), "block.height");
  assert.equal(code({ proposer: "user-a" }), "block.proposer");
  assert.equal(code({ time: utcMs(startTime - 1) }), "block.time");
  assert.equal(code({ frames: [first, first] }), "block.refused");
  assert.equal(code({ frames: [first, Uint8Array.of(1)] }), "block.refused");
  assert.equal(code({ frames: [meter.frame(entry(startTime + 1, 1))] }), "block.refused");
  record(application, [first]);
  assert.equal(code({ height: 2, time: utcMs(startTime + minute) }), "block.refused");
});

test("frames that lie, or are signed by a stranger, are told apart", () => {
  const { application } = open();
  const message = new MeterChain("user-a").batch(entry(startTime, 1));
  const good = frameOf("user-a-unit", "readings", message);
  const flipped = good.slice();
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const { refused } = prepare(application, [
    frameOf("a stranger", "readings", message),
    flipped,
    frameOf("user-a", "readings", message),
    frameOf("user-a-unit", "login", {
      identity: "user-a-unit",
      client: "user-a-unit",
      broker: "member-a",
      at: startTime,
      until: startTime + 1,
    }),
  ]);
  assert.deepEqual(
    refused.map(({ refusal }) => refusal.code),
    ["tx.key-unknown", "tx.signature", "readings.rights", "tx.kind"],
  );
});

test("what was finalized and not committed is gone, and the block can be made again", () => {
  const { store, application, genesis } = open();
  const meter = new MeterChain("user-a");
  const { proposal } = prepare(application, [meter.frame(entry(startTime, 5))]);
  const { header } = application.finalizeBlock(proposal);
  const again = new Application({ genesis, store, verify, rules: quiet });
  assert.equal(again.info().height, 0);
  assert.deepEqual(again.processProposal(structuredClone(proposal)), { ok: true });
  assert.deepEqual(again.finalizeBlock(structuredClone(proposal)).header, header);
  const other = prepare(again, [], 2).proposal;
  again.commit(certificateFor(other, again));
  assert.equal(again.info().height, 1);
});

test("a receipt stands alone: the members' keys are enough to check it", () => {
  const { store, application } = open();
  const blocks = story(application, 3);
  const frame = blocks[1]?.frames[2] ?? new Uint8Array();
  const receipt = receiptOf(store, sha256(frame));
  assert.ok(receipt);
  const checked = verifyReceipt(receipt, application.membership(), verify);
  assert.deepEqual(checked.ok && checked.signers, ["member-a"]);
  assert.deepEqual(receiptOfReading(store, { meter: "user-a-meter", sequence: 2 }), receipt);
  assert.equal(receiptOfReading(store, { meter: "user-a-meter", sequence: 4 }), undefined);
  const bent: Receipt = { ...receipt, frame: blocks[0]?.frames[2] ?? frame };
  assert.equal(verifyReceipt(bent, application.membership(), verify).ok, false);
});

test("an account, and that there is none, is proved under a certified header", () => {
  const { store, application } = open();
  assert.equal(proveState(application, store, "account/user-a"), undefined, "no block yet");
  story(application, 2);
  for (const key of ["account/user-a", "account/nobody"]) {
    const proof = proveState(application, store, key);
    assert.ok(proof);
    assert.equal(proof.value === undefined, key.includes("nobody"));
    const back = decodeStateProof(encodeStateProof(proof));
    assert.ok(back.ok);
    assert.deepEqual(back.proof, proof);
    const members = application.membership();
    assert.ok(verifyStateProof(back.proof, members, verify).ok);
    const lie = { ...proof, value: Uint8Array.of(1) };
    assert.equal(verifyStateProof(lie, members, verify).ok, false);
    const otherHeader = { ...proof, header: { ...proof.header, time: startTime } };
    assert.equal(verifyStateProof(otherHeader, members, verify).ok, false);
  }
});

test("a member admits an owner and its unit, whose readings count from then on", () => {
  const { application } = open();
  const key = (name: string) => signerOfName(name).publicKey;
  const message = {
    nonce: new Uint8Array(16),
    member: "member-a",
    owners: [
      { id: "new", party: "user" as const, name: "New", key: key("new"), boxKey: key("box") },
    ],
    devices: [
      {
        id: "new-unit",
        owner: "new",
        key: key("new-unit"),
        meters: [{ id: "new-meter", role: "connection" as const, feeder: "feeder-1" }],
      },
    ],
  };
  const readings = new MeterChain("new").frame(entry(startTime, 1));
  const early = prepare(application, [readings]);
  assert.deepEqual(
    early.refused.map(({ refusal }) => refusal.code),
    ["tx.key-unknown"],
  );
  const admit = frameOf("member-a", "admission", message);
  const block = record(application, [admit, readings]);
  assert.deepEqual(block.results, ["ok", "ok"]);
  assert.equal(application.registry.byId("new-unit")?.kind, "device");
  assert.equal(application.registry.byKeyId(signerOfName("new").kid)?.id, "new");

  const codeOf = (changes: Partial<typeof message>, signer = "member-a") => {
    const next = { ...message, nonce: new Uint8Array(16).fill(1), ...changes };
    const { refused } = prepare(application, [frameOf(signer, "admission", next)]);
    return refused[0]?.refusal.code ?? "ok";
  };
  const [owner] = message.owners;
  const [device] = message.devices;
  assert.ok(owner && device);
  assert.equal(codeOf({}, "user-a"), "admission.rights");
  assert.equal(codeOf({ nonce: message.nonce, owners: [] }), "admission.exists-different");
  assert.equal(codeOf({ owners: [{ ...owner, id: "user-a-unit" }] }), "admission.id-taken");
  assert.equal(codeOf({ owners: [{ ...owner, id: "new-b" }] }), "admission.key-taken");
  assert.equal(codeOf({ devices: [{ ...device, owner: "user-a" }] }), "admission.owner-changed");
  assert.equal(codeOf({ devices: [{ ...device, owner: "nobody" }] }), "admission.owner-unknown");
  const taken = [{ id: "user-a-meter", role: "connection" as const, feeder: "feeder-1" }];
  assert.equal(codeOf({ devices: [{ ...device, meters: taken }] }), "admission.meter-taken");

  const renewed = { ...message, nonce: new Uint8Array(16).fill(2), owners: [] };
  const devices = [{ ...device, key: key("new-unit-2") }];
  record(application, [frameOf("member-a", "admission", { ...renewed, devices })]);
  assert.equal(application.registry.byKeyId(signerOfName("new-unit").kid), undefined);
  assert.equal(application.registry.byKeyId(signerOfName("new-unit-2").kid)?.id, "new-unit");
});

test("an owner's mandate is its own to give, and only a higher version replaces it", () => {
  const { application } = open();
  const mandate = {
    owner: "user-a",
    device: "user-a-unit",
    version: 2,
    askMax: 0,
    askPriceMin: 0,
    bidMax: 1000,
    bidPriceMax: 500_000,
    until: startTime,
  } as Parameters<typeof frameOf<"mandate">>[2];
  const results = (changes: object, signer = "user-a") => {
    const frame = frameOf(signer, "mandate", { ...mandate, ...changes });
    const { proposal, refused } = prepare(application, [frame]);
    return (
      refused[0]?.refusal.code ??
      application.commit(certificateFor(proposal, application)).results[0]
    );
  };
  assert.equal(results({}, "company-a"), "mandate.rights");
  assert.equal(results({ device: "company-a-unit" }), "mandate.device-unknown");
  assert.equal(results({}), "ok");
  assert.equal(results({ bidMax: 1 }), "mandate.exists-different");
  assert.equal(results({ version: 1 }), "mandate.version");
  assert.equal(results({ version: 3 }), "ok");
});

test("money and energy that come out of nothing stop the ledger", () => {
  const make = (run: BlockRule["run"]) => {
    const rule: BlockRule = { name: "test", due: () => true, run };
    const genesis = testGenesis();
    const own = { ...rules, block: [rule] };
    const application = new Application({
      genesis,
      store: new Store(":memory:"),
      verify,
      rules: own,
    });
    application.initChain();
    return () => prepare(application, []);
  };
  const line = (owner: string, side: "sales" | "purchase", amount: number, energyWh: number) => ({
    owner,
    side,
    money: money(amount),
    energyWh,
  });
  const fair = [line("user-a", "purchase", -70, 100), line("company-a", "sales", 70, -100)];
  assert.doesNotThrow(make(({ state }) => post(state, fair)));
  assert.throws(
    make(({ state }) => post(state, fair.slice(1))),
    /sums to 0 in money/,
  );
  const odd = [line("user-a", "purchase", 0, 1), line("company-a", "sales", 0, 0)];
  assert.throws(
    make(({ state }) => post(state, odd)),
    /sums to 0 in energy/,
  );
  const aside = make(({ state }) =>
    accounts.set(state, "user-a/sales", { money: money(1), energyWh: 0 }),
  );
  assert.throws(aside, /out of nothing/);
});

test("a store of another genesis is refused, a genesis with one key for two as well", () => {
  const { store } = open();
  const other = testGenesis({ currency: "CNY" });
  assert.throws(() => open(store, other), { code: "store.other-chain" });
  const [member] = testGenesis().members;
  assert.ok(member);
  const twice = testGenesis({ members: [member, { ...member, id: "member-b" }] });
  assert.throws(() => open(new Store(":memory:"), twice), { code: "genesis.invalid" });
});

test("a whole ledger verifies, and the first height with a fault is named", () => {
  const { store, application, genesis } = open();
  story(application, 6);
  const whole = () => verifyLedger({ store, genesis, verify, rules: quiet });
  assert.deepEqual(whole(), {
    ok: true,
    from: 0,
    height: 6,
    certified: 6,
    transactions: 18,
    readings: 18,
    readingsBefore: 0,
  });
  const faults: readonly (readonly [string, number, string])[] = [
    ["UPDATE state SET value = x'00' WHERE key = 'account/user-a'", 6, "verify.state"],
    ["DELETE FROM state WHERE key LIKE 'boundary/%'", 6, "verify.state"],
    ["INSERT INTO state VALUES ('zz/1', x'00')", 6, "verify.state"],
    ["UPDATE event SET json = '{}' WHERE height = 3 AND idx = 0", 3, "verify.events"],
    ["UPDATE tx SET signer = 'company-a' WHERE height = 2 AND idx = 1", 2, "verify.results"],
    ["UPDATE tx SET code = 'exists' WHERE height = 4 AND idx = 1", 4, "verify.results"],
    ["DELETE FROM tx WHERE height = 5 AND idx = 2", 5, "verify.header"],
    ["UPDATE tx SET frame = x'00' WHERE height = 2 AND idx = 0", 2, "verify.refused"],
    ["UPDATE block SET hash = zeroblob(32) WHERE height = 2", 2, "verify.header"],
    [
      "UPDATE block SET header = (SELECT header FROM block WHERE height = 1) WHERE height = 2",
      2,
      "verify.header",
    ],
    [
      "UPDATE block SET certificate = (SELECT certificate FROM block WHERE height = 1) WHERE height = 4",
      4,
      "verify.certificate",
    ],
    ["DELETE FROM block WHERE height = 3", 3, "verify.missing"],
  ];
  for (const [sql, height, code] of faults) {
    store.db.exec("SAVEPOINT fault");
    store.db.exec(sql);
    const broken = whole();
    store.db.exec("ROLLBACK TO fault; RELEASE fault");
    assert.deepEqual(broken.ok ? broken : [broken.height, broken.code], [height, code], sql);
  }
  assert.equal(whole().ok, true);
});

test("a ledger opens again with the hashes it had, from its file or from nothing", () => {
  const { store, application, genesis } = open();
  story(application, 5);
  const again = new Application({ genesis, store, verify, rules: quiet });
  assert.deepEqual(again.info(), application.info());
});

test("with all its rules, every block runs twice alike, and again from genesis", () => {
  const genesis = testGenesis();
  const stores = [new Store(":memory:"), new Store(":memory:")];
  const [one, two] = stores.map((store) => new Application({ genesis, store, verify }));
  const [store] = stores;
  assert.ok(one && two && store);
  one.initChain();
  two.initChain();
  const meter = new MeterChain("user-a");
  for (let n = 0; n < 60; n++) {
    const { proposal } = prepare(
      one,
      [meter.frame(entry(startTime + n * 10 * minute, n * 50))],
      n * 10,
    );
    const copy = structuredClone(proposal);
    assert.deepEqual(two.processProposal(copy), { ok: true });
    const certificate = certificateFor(proposal, one);
    assert.deepEqual(certificateFor(copy, two), certificate);
    one.commit(certificate);
    two.commit(certificate);
    assert.equal(one.due(proposal.time), false, "what was due is done");
  }
  assert.equal(verifyLedger({ store, genesis, verify }).ok, true);
});
