import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderScan } from "./guard.ts";

const connect = Uint8Array.of(0x10, 2, 0, 0);

function scan(...chunks: readonly Uint8Array[]) {
  const headers = new HeaderScan(16_384);
  return chunks.map((chunk) => headers.feed(chunk)).find((verdict) => verdict !== undefined);
}

test("packets within the limit pass, cut anywhere", () => {
  const packet = fc
    .tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 0, max: 16_384 }))
    .map(([type, length]) =>
      Uint8Array.from([type << 4, ...lengthBytes(length), ...new Uint8Array(length)]),
    );
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 4 }),
      fc.integer({ min: 1, max: 4096 }),
      (packets, step) => {
        const stream = Uint8Array.from([connect, ...packets].flatMap((bytes) => [...bytes]));
        const chunks = [];
        for (let at = 0; at < stream.length; at += step) chunks.push(stream.slice(at, at + step));
        assert.equal(scan(...chunks), undefined);
      },
    ),
    { numRuns: 40 },
  );
});

test("the length of MQTT's largest packet is refused before its body, and before its last byte", () => {
  assert.equal(scan(connect, Uint8Array.of(0x30, 0xff, 0xff, 0xff)), "guard.packet-too-large");
  assert.equal(scan(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f)), "guard.packet-too-large");
});

test("one byte more than the limit is refused, the limit is not", () => {
  assert.equal(scan(connect, Uint8Array.from([0x30, ...lengthBytes(16_384)])), undefined);
  assert.equal(
    scan(connect, Uint8Array.from([0x30, ...lengthBytes(16_385)])),
    "guard.packet-too-large",
  );
});

test("a remaining length of more than four bytes is malformed", () => {
  assert.equal(scan(connect, Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80)), "guard.malformed");
});

test("reserved packet types are malformed", () => {
  assert.equal(scan(connect, Uint8Array.of(0x00)), "guard.malformed");
  assert.equal(scan(connect, Uint8Array.of(0xf0)), "guard.malformed");
});

test("a stream that does not begin with CONNECT is refused at its first byte", () => {
  assert.equal(scan(Buffer.from("GET / HTTP/1.1")), "guard.not-connect");
  assert.equal(scan(Uint8Array.of(0xc0, 0)), "guard.not-connect");
});

test("any bytes are judged without a throw, and equally however they are cut", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      (bytes, step) => {
        const chunks = [];
        for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.slice(at, at + step));
        assert.equal(scan(...chunks), scan(bytes));
      },
    ),
  );
});

function lengthBytes(length: number): number[] {
  const low = length % 128;
  const rest = Math.floor(length / 128);
  return rest === 0 ? [low] : [low | 0x80, ...lengthBytes(rest)];
}
