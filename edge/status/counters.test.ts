import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "./counters.ts";

test("reasons that somebody makes up without end are counted together", () => {
  const counters = new Counters();
  counters.count("meter.timeout");
  for (let n = 0; n < 10_000; n++) counters.count(`made.up-${n}`);
  counters.add("meter.timeout", 2);
  const all = counters.all();
  assert.equal(counters.of("meter.timeout"), 3);
  assert.ok(Object.keys(all).length <= 501);
  assert.equal(
    Object.values(all).reduce((sum, n) => sum + n, 0),
    10_003,
  );
});
