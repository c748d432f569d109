import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareBytes,
  encodeHeader,
  encodeMessage,
  micro,
  microPerKwh,
  openFrame,
  toBeSigned,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "./application.ts";
import { abroad, abroadCouncil, abroadProof, hourTerms } from "./rules/feeders/test-foreign.ts";
import { rules } from "./rules/index.ts";
import { mandate, minute, quote, slot } from "./rules/market/test-chain.ts";
import {
  hashOf,
  motionOf,
  requestOf,
  termsOf,
  votedTwice,
  voteOf,
} from "./rules/members/test-consortium.ts";
import { slotKey } from "./settlements.ts";
import { sha256 } from "./sha256.ts";
import { Store } from "./store.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "./test-site.ts";
import { rememberingVerify } from "./verified.ts";

const voters = ["member-a", "member-b"] as const;
const day = 24 * 60;
/** Each frame of the story has a block of its own. */
const evidenceHeight = 8;

/** A frame of each kind that may stand in a block, and the site's minute at which it is taken. */
function frames(): { minutes: number; frame: Uint8Array }[] {
  const key = (name: string) => signerOfName(name).publicKey;
  const meter = new MeterChain("user-a");
  const sealed = quote("user-a", 1, {});
  const guest = { id: "new", party: "user", name: "New", key: key("new"), boxKey: key("box") };
  const admission = {
    nonce: new Uint8Array(16),
    member: "member-a",
    owners: [guest as never],
    devices: [],
  };
  const objection = {
    by: "member-a",
    contract: `${slotKey(slot)}-0001`,
    against: "seller",
    reason: "fraud",
  } as const;
  const motion = sha256(encodeMessage("objection", objection));
  const request = requestOf(termsOf("member-c", { voting: false }));
  const admit = motionOf("member-a", "admit", "member-c", { request });
  const ballot = { motion: hashOf(admit), member: "member-b", accept: true };
  const liar = { from: "member-b" };
  const byB = { key: "member-b" };
  const [first, second] = [voteOf(1, liar), voteOf(2, liar)];
  const evidence = { member: "member-a", first, second };
  const twice = { member: "member-a", from: "member-b", epoch: 0, ...votedTwice({}, byB) };
  const others = {
    nonce: new Uint8Array(16),
    member: "member-b",
    from: utcMs(slot + 60 * minute),
    parameters: { ...testGenesis().parameters, imbalancePermille: 200 },
  };
  const contract = {
    nonce: new Uint8Array(16).fill(3),
    member: "member-b",
    from: utcMs(slot + 60 * minute),
    contract: { version: 2, hash: new Uint8Array(32).fill(2) },
  };
  const assets = { owner: "user-a", version: 1, until: utcMs(slot) };
  const ruling = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  const change = {
    by: "member-a",
    device: "company-a-unit",
    version: 1,
    change: "suspend",
    reason: "lost",
  } as const;
  const correction = {
    member: "member-a",
    meter: "user-a-meter",
    slot: utcMs(slot),
    version: 1,
    importWh: wh(1),
    exportWh: wh(0),
    reason: "missing-readings",
  } as const;
  return [
    { minutes: 1, frame: meter.frame(entry(startTime, 5)) },
    { minutes: 2, frame: frameOf("member-a", "admission", admission) },
    { minutes: 3, frame: mandate("user-a") },
    { minutes: 4, frame: frameOf("member-a", "member-motion", admit) },
    { minutes: 5, frame: frameOf("member-b", "parameters-motion", others) },
    { minutes: 5, frame: frameOf("member-b", "contract-motion", contract) },
    { minutes: 5, frame: frameOf("member-b", "ballot", ballot) },
    { minutes: 6, frame: frameOf("member-a", "evidence", evidence) },
    { minutes: 6, frame: frameOf("member-a", "deviation", deviation()) },
    { minutes: 11, frame: meter.frame(entry(startTime + 1, 5)) },
    { minutes: 11, frame: frameOf("user-a", "assets", assets) },
    { minutes: 12, frame: sealed.seal },
    { minutes: 41, frame: sealed.open },
    // More batches than a meter keeps the ends of.
    ...Array.from({ length: 70 }, (_, n) => ({
      minutes: 42,
      frame: meter.frame(entry(startTime + 2 + n, 6 + n)),
    })),
    // The slot is cleared in this block, and its contract objected to in the next.
    { minutes: 51, frame: meter.frame(entry(startTime + 100, 80)) },
    { minutes: 52, frame: frameOf("member-a", "objection", objection) },
    { minutes: 53, frame: frameOf("member-a", "ruling", ruling) },
    { minutes: 121, frame: frameOf("member-a", "correction", correction) },
    { minutes: 122, frame: frameOf("member-a", "device-change", change) },
    ...ofLabels(),
    ...ofUnits(),
    { minutes: 128, frame: frameOf("member-a", "double-vote", twice) },
    ...ofOwners(meter),
    ...ofFeeders(),
  ];
}

