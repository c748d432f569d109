import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeLong, encodeShort } from "./frame.ts";
import { type MbusDamage, MbusFramer, type MbusTelegram } from "./framer.ts";

type Item = MbusTelegram | MbusDamage;

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

function frames(chunks: readonly Uint8Array[]): Item[] {
  const framer = new MbusFramer();
  return [...chunks.flatMap((chunk) => [...framer.push(chunk)]), ...framer.end()];
}

/** Telegrams that carry something: an E5h may stand in any noise. */
const telegrams = (found: readonly Item[]) =>
  found.filter((item) => item.kind === "long" || item.kind === "short");

const byte = fc.integer({ min: 0, max: 255 });
const long = fc
  .record({
    control: fc.constantFrom(0x08, 0x18, 0x53, 0x73),
    address: byte,
    ci: byte,
    data: fc.uint8Array({ maxLength: 252 }),
  })
  .map(encodeLong);
const short = fc
  .tuple(fc.constantFrom(0x40, 0x5b, 0x7b), byte)
  .map(([control, address]) => encodeShort(control, address));
const frame = fc.oneof(long, short);

function cut(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...cuts.map((c) => c % (stream.length + 1)), 0, stream.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => stream.slice(at[i], end));
}

test("a command, its confirmation and an answer are told apart", () => {
  const found = frames([hex("10 40 05 45 16 e5 68 03 03 68 08 05 70 7d 16")]);
  assert.deepEqual(
    found.map(({ kind, offset }) => [kind, offset]),
    [
      ["short", 0],
      ["acknowledge", 5],
      ["long", 6],
    ],
  );
});

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

test("noise around telegrams costs none, makes none, and every byte is accounted for", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 30 }), frame), { maxLength: 5 }),
      fc.uint8Array({ maxLength: 30 }),
      (parts, tail) => {
        const stream = Buffer.concat([...parts.flat(), tail]);
        const found = frames([stream]);
        assert.deepEqual(
          telegrams(found).map(({ bytes }) => bytes),
          parts.map(([, good]) => good),
        );
        assert.deepEqual(
          found.flatMap(({ bytes }) => [...bytes]),
          [...stream],
        );
      },
    ),
    { numRuns: 300, seed: 13757 },
  );
});

test("a changed byte costs its telegram and never another, and never makes a wrong one", () => {
  fc.assert(
    fc.property(
      long,
      frame,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (first, second, place, flip) => {
        const at = place % first.length;
        const damaged = first.map((value, i) => (i === at ? value ^ flip : value));
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

test("endless noise is reported in pieces and never kept", () => {
  const framer = new MbusFramer();
  let bytes = 0;
  for (let i = 0; i < 200; i += 1) {
    for (const item of framer.push(new Uint8Array(64).fill(0x68))) bytes += item.bytes.length;
  }
  assert.ok(bytes >= 200 * 64 - 3 * 261);
});
