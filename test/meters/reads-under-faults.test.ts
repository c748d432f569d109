import assert from "node:assert/strict";
import { test } from "node:test";
import { everyFault, readsUnderFaults, ways } from "../support/reads-under-faults.ts";

const reads = 20_000;

for (const way of ways) {
  test(`${way}: no wrong value in ${reads} reads under every fault at once`, async () => {
    const outcome = await readsUnderFaults({ way, reads, seed: 20_000, faults: everyFault });
    assert.deepEqual(outcome.wrong, []);
    assert.ok(outcome.right > 0.7 * reads, `${outcome.right} right`);
    const { counters } = outcome;
    const befallen = way === "tcp" ? ["late", "unexpected", "abandoned"] : serialFaults;
    for (const name of befallen) {
      assert.ok(counters[name as keyof typeof counters] > 0, `${name} did not happen`);
    }
  });
}

const serialFaults = ["late", "repeated", "foreign", "noiseBytes", "unexpected", "lost"];

test("a healthy line gives every value", async () => {
  for (const way of ways) {
    const { wrong, failed, right, refused } = await readsUnderFaults({
      way,
      reads: 500,
      seed: 1,
      faults: {},
    });
    const dead = failed.get("meter.timeout") ?? 0;
    assert.deepEqual([wrong.length, right + dead + refused], [0, 500], way);
    assert.ok(right >= 480, `${way}: ${right}`);
  }
});
