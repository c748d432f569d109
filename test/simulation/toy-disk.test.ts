import assert from "node:assert/strict";
import { test } from "node:test";
import type { DurableRecord } from "../../aggregator/consensus/pbft/ports.ts";
import { DamagedLog, readLog, ToyLog } from "./toy-disk.ts";

const record = (view: number): DurableRecord => ({ kind: "view", epoch: 0, view, asked: view + 1 });

function logOf(count: number): ToyLog {
  const log = new ToyLog();
  for (let view = 0; view < count; view += 1) log.append(record(view));
  return log;
}

test("a log torn at any byte keeps each whole record and nothing else", () => {
  const { bytes } = logOf(5);
  const size = bytes.length / 5;
  for (let length = 0; length <= bytes.length; length += 1) {
    const kept = Array.from({ length: Math.floor(length / size) }, (_, view) => record(view));
    assert.deepEqual(readLog(bytes.subarray(0, length)), kept);
  }
});

test("a flipped bit anywhere in a log is found", () => {
  const { bytes } = logOf(3);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => readLog(flipped), DamagedLog, `bit ${bit}`);
  }
});

test("a write that the process died in is no record, however much of it is there", () => {
  for (const part of [0, 0.01, 0.5, 0.99, 0.999]) {
    const log = logOf(2);
    log.tear(record(2), part);
    assert.deepEqual(log.open(), [record(0), record(1)]);
    log.append(record(3));
    assert.deepEqual(log.open(), [record(0), record(1), record(3)]);
  }
});
