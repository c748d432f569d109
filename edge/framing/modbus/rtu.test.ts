import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc16, withCrc } from "./crc16.ts";
import { type RtuDamage, RtuFramer, type RtuTelegram } from "./rtu.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

function frames(chunks: readonly Uint8Array[]): (RtuTelegram | RtuDamage)[] {
  const framer = new RtuFramer();
  return [...chunks.flatMap((chunk) => [...framer.push(chunk)]), ...framer.end()];
}

const telegrams = (found: readonly (RtuTelegram | RtuDamage)[]) =>
  found.filter((item) => item.kind !== "damage");

/** A read and its answer, as they pass on the line. */
const exchange = fc
  .record({
    unit: fc.integer({ min: 1, max: 247 }),
    code: fc.constantFrom(3, 4),
    address: fc.integer({ min: 0, max: 0xffff }),
    registers: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 125 }),
  })
  .map(({ unit, code, address, registers }) => {
    const count = registers.length;
    const pair = (value: number) => [value >>> 8, value & 0xff];
    return {
      registers,
      address,
      request: withCrc(Uint8Array.of(unit, code, ...pair(address), ...pair(count))),
      reply: withCrc(Uint8Array.of(unit, code, 2 * count, ...registers.flatMap(pair))),
    };
  });

function cut(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...cuts.map((c) => c % (stream.length + 1)), 0, stream.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => stream.slice(at[i], end));
}

test("the CRC of the standard's check string is 0x4B37", () => {
  assert.equal(crc16(Buffer.from("123456789")), 0x4b37);
});

// Recorded from an SDM630: github.com/volkszaehler/mbmd issue 89.
test("a recorded exchange is a request and the response that answers it", () => {
  const found = frames([hex("01 04 01 6a 00 02 50 2b 01 04 04 45 a2 26 c7 14 98")]);
  assert.deepEqual(
    found.map((item) => (item.kind === "damage" ? item : [item.kind, item.address, item.count])),
    [
      ["request", 0x016a, 2],
      ["response", 0x016a, 2],
    ],
  );
  assert.deepEqual(telegrams(found)[1]?.registers, [0x45a2, 0x26c7]);
});

test("an exception names its code and the request it answers", () => {
  const found = frames([withCrc(hex("01 04 00 00 00 60")), withCrc(hex("01 84 02"))]);
  const answer = telegrams(found)[1];
  assert.deepEqual([answer?.kind, answer?.exception, answer?.count], ["exception", 2, 0x60]);
});

test("writes are framed in both directions", () => {
  const found = frames(
    [
      "01 06 00 10 00 03",
      "01 06 00 10 00 03",
      "01 10 00 10 00 01 02 00 03",
      "01 10 00 10 00 01",
    ].map((text) => withCrc(hex(text))),
  );
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ["request", "response", "request", "response"],
  );
});

test("no chunking changes what is found", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(exchange, fc.uint8Array({ maxLength: 20 })), { maxLength: 6 }),
      fc.array(fc.nat()),
      (parts, cuts) => {
        const stream = Uint8Array.from(
          parts.flatMap((p) => (p instanceof Uint8Array ? [...p] : [...p.request, ...p.reply])),
        );
        assert.deepEqual(frames(cut(stream, cuts)), frames([stream]));
      },
    ),
    { numRuns: 300 },
  );
});

test("noise around telegrams costs no telegram and every byte is accounted for", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 30 }), exchange), { maxLength: 5 }),
      fc.uint8Array({ maxLength: 30 }),
      (parts, tail) => {
        const stream = Uint8Array.from([
          ...parts.flatMap(([noise, { request, reply }]) => [...noise, ...request, ...reply]),
          ...tail,
        ]);
        const found = frames([stream]);
        const replies = telegrams(found).filter(({ kind }) => kind === "response");
        for (const [, { registers, address }] of parts) {
          assert.ok(
            replies.some(
              (reply) => reply.address === address && reply.registers?.join() === registers.join(),
            ),
          );
        }
        assert.deepEqual(
          found.flatMap(({ bytes }) => [...bytes]),
          [...stream],
        );
      },
    ),
    { numRuns: 300, seed: 20 },
  );
});

test("a reply cut short does not hide the exchange behind it", () => {
  const ask = withCrc(hex("01 04 00 00 00 50"));
  const next = withCrc(hex("02 03 00 05 00 01"));
  const reply = withCrc(hex("02 03 02 12 34"));
  const found = frames([ask, hex("01 04 a0 11 22 33"), next, reply]);
  assert.deepEqual(
    found.map((item) =>
      item.kind === "damage" ? [item.kind, item.offset, item.reason] : item.kind,
    ),
    ["request", ["damage", 8, "cut"], "request", "response"],
  );
});

test("endless noise is reported in pieces and never kept", () => {
  const framer = new RtuFramer();
  let bytes = 0;
  for (let i = 0; i < 200; i += 1) {
    for (const item of framer.push(new Uint8Array(64).fill(0xff))) bytes += item.bytes.length;
  }
  assert.ok(bytes >= 200 * 64 - 2 * 256);
});
