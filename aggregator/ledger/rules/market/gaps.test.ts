import assert from "node:assert/strict";
import { before, test } from "node:test";
import { micro } from "@busbar/protocol";
import { accountEntriesSince } from "../../account-entries.ts";
import { accountSums } from "../../accounts.ts";
import { creditReports } from "../../credit.ts";
import { lastSettlement } from "../../settlements.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { entry, frameOf, MeterChain, startTime, testGenesis } from "../../test-site.ts";
import { takeUnread, unread } from "../../unread.ts";
import { Chain, hour, slot } from "./test-chain.ts";

const { parameters } = testGenesis();
const credit = {
  parameters: { ...parameters, credit: { line: micro(1e12), tolerancePermille: 100 } },
};
const day = 24 * 60;
const dayMs = 24 * hour;

/** What a party counts as having drawn from `from` to `to`, by the newest version of each of its slots. */
function drawn(run: Chain, from: number, to: number): number {
  let all = 0;
  for (let at = from; at < to; at += hour) {
    all += lastSettlement(run.state, at, "user-a")?.settlement.importWh ?? 0;
  }
  return all;
}

/** A meter that shows a thousand Wh an hour for three days, and from then on nothing: for 33 days, and for 79. */
let [month, long] = [new Chain(credit), new Chain(credit)];
const user = new MeterChain("user-a");
const silent = startTime + 3 * dayMs;

before(() => {
  long.block(20);
  for (let n = 0; n <= 3; n++) {
    long.block(n * day + 61, user.frame(entry(startTime + n * dayMs, n * 24_000)));
  }
  for (let n = 4; n <= 36; n++) long.block(n * day + 1);
  month = long.copy();
  for (let n = 37; n <= 82; n++) long.block(n * day + 1);
});

/** The meter's next reading, by a unit that was away. */
const heard = (time: number, importWh: number) =>
  frameOf("user-a-unit", "readings", {
    ...{ meter: user.meter, first: user.next, prev: user.head },
    entries: [entry(time, importWh)],
  });

test("energy that was drawn in a silence of more than a month is billed when the meter is heard again", () => {
  const run = month;
  const silence = [silent, startTime + 36 * dayMs] as const;
  assert.ok(drawn(run, ...silence) < 100_000, "the first days' estimates, by the usual");
  assert.deepEqual(run.block(36 * day + 2, heard(silence[1], 72_000 + 3_300_000)), []);
  assert.equal(drawn(run, ...silence), 3_300_000);
  assert.deepEqual(run.of("energy-unallocated"), []);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a silence that goes on counts with what it usually draws, also when no usual day is known any more", () => {
  const late = startTime + 48 * dayMs;
  const { method, importWh } = lastSettlement(long.state, late, "user-a")?.settlement ?? {};
  assert.deepEqual([method, importWh], ["unproven", 1_000]);
});

test("what a silence hid beyond the estimates of slots that are forgotten is billed at the dearest price", () => {
  const back = startTime + 82 * dayMs;
  const run = long;
  const estimated = unread.get(run.state, "user-a")?.energyWh ?? 0;
  const forgotten = Math.round((estimated / 1_000) * hour);
  assert.equal(estimated % 1_000, 0, "each of its slots counted as usual");
  assert.ok(estimated > 15 * 24_000);
  // It drew a hundred times as much as was estimated.
  const hours = (back - silent) / hour;
  assert.deepEqual(run.block(82 * day + 2, heard(back, 72_000 + hours * 100_000)), []);
  const kept = drawn(run, silent, back);
  const [[, entry] = []] = accountEntriesSince(run.state, "user-a", 0);
  const energyWh = (forgotten / hour) * 99_000;
  assert.deepEqual([entry?.sort, entry?.unread?.energyWh], ["unread", energyWh]);
  const { retail, imbalancePermille } = parameters;
  const dearest = (retail * (1000 + imbalancePermille)) / 1000;
  assert.equal(entry?.money, 0 - (dearest * energyWh) / 1000);
  assert.equal(kept + energyWh + estimated, hours * 100_000, "each Wh once");
  const [told] = run.of("energy-unallocated");
  assert.deepEqual([told?.billedWh, told?.money], [energyWh, 0 - (entry?.money ?? 0)]);
  const [[, taken] = []] = accountEntriesSince(run.state, "bureau-a", 0);
  assert.deepEqual([taken?.sort, taken?.money], ["unread", 0 - (entry?.money ?? 0)]);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("what was estimated too high stands, and counts for the next meter of the same silence", () => {
  const state = new Overlay(emptyState);
  unread.set(state, "user-a", { energyWh: 1_000 });
  assert.deepEqual(
    [400, 500, 150, 7].map((shown) => takeUnread(state, "user-a", shown)),
    [0, 0, 50, 7],
  );
  assert.equal(unread.get(state, "user-a"), undefined);
});

test("readings that come late, or leave a hole longer than a slot, stand on their owner's credit report", () => {
  const run = new Chain(credit);
  const user = new MeterChain("user-a");
  const counts = () =>
    (creditReports.get(run.state, "user-a")?.counts ?? []).map(({ kind, times }) => [kind, times]);
  run.block(20, user.frame(entry(startTime, 0)));
  run.block(61, user.frame(entry(slot, 100)));
  for (const at of [91, 121, 151, 181]) run.block(at);
  assert.deepEqual(counts(), [["readings-late", 1]]);
  const [kept, hole] = [entry(slot + hour, 200), entry(slot + 3 * hour, 400)];
  run.block(182, user.frame(kept));
  assert.deepEqual(counts(), [["readings-late", 1]], "what was kept and comes late leaves no hole");
  run.block(241, user.frame(hole));
  assert.deepEqual(counts(), [
    ["readings-late", 1],
    ["readings-missing", 1],
  ]);
});
