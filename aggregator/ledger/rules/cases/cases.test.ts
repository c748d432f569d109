import assert from "node:assert/strict";
import { test } from "node:test";
import { type Correction, encodeMessage, type Objection, utcMs, wh } from "@busbar/protocol";
import { accountSums, accounts } from "../../accounts.ts";
import { slotCompleteness } from "../../completeness.ts";
import { creditReports } from "../../credit.ts";
import type { Genesis } from "../../genesis.ts";
import { lastSettlement, settlementVersions } from "../../settlements.ts";
import { sha256 } from "../../sha256.ts";
import { registerEnergy, slotEnergy } from "../../slots.ts";
import { entry, frameOf, MeterChain, signerOfName } from "../../test-site.ts";
import { boundaryKeepMs, gapMsMax } from "../boundaries.ts";
import { contracts, slotKey } from "../market/tables.ts";
import { Chain, hour, mandate, minute, quote, slot } from "../market/test-chain.ts";
import { caseMs } from "./cases.ts";
import { correctionMsMax } from "./correction-rule.ts";
import { caseDeadlines, cases } from "./tables.ts";

const judges = ["member-a", "member-b", "member-c", "member-d"];

/** Four members that vote, one of them a bureau, and an auditor without a vote. */
function consortium(): Partial<Genesis> {
  const member = (id: string, voting: boolean, role: string) =>
    ({ id, key: signerOfName(id).publicKey, voting, role }) as Genesis["members"][number];
  return {
    members: [
      ...judges.map((id) => member(id, true, id === "member-b" ? "bureau" : "company")),
      member("auditor", false, "auditor"),
    ],
  };
}

const day = 24 * 60;

/** A company sells 50 kWh to a user for the first slot; nobody's meter has reported. */
class Sold extends Chain {
  readonly company = new MeterChain("company-a");
  readonly user = new MeterChain("user-a");
  readonly contract: string;

  constructor() {
    super(consortium());
    const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000) });
    const bid = quote("user-a", 2, { quantity: wh(50_000) });
    this.block(20, mandate("company-a"), mandate("user-a"));
    assert.deepEqual(this.block(25, ask.seal, bid.seal), []);
    assert.deepEqual(this.block(41, ask.open, bid.open), []);
    this.block(51);
    this.contract = this.of("contract-signed")[0]?.contract ?? "";
  }

  /** Both meters report the slot: the company gave `gave`, the user drew `drew`. */
  deliver(gave = 50_000, drew = 50_000): void {
    assert.deepEqual(
      this.block(
        121,
        this.company.frame(entry(slot, 0, 0), entry(slot + hour, 0, gave)),
        this.user.frame(entry(slot, 0), entry(slot + hour, drew)),
      ),
      [],
    );
  }

  balances(): Record<string, unknown> {
    return Object.fromEntries(accounts.scan(this.state));
  }

  versions(owner: string) {
    return settlementVersions(this.state, slot, owner);
  }
}

const fix = (changes: Partial<Correction> = {}): Correction => ({
  member: "member-a",
  meter: "user-a-meter",
  slot: utcMs(slot),
  version: 1,
  importWh: wh(40_000),
  exportWh: wh(0),
  reason: "meter-error",
  ...changes,
});

const correct = (message: Correction, by: string = message.member) =>
  frameOf(by, "correction", message);

const against = (run: Sold, changes: Partial<Objection> = {}): Objection => ({
  by: "member-b",
  contract: run.contract,
  against: "seller",
  reason: "price-abuse",
  ...changes,
});

const object = (message: Objection, signer: string = message.by) =>
  frameOf(signer, "objection", message);

type Opened = ["correction", Correction] | ["objection", Objection];

const say = (word: "uphold" | "reject", [kind, message]: Opened, ...who: string[]) => {
  const payload =
    kind === "correction" ? encodeMessage(kind, message) : encodeMessage(kind, message);
  const motion = sha256(payload);
  return who.map((member) =>
    frameOf(member, "ruling", { member, slot: utcMs(slot), motion, word }),
  );
};

