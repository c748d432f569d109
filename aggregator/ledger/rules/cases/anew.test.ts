import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, type Message, micro, microPerKwh, utcMs, wh } from "@busbar/protocol";
import { accountEntries } from "../../account-entries.ts";
import { accountSums, balanceOf } from "../../accounts.ts";
import { creditReports, creditScore, decayMs, fade, fullCredit } from "../../credit.ts";
import { demands } from "../../demand.ts";
import { retiredKeepMs } from "../../identities.ts";
import { judge, judged } from "../../judged.ts";
import { addSettlement, lastSettlement, settlementId, settlements } from "../../settlements.ts";
import { sha256 } from "../../sha256.ts";
import { connections } from "../../tables.ts";
import {
  entry,
  frameOf,
  MeterChain,
  machineFacts,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { feedersOf, partyInSlot } from "../market/parties.ts";
import { Chain, hour, mandate, minute, quote, slot } from "../market/test-chain.ts";
import { waitMsMax } from "../market/waiting.ts";
import { enactAppealMotion } from "../members/appeal-effect.ts";

/** What the members' correction of a slot changes besides its settlement. */

const { parameters } = testGenesis();
const credit = {
  parameters: { ...parameters, credit: { line: micro(1e12), tolerancePermille: 100 } },
};

type Fix = Partial<Message<"correction">>;

/** The site's only voting member corrects a meter's slot, and decides it. */
function corrected(run: Chain, minutes: number, changes: Fix): void {
  const message: Message<"correction"> = {
    ...{ member: "member-a", meter: "company-a-meter", slot: utcMs(slot), version: 1 },
    ...{ importWh: wh(0), exportWh: wh(0), reason: "meter-error" },
    ...changes,
  };
  const { member } = message;
  const motion = sha256(encodeMessage("correction", message));
  assert.deepEqual(run.block(minutes, frameOf(member, "correction", message)), []);
  const ruling = { member, slot: message.slot, motion, word: "uphold" } as const;
  assert.deepEqual(run.block(minutes, frameOf(member, "ruling", ruling)), []);
}

const counts = (run: Chain, owner: string) =>
  (creditReports.get(run.state, owner)?.counts ?? []).map(({ kind, times }) => [kind, times]);

/** The company sells 50 kWh to the user. */
function sold(): Chain {
  const run = new Chain(credit);
  const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000) });
  const bid = quote("user-a", 2, { quantity: wh(50_000) });
  run.block(20, mandate("company-a"), mandate("user-a"));
  assert.deepEqual(run.block(25, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(41, ask.open, bid.open), []);
  run.block(51);
  return run;
}

const userReports = new MeterChain("user-a").frame(entry(slot, 0), entry(slot + hour, 50_000));

/** Both meters report: the company gave `gave`. */
function delivered(gave: number): Chain {
  const run = sold();
  const company = new MeterChain("company-a");
  const frame = company.frame(entry(slot, 0, 0), entry(slot + hour, 0, gave));
  assert.deepEqual(run.block(121, frame, userReports), []);
  return run;
}

test("under-delivery is judged again at each correction: found, and taken back, once", () => {
  const run = delivered(50_000);
  assert.deepEqual(counts(run, "company-a"), []);
  corrected(run, 130, { exportWh: wh(20_000) });
  assert.deepEqual(counts(run, "company-a"), [["under-delivery", 1]]);
  corrected(run, 140, { version: 2, exportWh: wh(10_000) });
  assert.deepEqual(counts(run, "company-a"), [["under-delivery", 1]], "it is the same one");
  corrected(run, 150, { version: 3, exportWh: wh(46_000) });
  assert.deepEqual(counts(run, "company-a"), []);
  assert.equal(creditScore(run.state, "company-a"), fullCredit);
  assert.equal(run.of("violation-struck").length, 1);
  assert.deepEqual([...judged.scan(run.state)], []);

  const blamed = delivered(20_000);
  assert.deepEqual(counts(blamed, "company-a"), [["under-delivery", 1]]);
  corrected(blamed, 130, { exportWh: wh(50_000) });
  assert.deepEqual(counts(blamed, "company-a"), []);
});

