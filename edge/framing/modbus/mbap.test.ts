import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withCrc } from "./crc16.ts";
import { type MbapFrame, takeMbap, toMbap } from "./mbap.ts";

const frame = fc.record({
  transaction: fc.integer({ min: 0, max: 0xffff }),
  rtu: fc.uint8Array({ minLength: 3, maxLength: 254 }).map((pdu) => withCrc(pdu)),
});

/** What comes out when the stream comes in pieces, as the port takes it. */
function taken(stream: Uint8Array, cuts: readonly number[]) {
  const frames: MbapFrame[] = [];
  let rest: Uint8Array = new Uint8Array(0);
  for (let at = 0, i = 0; at < stream.length; i += 1) {
    const length = cuts[i % cuts.length] ?? 1;
    const found = takeMbap(Buffer.concat([rest, stream.subarray(at, at + length)]));
    if (found === "broken") return "broken";
    frames.push(...found.frames);
    rest = found.rest;
    at += length;
  }
  return { frames, rest };
}

const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });

test("no chunking changes which frames of Modbus TCP are found", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, pieces) => {
      const stream = Buffer.concat(frames.map(({ rtu, transaction }) => toMbap(rtu, transaction)));
      const found = taken(stream, pieces);
      assert.ok(found !== "broken");
      assert.deepEqual(
        found.frames.map(({ transaction, rtu }) => [transaction, [...rtu]]),
        frames.map(({ transaction, rtu }) => [transaction, [...rtu]]),
      );
      assert.equal(found.rest.length, 0);
    }),
  );
});

test("any bytes give frames, or a broken stream, and less than one frame is kept", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      const found = takeMbap(bytes);
      if (found === "broken") return;
      assert.ok(found.rest.length < 260);
      for (const { rtu } of found.frames) assert.ok(rtu.length >= 5 && rtu.length <= 256);
    }),
  );
});

test("a stream that is no Modbus TCP is broken from there on, not guessed at", () => {
  const good = toMbap(withCrc(Uint8Array.of(1, 3, 2, 0, 7)), 9);
  const other = good.with(3, 1);
  assert.equal(takeMbap(Buffer.concat([good, other])), "broken");
  for (const length of [0, 2, 255]) assert.equal(takeMbap(good.with(5, length)), "broken");
});
