import assert from "node:assert/strict";
import { test } from "node:test";
import { entry, frameOf, MeterChain, startTime } from "../test-site.ts";
import { Chain, minute } from "./market/test-chain.ts";
import { silenceRule, silentMeters } from "./silence.ts";

/** Blocks at these minutes, with the readings of the meters that report there. */
function blocks(run: Chain, from: number, to: number, ...meters: MeterChain[]): void {
  for (let at = from; at <= to; at += 10) {
    const time = startTime + at * minute;
    run.block(at, ...meters.map((meter) => meter.frame(entry(time, at, at))));
  }
}

const told = (run: Chain) =>
  [...run.of("meter-silent"), ...run.of("meter-heard")].map(({ type, owner, since }) => [
    type,
    owner,
    (since - startTime) / minute,
  ]);

test("a meter that did not report the end of a slot is silent half an hour later, once, until it reports", () => {
  const run = new Chain();
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  blocks(run, 0, 50, company, user);
  blocks(run, 60, 80, company);
  assert.deepEqual(told(run), [], "readings of the slot's end may still come");
  blocks(run, 90, 210, company);
  assert.deepEqual(told(run), [["meter-silent", "user-a", 50]], "the bureau's never began");
  assert.ok(silentMeters.get(run.state, "user-a-meter"));
  blocks(run, 220, 280, company, user);
  assert.deepEqual(told(run), [
    ["meter-silent", "user-a", 50],
    ["meter-heard", "user-a", 50],
  ]);
  assert.equal(silentMeters.get(run.state, "user-a-meter"), undefined);
});

test("a suspended unit is not waited for, and no meter is blamed for a time without blocks", () => {
  const run = new Chain();
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  blocks(run, 0, 50, company, user);
  const suspend = frameOf("member-a", "device-change", {
    ...{ by: "member-a", device: "user-a-unit", version: 1 },
    ...{ change: "suspend", reason: "maintenance" },
  });
  assert.deepEqual(run.block(55, suspend), []);
  blocks(run, 60, 100, company);
  run.block(600);
  assert.deepEqual(told(run), []);
  blocks(run, 610, 620, company);
  blocks(run, 630, 700, company);
  assert.deepEqual(told(run), []);
});

test("the rule wants a block once for each slot, and none after it ran", () => {
  const run = new Chain();
  run.block(0);
  const due = (at: number) =>
    silenceRule.due(run.state, (startTime + at * minute) as never, {} as never);
  assert.deepEqual([due(89), due(90)], [false, true]);
  run.block(90);
  assert.deepEqual([due(90), due(149), due(150)], [false, false, true]);
});
