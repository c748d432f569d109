import assert from "node:assert/strict";
import { test } from "node:test";
import { compared, type Verified } from "./report.ts";

const sound = (height: number, appHash: string): Verified => ({
  ok: true,
  height,
  appHash,
  readings: {},
  countedTwice: 0,
  moneySum: 0,
});

test("ledgers that came to one height agree there, and the farthest one is told of", () => {
  const { replay, verified } = compared([sound(7, "aa"), sound(8, "bb"), sound(8, "bb")]);
  assert.deepEqual([replay, verified.height], ["same", 8]);
});

test("a ledger that parts from another, or is not sound, is named", () => {
  const parted = compared([sound(8, "aa"), sound(8, "aa"), sound(8, "bb"), sound(7, "cc")]);
  assert.equal(parted.replay, "member 3 parts from another at 8");
  const broken = { ...sound(3, ""), ok: false, message: "block 3: wrong root" };
  assert.equal(compared([sound(8, "aa"), broken]).replay, "member 2: block 3: wrong root");
});
