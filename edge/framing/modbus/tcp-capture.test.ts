import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCapture } from "../decode-capture.ts";
import { withCrc } from "./crc16.ts";
import { toMbap } from "./mbap.ts";

const rtu = (...bytes: number[]) => withCrc(Uint8Array.from(bytes));
const question = toMbap(rtu(1, 4, 0, 0x48, 0, 2), 7);
const answer = toMbap(rtu(1, 4, 4, 0x41, 0x48, 0, 0), 7);
const refusal = toMbap(rtu(1, 0x84, 2), 8);

const decoded = (bytes: Uint8Array) => [...decodeCapture({ protocol: "modbus-tcp", bytes })];

test("questions and answers of Modbus TCP are paired, with offsets of their headers", () => {
  const entries = decoded(Buffer.concat([question, answer, question, refusal]));
  assert.deepEqual(
    entries.map((entry) => (entry.ok && "kind" in entry ? [entry.offset, entry.kind] : entry)),
    [
      [0, "request"],
      [12, "response"],
      [25, "request"],
      [37, "exception"],
    ],
  );
  assert.deepEqual(entries[1] && "address" in entries[1] && entries[1].address, 0x48);
});

test("after bytes that are no frame the next frame is found, and every byte is accounted for", () => {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) =>
    // A protocol id other than 0 in every place: nothing in the noise can pass for a header.
    bytes.map((byte) => byte | 0x80),
  );
  fc.assert(
    fc.property(noise, noise, (before, after) => {
      const entries = decoded(Buffer.concat([before, question, answer, after]));
      assert.deepEqual(
        entries.map(({ ok, offset }) => [ok, offset]),
        [
          [false, 0],
          [true, before.length],
          [true, before.length + 12],
          [false, before.length + 25],
        ],
      );
    }),
  );
});