test("a correction counts once a quorum upholds it, and posts the difference only", () => {
  const run = new Sold();
  run.deliver();
  const settled = run.balances();
  const message = fix();
  assert.deepEqual(run.block(122, correct(message)), []);
  assert.deepEqual(
    run.block(123, ...say("uphold", ["correction", message], ...judges.slice(0, 2))),
    [],
  );
  assert.deepEqual(run.balances(), settled, "two of four are no quorum");
  assert.deepEqual(run.block(124, ...say("uphold", ["correction", message], "member-d")), []);
  const energy = slotEnergy(run.state, "user-a-meter", utcMs(slot), hour);
  assert.deepEqual(energy, { importWh: 40_000, exportWh: 0, method: "corrected" });
  assert.equal(registerEnergy(run.state, "user-a-meter", utcMs(slot), hour)?.importWh, 50_000);
  assert.deepEqual(slotCompleteness(run.state, "user-a-meter", utcMs(slot), hour), {
    state: "estimated",
    why: "corrected",
  });
  const [first, second, ...more] = run.versions("user-a");
  assert.deepEqual([first?.why, first?.imbalanceWh, first?.importWh], ["delivered", 0, 50_000]);
  assert.deepEqual(
    [second?.why, second?.imbalanceWh, second?.importWh],
    ["correction", 10_000, 40_000],
  );
  assert.equal(more.length, 0);
  const [event] = run.of("settlement-corrected");
  assert.deepEqual(
    [event?.version, event?.imbalanceDifferenceWh, event?.moneyDifference],
    [2, 10_000, second?.money],
  );
  assert.equal(run.of("contract-settled").length, 1, "the contract itself was paid once");
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("accounts after corrections are those of a site that knew the truth at once", () => {
  const run = new Sold();
  run.deliver(50_000, 63_000);
  const list = [fix({ importWh: wh(70_001) }), fix({ version: 2, importWh: wh(12_345) })];
  for (const [i, message] of list.entries()) {
    assert.deepEqual(run.block(122 + 2 * i, correct(message)), []);
    run.block(123 + 2 * i, ...say("uphold", ["correction", message], ...judges.slice(0, 3)));
  }
  assert.equal(run.versions("user-a").length, 3);
  const truth = new Sold();
  truth.deliver(50_000, 12_345);
  assert.deepEqual(run.balances(), truth.balances());
});

test("a correction that was rejected or that nobody decided changes nothing", () => {
  const run = new Sold();
  run.deliver();
  const before = run.balances();
  const first = fix();
  assert.deepEqual(run.block(122, correct(first)), []);
  assert.deepEqual(run.block(123, correct(fix({ version: 2 }))), ["correction.pending"]);
  run.block(124, ...say("reject", ["correction", first], "member-c", "member-d"));
  assert.deepEqual(
    run.of("case-closed").map(({ outcome }) => outcome),
    ["rejected"],
  );
  assert.deepEqual(run.block(125, ...say("uphold", ["correction", first], "member-a")), [
    "ruling.closed",
  ]);
  const second = fix({ version: 2 });
  run.block(126, correct(second), ...say("uphold", ["correction", second], "member-a"));
  run.block(126 + caseMs / minute - 1);
  assert.equal(run.of("case-closed").length, 1);
  run.block(126 + caseMs / minute);
  assert.deepEqual(
    run.of("case-closed").map(({ outcome }) => outcome),
    ["rejected", "lapsed"],
  );
  assert.deepEqual(run.balances(), before);
  assert.equal([...caseDeadlines.scan(run.state)].length, 0);
});

test("what a correction must not be is refused, in the documented order", () => {
  const run = new Sold();
  run.deliver();
  const code = (message: Correction, by?: string) =>
    run.block(130, correct(message, by))[0] ?? "ok";
  assert.equal(code(fix(), "user-a"), "correction.rights");
  assert.equal(code(fix(), "member-b"), "correction.rights");
  assert.equal(code(fix({ meter: "nowhere" })), "correction.meter-unknown");
  assert.equal(code(fix({ version: 2 })), "correction.version");
  assert.equal(code(fix({ slot: utcMs(slot + 1) })), "correction.slot");
  assert.equal(code(fix({ slot: utcMs(slot + hour) })), "correction.slot", "it has not ended");
  assert.equal(code(fix({ slot: utcMs(slot - hour) })), "correction.slot", "it was no slot");
  assert.equal(code(fix({ importWh: wh(100_000_001) })), "correction.too-much");
  assert.equal(code(fix()), "ok");
  assert.equal(code(fix({ importWh: wh(1) })), "correction.exists-different");
  assert.equal(code(fix()), "tx.exists");
  const late = 120 + correctionMsMax / minute;
  assert.deepEqual(run.block(late, correct(fix({ meter: "company-a-meter" }))), []);
  assert.deepEqual(run.block(late + 1, correct(fix({ meter: "bureau-a-meter" }))), [
    "correction.slot",
  ]);
});

test("only voting members decide, each once, and a repeated word changes nothing", () => {
  const run = new Sold();
  run.deliver();
  const message = fix();
  run.block(122, correct(message));
  const word = (who: string, what: "uphold" | "reject" = "uphold") =>
    run.block(123, ...say(what, ["correction", message], who))[0] ?? "ok";
  assert.equal(word("auditor"), "ruling.rights");
  assert.equal(word("member-a"), "ok");
  assert.equal(word("member-a"), "tx.exists");
  assert.equal(word("member-a", "reject"), "ruling.exists-different");
  const motion = new Uint8Array(32);
  const other = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  assert.deepEqual(run.block(124, frameOf("member-a", "ruling", other)), ["ruling.case-unknown"]);
  const stolen = frameOf("member-b", "ruling", {
    ...other,
    motion: sha256(encodeMessage("correction", message)),
  });
  assert.deepEqual(run.block(125, stolen), ["ruling.rights"]);
});

test("a correction stands for a silent meter until its readings come, and they settle the difference", () => {
  const run = new Sold();
  run.block(121, run.company.frame(entry(slot, 0, 0), entry(slot + hour, 0, 50_000)));
  const guess = fix({ importWh: wh(45_000), reason: "missing-readings" });
  run.block(130, correct(guess), ...say("uphold", ["correction", guess], ...judges.slice(0, 3)));
  assert.equal(run.versions("user-a").length, 1, "the user need not be waited for any more");
  assert.equal(run.of("contract-settled").length, 1);
  run.block(140, run.user.frame(entry(slot, 100), entry(slot + hour, 52_100)));
  assert.deepEqual(slotEnergy(run.state, "user-a-meter", utcMs(slot), hour), {
    importWh: 52_000,
    exportWh: 0,
    method: "exact",
  });
  assert.deepEqual(
    run.versions("user-a").map(({ why }) => why),
    ["delivered", "late-readings"],
  );
  const truth = new Sold();
  truth.deliver(50_000, 52_000);
  assert.deepEqual(run.balances(), truth.balances());
  assert.deepEqual(
    run
      .of("slot-corrected")
      .map(({ reason, version, before, importWh }) => [reason, version, before, importWh]),
    [
      ["missing-readings", 1, null, 45_000],
      ["late-readings", 1, { importWh: 45_000, exportWh: 0 }, 52_000],
    ],
  );
});

test("readings that come after a month settle the difference to contracts that counted as signed", () => {
  const run = new Sold();
  run.block(121, run.company.frame(entry(slot, 0, 0), entry(slot + hour, 0, 50_000)));
  run.block(120 + gapMsMax / minute);
  const signed = run.versions("user-a");
  assert.deepEqual(
    signed.map(({ importWh, method, imbalanceWh }) => [importWh, method, imbalanceWh]),
    [[50_000, "unproven", 0]],
  );
  run.block(40 * day, run.user.frame(entry(slot, 0), entry(slot + hour, 58_000)));
  assert.deepEqual(
    run.versions("user-a").map(({ why }) => why),
    ["delivered", "late-readings"],
  );
  const truth = new Sold();
  truth.deliver(50_000, 58_000);
  const stands = (sold: Sold) => {
    const last = sold.versions("user-a").at(-1);
    return [last?.importWh, last?.imbalanceWh, last?.money];
  };
  assert.deepEqual(stands(run), stands(truth));
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a held contract is not paid before it was decided, and then once", () => {
  const run = new Sold();
  const message = against(run);
  assert.deepEqual(run.block(60, object(message)), []);
  assert.equal(contracts.get(run.state, run.contract)?.held, 1);
  run.deliver();
  assert.equal(run.of("contract-settled").length, 0);
  assert.equal(run.money("company-a"), 0);
  assert.equal(run.of("slot-settled").length, 1, "everybody else goes on");
  run.block(130, ...say("reject", ["objection", message], "member-a", "member-c"));
  assert.equal(run.of("contract-settled").length, 1);
  run.block(131);
  const usual = new Sold();
  usual.deliver();
  assert.deepEqual(run.balances(), usual.balances());
  const report = creditReports.get(run.state, "member-b");
  assert.deepEqual(report?.counts, [{ kind: "wrong-objection", times: 1 }]);
  assert.equal(creditReports.get(run.state, "company-a"), undefined);
});

test("a voided contract is imbalance of both parties, whenever it was decided", () => {
  const decided = (minutes: number) => {
    const run = new Sold();
    const message = against(run, { against: "both" });
    run.block(60, object(message));
    const frames = say("uphold", ["objection", message], "member-a", "member-c", "member-d");
    if (minutes < 121) assert.deepEqual(run.block(minutes, ...frames), []);
    run.deliver();
    if (minutes > 121) assert.deepEqual(run.block(minutes, ...frames), []);
    return run;
  };
  const [early, late] = [decided(70), decided(200)];
  assert.deepEqual(early.balances(), late.balances());
  for (const run of [early, late]) {
    assert.equal(run.of("contract-settled").length, 0);
    assert.equal(contracts.get(run.state, run.contract)?.isVoid, 1);
    assert.equal(lastSettlement(run.state, slot, "company-a")?.settlement.imbalanceWh, 50_000);
    assert.equal(lastSettlement(run.state, slot, "user-a")?.settlement.imbalanceWh, -50_000);
    assert.ok(run.money("company-a") > 0 && run.money("user-a") < 0);
    assert.equal(run.money("company-a") + run.money("user-a") + run.money("bureau-a"), 0);
    assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
    for (const owner of ["company-a", "user-a"]) {
      const { counts = [] } = creditReports.get(run.state, owner) ?? {};
      assert.deepEqual(counts, [{ kind: "void-contract", times: 1 }]);
    }
  }
  assert.equal(early.versions("company-a").length, 1);
  assert.deepEqual(
    late.versions("company-a").map(({ why }) => why),
    ["delivered", "contract-void"],
  );
});

test("an objection that nobody decides lapses: the contract is paid and nobody is blamed", () => {
  const run = new Sold();
  const message = against(run);
  run.block(60, object(message));
  run.deliver();
  run.block(60 + caseMs / minute);
  assert.deepEqual(
    run.of("contract-stands").map(({ outcome }) => outcome),
    ["lapsed"],
  );
  assert.equal(run.of("contract-settled").length, 1);
  assert.equal(run.of("violation").length, 0);
});

test("only a bureau objects, once, to others' contracts, before their slot ends", () => {
  const run = new Sold();
  const code = (minutes: number, message: Objection, signer?: string) =>
    run.block(minutes, object(message, signer))[0] ?? "ok";
  assert.equal(code(60, against(run, { by: "member-a" })), "objection.rights");
  assert.equal(code(60, against(run, { by: "user-a" })), "objection.rights");
  assert.equal(code(60, against(run), "member-a"), "objection.rights");
  const nothing = against(run, { contract: `${slotKey(slot)}-9999` });
  assert.equal(code(60, nothing), "objection.contract-unknown");
  assert.equal(
    code(61, against(run, { by: "bureau-a" })),
    "ok",
    "the owner that is the bureau may",
  );
  assert.equal(code(62, against(run)), "objection.exists-different");
  assert.equal(code(62, against(run, { by: "bureau-a" })), "tx.exists");
  const late = new Sold();
  assert.deepEqual(late.block(120, object(against(late))), ["objection.too-late"]);
});

test("the bureau does not object to a contract of its own", () => {
  const run = new Chain(consortium());
  const bid = quote("user-a", 2, { quantity: wh(50_000) });
  run.block(20, mandate("user-a"));
  run.block(25, bid.seal);
  run.block(41, bid.open);
  run.block(51);
  const [contract] = run.of("contract-signed");
  assert.deepEqual([contract?.seller, contract?.origin], ["bureau-a", "residual"]);
  const message = {
    by: "bureau-a",
    contract: contract?.contract ?? "",
    against: "buyer",
    reason: "fraud",
  } as const;
  assert.deepEqual(run.block(60, object(message)), ["objection.own-contract"]);
});

test("all that came of a slot leaves the state with it", () => {
  const run = new Sold();
  run.block(60, object(against(run)));
  run.deliver();
  const message = fix();
  run.block(
    122,
    correct(message),
    ...say("uphold", ["correction", message], ...judges.slice(0, 3)),
  );
  const days = boundaryKeepMs / (24 * hour);
  for (let n = 1; n <= days; n++) run.block(n * day - 10);
  assert.ok([...cases.scan(run.state, slotKey(slot))].length === 2);
  run.block(days * day + 60);
  run.block(days * day + 61);
  const left = [...run.state.scan("")].filter(([key]) => key.includes(slotKey(slot)));
  const tables = [...new Set(left.map(([key]) => key.slice(0, key.indexOf("/"))))];
  // The meters' own record goes by the meters' time; a bureau balances from this slot on.
  assert.deepEqual(tables, ["boundary", "bureau-from"]);
});
