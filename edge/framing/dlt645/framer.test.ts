import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrame } from "./frame.ts";
import { type Dlt645Damage, Dlt645Framer, type Dlt645Telegram } from "./framer.ts";

type Item = Dlt645Telegram | Dlt645Damage;

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

function frames(chunks: readonly Uint8Array[]): Item[] {
  const framer = new Dlt645Framer();
  return [...chunks.flatMap((chunk) => [...framer.push(chunk)]), ...framer.end()];
}

const telegrams = (found: readonly Item[]) => found.filter((item) => item.kind === "telegram");

const frame = fc
  .record({
    address: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 12 }),
    control: fc.constantFrom(0x11, 0x91, 0xb1, 0x12, 0x92, 0xb2, 0x13, 0x93, 0xd1),
    data: fc.uint8Array({ maxLength: 200 }),
  })
  .map(({ address, control, data }) => encodeFrame({ address: address.join(""), control, data }));

function cut(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...cuts.map((c) => c % (stream.length + 1)), 0, stream.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => stream.slice(at[i], end));
}

test("no chunking changes what is found", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(frame, fc.uint8Array({ maxLength: 20 })), { maxLength: 6 }),
      fc.array(fc.nat()),
      (parts, cuts) => {
        const stream = Buffer.concat(parts);
        assert.deepEqual(frames(cut(stream, cuts)), frames([stream]));
      },
    ),
    { numRuns: 300 },
  );
});

test("noise and preambles around telegrams cost none and make none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 30 }), fc.nat(6), frame), { maxLength: 5 }),
      fc.uint8Array({ maxLength: 30 }),
      (parts, tail) => {
        const stream = Buffer.concat([
          ...parts.flatMap(([noise, leaders, good]) => [
            noise,
            new Uint8Array(leaders).fill(0xfe),
            good,
          ]),
          tail,
        ]);
        assert.deepEqual(
          telegrams(frames([stream])).map(({ bytes }) => bytes),
          parts.map(([, , good]) => good),
        );
      },
    ),
    { numRuns: 300, seed: 645 },
  );
});

test("a changed byte costs its telegram and never another, and never makes a wrong one", () => {
  fc.assert(
    fc.property(
      frame,
      frame,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (first, second, place, flip) => {
        const at = place % first.length;
        const damaged = first.map((byte, i) => (i === at ? byte ^ flip : byte));
        const found = telegrams(frames([damaged, second]));
        assert.deepEqual(
          found.map(({ bytes }) => bytes),
          [second],
        );
      },
    ),
    { numRuns: 300, seed: 7 },
  );
});

test("a telegram cut short does not hide the one behind it", () => {
  const good = encodeFrame({ address: "000000000161", control: 0x11, data: hex("00 00 01 00") });
  const found = frames([hex("fe fe 68 61 01 00 00 00 00 68 91 08 33 33"), hex("fe fe"), good]);
  assert.deepEqual(
    found.map((item) => [item.kind, item.offset, item.bytes.length]),
    [
      ["damage", 0, 14],
      ["telegram", 16, 16],
    ],
  );
});

test("endless noise is reported in pieces and never kept", () => {
  const framer = new Dlt645Framer();
  let bytes = 0;
  for (let i = 0; i < 200; i += 1) {
    for (const item of framer.push(new Uint8Array(64).fill(0x68))) bytes += item.bytes.length;
  }
  assert.ok(bytes >= 200 * 64 - 3 * 212);
});