/** Trades with another feeder, in both directions: an offer of here, and one that is taken here. */
function ofFeeders(): { minutes: number; frame: Uint8Array }[] {
  const later = 4 * day + 1;
  const key = (name: string) => signerOfName(name).publicKey;
  const line = { id: "line", party: "company", name: "L", key: key("line"), boxKey: key("box") };
  const unit = {
    ...{ id: "line-unit", owner: "line", key: key("line-unit") },
    meters: [{ id: "line-meter", role: "connection", feeder: "feeder-1" }],
  };
  const admission = {
    ...{ nonce: new Uint8Array(16).fill(11), member: "member-a" },
    ...{ owners: [line as never], devices: [unit as never] },
  };
  const motion = {
    action: "trust",
    ...{ nonce: new Uint8Array(16).fill(12), member: "member-a", chain: abroad },
    ...{ council: abroadCouncil, via: "line" },
  } as const;
  const id = sha256(encodeMessage("feeder-motion", motion));
  const ballot = { motion: id, member: "member-b", accept: true };
  const start = startTime + (4 * day + 60) * minute;
  const out = hourTerms(start, { sellerChain: chain, seller: "user-a", buyerChain: abroad });
  const into = hourTerms(start, { sellerChain: abroad, seller: "x", buyerChain: chain });
  const time = utcMs(startTime + (later + 12) * minute);
  const offered = abroadProof(time, into, { sale: { stage: "offered" } });
  const taken = abroadProof(time, out, { purchase: { stage: "escrowed", buyer: "y" } });
  const accept = { buyer: "user-a", proof: offered };
  return [
    { minutes: later, frame: frameOf("member-a", "admission", admission) },
    { minutes: later, frame: frameOf("member-a", "feeder-motion", motion) },
    // Slots are opened at the end of a block.
    { minutes: later + 10, frame: frameOf("member-b", "ballot", ballot) },
    { minutes: later + 12, frame: frameOf("user-a", "feeder-offer", { terms: out }) },
    { minutes: later + 12, frame: frameOf("user-a", "feeder-accept", accept) },
    {
      minutes: later + 12,
      frame: frameOf("member-a", "feeder-proof", { chain: abroad, steps: [], proof: taken }),
    },
  ];
}

/** A unit that is taken in by a label. */
function ofLabels(): { minutes: number; frame: Uint8Array }[] {
  const who = { device: "user-l-unit", owner: "user-l", party: "user" } as const;
  const label = {
    state: "open",
    ...{ key: signerOfName("label").publicKey, version: 1 },
    ...{ ...who, until: utcMs(startTime + 3 * day * minute) },
  } as const;
  const key = (name: string) => signerOfName(name).publicKey;
  const claim = {
    version: 1,
    device: { id: who.device, owner: who.owner, key: key(who.device), meters: [] },
    owner: { id: who.owner, party: who.party, name: "L", key: key("user-l"), boxKey: key("box") },
  };
  const labels = { member: "member-a", labels: [label] };
  return [
    { minutes: 123, frame: frameOf("member-a", "labels", labels) },
    { minutes: 124, frame: frameOf("label", "claim", claim) },
  ];
}

