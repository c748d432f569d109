import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { admissions } from "../tables.ts";
import { LedgerRun } from "../test-run.ts";
import { frameOf, startTime, testGenesis } from "../test-site.ts";

const at = (minutes: number) => utcMs(startTime + minutes * 60_000);

const admit = (nonce: number, changes: object = {}) =>
  frameOf("member-a", "admission", {
    nonce: new Uint8Array(16).fill(nonce),
    member: "member-a",
    owners: [],
    devices: [],
    ...changes,
  });

test("an admission counts until its time, and its nonce is forgotten with the first block after it", () => {
  const run = LedgerRun.fromGenesis(testGenesis());
  const known = () => [...admissions.scan(run.state)].length;
  const codes = (minutes: number, ...frames: Uint8Array[]) => run.block(minutes, frames).refused;
  const [lasting, first, second] = [
    admit(1),
    admit(2, { until: at(10) }),
    admit(3, { until: at(20) }),
  ];
  assert.deepEqual(codes(1, lasting, first, second), []);
  assert.equal(known(), 3);
  assert.deepEqual(codes(9, lasting, first, second), Array(3).fill("tx.exists"));
  // The block that forgets it still knows it; ever after its time refuses it.
  assert.deepEqual(codes(10, first), ["tx.exists"]);
  assert.equal(known(), 2);
  assert.deepEqual(codes(10, first), ["admission.expired"]);
  assert.deepEqual(codes(3_000, second), ["tx.exists"]);
  assert.equal(known(), 1);
  assert.equal([...run.state.scan("admission-expiry/")].length, 0);
  const late = ["tx.exists", "admission.expired", "admission.expired"];
  assert.deepEqual(codes(3_001, lasting, first, second), late);
});

test("an admission that is over, or counts for more than a month, is refused", () => {
  const run = LedgerRun.fromGenesis(testGenesis());
  const month = 31 * 24 * 60;
  const code = (until: number) => run.block(5, [admit(9, { until: at(until) })]).refused;
  assert.deepEqual(code(5), ["admission.expired"]);
  assert.deepEqual(code(5 + month + 1), ["admission.until"]);
  assert.deepEqual(code(5 + month), []);
});