test("of two slots that one block judged, the one that was corrected is taken back", () => {
  const run = sold();
  const later = slot + hour;
  const ask = quote("company-a", 3, { side: "ask", quantity: wh(50_000) }, later);
  const bid = quote("user-a", 4, { quantity: wh(50_000) }, later);
  run.block(75);
  assert.deepEqual(run.block(85, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(101, ask.open, bid.open), []);
  run.block(111);
  const entries = [slot, later, later + hour].map((at, i) => entry(at, 0, i * 1_000));
  assert.deepEqual(run.block(181, new MeterChain("company-a").frame(...entries)), []);
  assert.deepEqual(counts(run, "company-a"), [["under-delivery", 2]]);
  corrected(run, 190, { slot: utcMs(later), exportWh: wh(50_000) });
  const left = creditReports.get(run.state, "company-a")?.entries ?? [];
  assert.deepEqual(
    left.map(({ reason }) => reason),
    [`slot ${slot}: 50000 Wh sold, 1000 Wh given`],
  );
});

test("a violation that newer ones pushed from the report is taken back with what is left of it, once", () => {
  const { state } = new Chain();
  const events: string[] = [];
  const emit = ({ type }: { readonly type: string }) => void events.push(type);
  const say = (height: number, at: number, isBroken: boolean) => {
    const context = {
      ...machineFacts,
      state,
      height,
      time: utcMs(height),
      seed: sha256(Buffer.of()),
    };
    const about = { owner: "user-a", kind: "under-delivery", reason: "of it" } as const;
    judge({ ...context, parameters, emit }, { slot: at * hour, isBroken, ...about });
  };
  const report = () => {
    const { points, counts: of, entries } = creditReports.get(state, "user-a") ?? assert.fail();
    return [points, of[0]?.times, entries.length];
  };
  for (let n = 1; n <= 20; n++) say(n, n, true);
  assert.deepEqual(report(), [100, 20, 16]);
  say(21, 1, false);
  assert.deepEqual(report(), [95, 19, 16], "one of the four that the report shows no more");
  // Three quarters of 15 that it shows no more, and of each of the others.
  fade({ state, time: utcMs(1 + decayMs), emit });
  assert.deepEqual(report(), [11 + 16 * 3, 19, 16]);
  say(22, 2, false);
  assert.deepEqual(report(), [8 + 16 * 3, 18, 16]);
  // What the members found to be none is not taken off again.
  const appeal = { account: "user-a", height: 5, kind: "under-delivery" } as const;
  const motion = { ...appeal, nonce: new Uint8Array(16), member: "member-a" };
  const context = {
    ...machineFacts,
    state,
    height: 23,
    time: utcMs(23),
    seed: sha256(Buffer.of()),
  };
  const enacted = enactAppealMotion({ ...context, parameters, emit }, motion);
  assert.equal(enacted, undefined);
  assert.deepEqual(report(), [8 + 15 * 3, 17, 15]);
  say(24, 5, false);
  assert.deepEqual(report(), [8 + 15 * 3, 17, 15]);
  for (const n of [3, 4, 3]) say(25, n, false);
  assert.deepEqual(report(), [2 + 15 * 3, 15, 15], "what sums were rounded up by fades with time");
  assert.equal(events.filter((type) => type === "violation-struck").length, 5);
});

test("nobody is blamed for what no meter measured: an estimate, or a share of a longer gap", () => {
  const silent = sold();
  silent.block(121, userReports);
  silent.block(120 + waitMsMax / minute);
  const settled = () => lastSettlement(silent.state, slot, "company-a")?.settlement;
  assert.equal(settled()?.method, "unproven");
  assert.ok(!counts(silent, "company-a").some(([kind]) => kind === "under-delivery"));
  // What the members decide is known.
  corrected(silent, 130 + waitMsMax / minute, { exportWh: wh(10_000) });
  assert.ok(counts(silent, "company-a").some(([kind]) => kind === "under-delivery"));

  const apart = sold();
  const frame = new MeterChain("company-a").frame(
    entry(slot, 0, 0),
    entry(slot + 2 * hour, 0, 50_000),
  );
  assert.deepEqual(apart.block(181, frame, userReports), []);
  assert.equal(lastSettlement(apart.state, slot, "company-a")?.settlement.exportWh, 25_000);
  assert.deepEqual(counts(apart, "company-a"), [["readings-missing", 1]]);
});

const day = 24 * 60;
const shed = startTime + 4 * day * minute + 2 * hour;
const order = "01".repeat(16);
/** One block after the order's two slots. */
const after = (shed + 2 * hour - startTime) / minute + 1;

/** The user draws 1 000 Wh an hour for four days, and is ordered to shed 400 of them in the two slots from `shed` on. */
function orderedHome(): { run: Chain; user: MeterChain } {
  const run = new Chain(credit);
  const user = new MeterChain("user-a");
  run.block(20);
  // The market has to know these slots, so that they can be corrected.
  for (let n = 1; n < 4; n++) run.block(n * day);
  const past = [entry(startTime, 0), entry(startTime + 4 * day * minute, 96_000)];
  assert.deepEqual(run.block(4 * day, user.frame(...past)), []);
  const message: Message<"demand-order"> = {
    ...{ id: new Uint8Array(16).fill(1), by: "bureau-a", device: "user-a-unit", action: "shed" },
    ...{ slot: utcMs(shed), slots: 2, energy: wh(400), price: microPerKwh(500_000) },
    answerBy: utcMs(shed),
  };
  assert.deepEqual(run.block(4 * day + 10, frameOf("bureau-a", "demand-order", message)), []);
  const accept = { id: message.id, owner: "user-a", word: "accept" } as const;
  assert.deepEqual(run.block(4 * day + 11, frameOf("user-a", "demand-answer", accept)), []);
  return { run, user };
}

const posted = (run: Chain, owner: string) =>
  [...accountEntries.scan(run.state, `${owner}/`)].map(([, { money, demand }]) => [
    ...[money, demand?.deliveredWh, demand?.word, demand?.corrects],
  ]);

test("an order is proven again when a slot of it is corrected, and the difference is posted", () => {
  const { run, user } = orderedHome();
  const drawn = [entry(shed, 98_000), entry(shed + hour, 98_600), entry(shed + 2 * hour, 99_200)];
  const before = balanceOf(run.state, "user-a");
  assert.deepEqual(run.block(after, user.frame(...drawn)), []);
  assert.equal(demands.get(run.state, order)?.money, 400_000);
  const fix = { meter: "user-a-meter", slot: utcMs(shed) };
  corrected(run, after + 1, { ...fix, importWh: wh(900) });
  assert.deepEqual(posted(run, "user-a"), [
    [400_000, 800, "kept", undefined],
    [-150_000, 500, "unkept", 400_000],
  ]);
  assert.deepEqual(posted(run, "bureau-a"), [
    [-400_000, 800, "kept", undefined],
    [150_000, 500, "unkept", 400_000],
  ]);
  assert.ok(counts(run, "user-a").some(([kind]) => kind === "order-unkept"));
  corrected(run, after + 2, { ...fix, version: 2, importWh: wh(901) });
  corrected(run, after + 3, { ...fix, version: 3, importWh: wh(650) });
  const { money, deliveredWh, word } = demands.get(run.state, order) ?? {};
  assert.deepEqual([money, deliveredWh, word], [375_000, 750, "kept"]);
  assert.ok(!counts(run, "user-a").some(([kind]) => kind === "order-unkept"));
  const moved = posted(run, "user-a").reduce((sum, [one]) => sum + Number(one), 0);
  assert.equal(moved, 375_000, "its entries add up to what it comes to");
  assert.notEqual(balanceOf(run.state, "user-a"), before);
  assert.deepEqual(
    run.of("demand-settled").map(({ amount, difference }) => [amount, difference]),
    [
      [400_000, undefined],
      [250_000, -150_000],
      [249_500, -500],
      [375_000, 125_500],
    ],
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
  // Slots of before and after are nobody's order.
  corrected(run, after + 4, { meter: "user-a-meter", slot: utcMs(shed - hour), importWh: wh(1) });
  assert.equal(run.of("demand-settled").length, 4);
});

test("readings that come after an order was given up prove it, and it is paid", () => {
  const { run, user } = orderedHome();
  const late = after + waitMsMax / minute;
  for (let at = 5 * day; at < late; at += 2 * day) run.block(at);
  run.block(late);
  assert.deepEqual(posted(run, "user-a"), [[0, 0, "unproven", undefined]]);
  const drawn = [entry(shed, 98_000), entry(shed + hour, 98_600), entry(shed + 2 * hour, 99_200)];
  assert.deepEqual(run.block(late + 1, user.frame(...drawn)), []);
  assert.deepEqual(posted(run, "user-a").at(-1), [400_000, 800, "kept", 0]);
});

test("readings further apart than a slot is long prove nothing of an order", () => {
  const { run, user } = orderedHome();
  const drawn = [entry(shed, 98_000), entry(shed + 2 * hour, 99_200)];
  assert.deepEqual(run.block(after, user.frame(...drawn)), []);
  assert.deepEqual(posted(run, "user-a"), [[0, 0, "unproven", undefined]]);
  assert.equal(demands.get(run.state, order)?.money, 0);
});

test("a slot's versions stay in their order, however many there are", () => {
  const { run, user } = orderedHome();
  const drawn = [entry(shed, 98_000), entry(shed + 2 * hour, 99_200)];
  assert.deepEqual(run.block(after, user.frame(...drawn)), []);
  const first = lastSettlement(run.state, shed, "user-a")?.settlement ?? assert.fail();
  const versions = Array.from({ length: 1_000 }, (_, i) => ({ ...first, height: i + 1 }));
  settlements.set(run.state, settlementId(shed, "user-a"), { versions });
  addSettlement(run.state, { slot: shed, owner: "user-a" }, { ...first, height: 1_001 });
  const last = lastSettlement(run.state, shed, "user-a");
  assert.deepEqual([last?.version, last?.settlement.height], [1_001, 1_001]);
});

test("a meter that was taken out and put back counts in no slot in between", () => {
  const run = new Chain();
  const second = { id: "user-a2-meter", role: "connection", feeder: "feeder-1" } as const;
  const unit = testGenesis().devices.find(({ owner }) => owner === "user-a") ?? assert.fail();
  let nonces = 0;
  const admits = (at: number, ...meters: Message<"admission">["devices"][number]["meters"]) => {
    nonces += 1;
    const nonce = new Uint8Array(16).fill(nonces);
    const devices = [{ ...unit, meters: [...unit.meters, ...meters] }];
    const message = { nonce, member: "member-a", owners: [], devices };
    assert.deepEqual(run.block(at, frameOf("member-a", "admission", message)), []);
  };
  const metersAt = (hours: number) => {
    const start = startTime + hours * hour;
    return partyInSlot(run.state, "user-a", { start, end: start + hour })?.meters.length;
  };
  admits(1, second);
  // Out and back within an hour, as where it moves to another unit: nothing has been.
  admits(125);
  admits(130, second);
  admits(180);
  admits(360, second);
  admits(540);
  admits(600, second);
  assert.deepEqual(
    Array.from({ length: 12 }, (_, hours) => metersAt(hours)),
    [1, 2, 2, 1, 1, 1, 2, 2, 2, 1, 2, 2],
  );
  assert.equal(feedersOf(run.state, "user-a").length, 2, "now it has two, not four");
  admits(660);
  admits(620 + retiredKeepMs / minute, second);
  admits(680 + retiredKeepMs / minute);
  const left = [...connections.scan(run.state, "user-a/")];
  assert.equal(left.length, 2, "what is of no use any more is gone");
});