/** What a unit says of itself, and which program units are to have. */
function ofUnits(): { minutes: number; frame: Uint8Array }[] {
  const device = "user-a-unit";
  const sheet = new Uint8Array(32).fill(7);
  const release = {
    ...{ number: 1, version: "0.2.0-1", canaries: [device], failuresMax: 1, trialMinutes: 30 },
    source: "https://example.org/busbar",
    bundles: [{ arch: "arm64", bytes: 90_000_000, sha256: sheet }],
    stages: [
      { permille: 10, waitMinutes: 60, keptMin: 1 },
      { permille: 1000, waitMinutes: 0, keptMin: 0 },
    ],
  } as const;
  const motion = { nonce: new Uint8Array(16).fill(8), member: "member-a", reason: "faster" };
  const commissioning = { device, number: 1, sheet, at: startTime, open: 3 };
  const report = { device, at: startTime, program: "0.2.0-1" };
  return [
    { minutes: 125, frame: frameOf("member-a", "release-motion", { ...motion, release }) },
    { minutes: 126, frame: frameOf(device, "commissioning", commissioning) },
    { minutes: 127, frame: frameOf(device, "device-report", report) },
  ];
}

/** What owners and members say about money, credit and orders, some days later. */
function ofOwners(meter: MeterChain): { minutes: number; frame: Uint8Array }[] {
  const later = 4 * day;
  const first = utcMs(startTime + (later + 120) * minute);
  const id = new Uint8Array(16).fill(4);
  const payment = {
    ...{ by: "bureau-a", from: "user-a", version: 1, amount: micro(5_000_000) },
    purpose: "balance",
  } as const;
  const mandate = {
    ...{ owner: "user-a", device: "user-a-unit", version: 1, slotsMax: 4, until: first },
    ...{ energyMax: wh(1), limitWMin: watt(0), priceMin: microPerKwh(1) },
  };
  const order = {
    action: "shed",
    ...{ id, by: "bureau-a", device: "user-a-unit", slot: first, slots: 1 },
    ...{ energy: wh(100), price: microPerKwh(1), answerBy: first },
  } as const;
  const appeal = {
    nonce: new Uint8Array(16).fill(5),
    kind: "equivocation",
    ...{ member: "member-a", account: "member-b", height: evidenceHeight },
  } as const;
  const suspend = {
    action: "suspend",
    ...{ nonce: new Uint8Array(16).fill(6), member: "member-a", account: "company-a" },
  } as const;
  const answer = { id, owner: "user-a", word: "accept" } as const;
  const wishes = {
    language: "zh",
    ...{ owner: "user-a", version: 1, timeZone: "CST-8", digestAt: 0 },
    ...{ threshold: micro(0), muted: [], ways: [] },
  } as const;
  const lease = {
    channel: "email",
    ...{ member: "member-a", number: 1, until: utcMs(startTime + later * minute) },
    ...{ from: 1, done: 1, behind: [] },
  } as const;
  // Its connection is a plant of the sun: what it gave and nobody bought it holds certificates of.
  const sunny = { slot: utcMs(startTime + 24 * 60 * minute), energy: wh(500) };
  const move = { owner: "user-a", version: 1, form: "solar", parts: [sunny] } as const;
  const report = { member: "member-a", acknowledged: [{ owner: "user-a", height: 2 }] };
  return [
    { minutes: later, frame: meter.frame(entry(startTime + later * minute, 96_000, 192_000)) },
    { minutes: later, frame: frameOf("user-a", "certificate-move", move) },
    { minutes: later, frame: frameOf("bureau-a", "payment", payment) },
    { minutes: later, frame: frameOf("user-a", "notice-preferences", wishes) },
    { minutes: later, frame: frameOf("member-a", "notice-lease", lease) },
    { minutes: later, frame: frameOf("member-a", "notice-report", report) },
    { minutes: later, frame: frameOf("user-a", "demand-mandate", mandate) },
    { minutes: later, frame: frameOf("bureau-a", "demand-order", order) },
    { minutes: later, frame: frameOf("user-a", "demand-answer", answer) },
    { minutes: later, frame: frameOf("member-a", "appeal-motion", appeal) },
    { minutes: later, frame: frameOf("member-a", "account-motion", suspend) },
  ];
}

/** member-b's word on a block, beside what all are said to have signed. */
function deviation() {
  const zero = new Uint8Array(32);
  const header = (appHash: Uint8Array) =>
    encodeHeader({
      ...{ chain, height: 1, time: startTime, previous: zero, proposer: "member-a", view: 0 },
      ...{ txRoot: zero, resultsRoot: zero, appHash, validatorsHash: zero },
    });
  const [odd, certified] = [header(zero.with(0, 1)), header(zero)];
  const { signature } = certifiedBy(["member-b"], odd)[0] ?? { signature: zero };
  const certificate = certifiedBy(voters, certified);
  return { member: "member-a", from: "member-b", header: odd, signature, certified, certificate };
}

