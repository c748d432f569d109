import assert from "node:assert/strict";
import { test } from "node:test";
import { micro } from "@busbar/protocol";
import { accountSums } from "../../accounts.ts";
import { creditReports } from "../../credit.ts";
import { lastSettlement } from "../../settlements.ts";
import { entry, MeterChain, startTime, testGenesis } from "../../test-site.ts";
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

test("energy that was drawn in a silence of more than a month is billed when the meter is heard again", () => {
  const run = new Chain(credit);
  const user = new MeterChain("user-a");
  run.block(20);
  for (let n = 0; n <= 3; n++) {
    run.block(n * day + 61, user.frame(entry(startTime + n * dayMs, n * 24_000)));
  }
  for (let n = 4; n <= 36; n++) run.block(n * day + 1);
  const silence = [startTime + 3 * dayMs, startTime + 36 * dayMs] as const;
  assert.ok(drawn(run, ...silence) < 100_000, "the first days' estimates, by the usual");
  const back = user.frame(entry(silence[1], 72_000 + 3_300_000));
  assert.deepEqual(run.block(36 * day + 2, back), []);
  assert.equal(drawn(run, ...silence), 3_300_000);
  assert.deepEqual(run.of("energy-unallocated"), []);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a silence that goes on counts with what it usually draws, also when no usual day is known any more", () => {
  const run = new Chain(credit);
  const user = new MeterChain("user-a");
  run.block(20);
  for (let n = 0; n <= 3; n++) {
    run.block(n * day + 61, user.frame(entry(startTime + n * dayMs, n * 24_000)));
  }
  for (let n = 4; n <= 82; n++) run.block(n * day + 1);
  const late = startTime + 48 * dayMs;
  const { method, importWh } = lastSettlement(run.state, late, "user-a")?.settlement ?? {};
  assert.deepEqual([method, importWh], ["unproven", 1_000]);
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