function certifiedBy(names: readonly string[], header: Uint8Array) {
  return names
    .map(signerOfName)
    .map(({ kid, sign }) => {
      const message = toBeSigned(header, kid, { chain, kind: "block" });
      return { kid, signature: sign(message) };
    })
    .sort((a, b) => compareBytes(a.kid, b.kid));
}

function open() {
  const store = new Store(":memory:");
  const once = rememberingVerify(verify);
  const members = voters.map((id) => termsOf(id, { role: "bureau" }));
  const { devices } = testGenesis();
  // The user is the only party, so its readings settle and certify its slots.
  const sunny = devices.map((device) => ({
    ...device,
    meters: device.meters.flatMap((meter) =>
      device.owner === "user-a" ? [{ ...meter, form: "solar" as const }] : [],
    ),
  }));
  const genesis = testGenesis({ members, devices: sunny });
  const application = new Application({ genesis, store, verify: once });
  application.initChain();
  return { store, application };
}

/** Each frame again, at this time and at the end of a block that holds `fresh`. */
function refusedAgain(
  { application }: ReturnType<typeof open>,
  old: readonly Uint8Array[],
  minutes: number,
) {
  const time = utcMs(startTime + minutes * minute);
  const { proposal, refused } = application.prepareProposal({
    time,
    proposer: "member-a",
    view: 0,
    frames: old,
  });
  assert.deepEqual(proposal.frames, []);
  return refused.map(({ refusal }) => refusal.code);
}

test("a frame that stands in a block is refused ever after, by a member that has no old blocks too", () => {
  const whole = open();
  const bare = open();
  const known: Uint8Array[] = [];
  const story = frames();
  const kinds = new Set<string>();
  for (const { minutes, frame } of story) {
    const opened = openFrame(frame);
    if (opened.ok) kinds.add(opened.frame.kind);
    const time = utcMs(startTime + minutes * minute);
    for (const member of [whole, bare]) {
      const { proposal, refused } = member.application.prepareProposal({
        time,
        proposer: "member-a",
        view: 0,
        // Its own repetition in one block as well.
        frames: [frame, ...known.slice(-3), frame],
      });
      assert.deepEqual(proposal.frames, [frame], refused[0]?.refusal.message);
      const { header } = member.application.finalizeBlock(proposal);
      member.application.commit(certifiedBy(voters, encodeHeader(header)));
    }
    // What a member lacks that came by a snapshot.
    bare.store.db.exec("DELETE FROM tx; DELETE FROM event; DELETE FROM reading");
    known.push(frame);
    const codes = refusedAgain(whole, known, minutes);
    assert.equal(codes.length, known.length);
    assert.deepEqual(refusedAgain(bare, known, minutes), codes);
    assert.deepEqual(bare.application.info(), whole.application.info());
  }
  for (const later of [4 * day + 20, 5 * day, 100 * day]) {
    assert.equal(refusedAgain(bare, known, later).length, known.length, `${later} minutes`);
  }
  const missing = Object.keys(rules.tx).filter((kind) => !kinds.has(kind));
  assert.deepEqual(missing, [], "every kind with a rule has its frame in this story");
});

test("who sends again what the ledger has is told so, with a proof of where the meter's chain stands", () => {
  const { application } = open();
  const meter = new MeterChain("user-a");
  const frame = meter.frame(entry(startTime, 5));
  const { refused } = application.prepareProposal({
    time: utcMs(startTime),
    proposer: "member-a",
    view: 0,
    frames: [frame, frame],
  });
  assert.deepEqual(
    refused.map(({ refusal }) => [refusal.code, refusal.tipOf]),
    [["tx.exists", "user-a-meter"]],
  );
});

test("a rule that takes a message and leaves nothing of it would take it for ever: it is refused", () => {
  const store = new Store(":memory:");
  const lax = { ...rules, tx: { mandate: () => ({ ok: true }) as const }, block: [] };
  const application = new Application({ genesis: testGenesis(), store, verify, rules: lax });
  application.initChain();
  const { refused } = application.prepareProposal({
    time: utcMs(startTime),
    proposer: "member-a",
    view: 0,
    frames: [mandate("user-a")],
  });
  assert.deepEqual(
    refused.map(({ refusal }) => refusal.code),
    ["tx.exists"],
  );
});
