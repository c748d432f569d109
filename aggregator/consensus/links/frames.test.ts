import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, framed, heartbeat } from "./frames.ts";

test("messages come out of a stream as they went in, however it is cut", () => {
  const message = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(40)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(framed));
      const reader = new FrameReader(300);
      const got: Uint8Array[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        const chunk = Buffer.from(stream.subarray(at, at + cut));
        at += cut;
        assert.ok(reader.push(chunk, (bytes) => got.push(bytes)));
        // Whoever owns the chunk may use it again.
        chunk.fill(0xaa);
      }
      assert.deepEqual(got.map(Buffer.from), messages.map(Buffer.from));
    }),
  );
});

test("a heartbeat is a message without bytes", () => {
  const got: number[] = [];
  const reader = new FrameReader(0);
  const twice = Buffer.concat([heartbeat, heartbeat]);
  assert.ok(reader.push(twice, ({ length }) => got.push(length)));
  assert.deepEqual(got, [0, 0]);
});

test("the longest message passes, and one byte more ends the stream at its length", () => {
  const got: Uint8Array[] = [];
  const reader = new FrameReader(1000);
  assert.ok(reader.push(framed(new Uint8Array(1000).fill(7)), (bytes) => got.push(bytes)));
  assert.deepEqual(got[0], new Uint8Array(1000).fill(7));
  const prefix = framed(new Uint8Array(1001)).subarray(0, 4);
  assert.ok(reader.push(prefix.subarray(0, 3), () => assert.fail("no message yet")));
  assert.equal(
    reader.push(prefix.subarray(3), () => assert.fail("none at all")),
    false,
  );
});

test("what was only announced takes no memory, and single bytes take no more than their sum", () => {
  const bytesMax = 16 * 1024 * 1024;
  const readers = Array.from({ length: 100 }, () => new FrameReader(bytesMax));
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(bytesMax);
  const before = process.memoryUsage().arrayBuffers;
  for (const reader of readers) reader.push(Buffer.concat([prefix, prefix]), () => {});
  const announced = process.memoryUsage().arrayBuffers - before;
  assert.ok(announced < 100 * 128 * 1024, `${announced} bytes for 100 announced messages`);

  const [reader = new FrameReader(bytesMax)] = readers;
  const byte = Buffer.of(1);
  for (let i = 0; i < 300_000; i++) reader.push(byte, () => {});
  const single = process.memoryUsage().arrayBuffers - before - announced;
  assert.ok(single < 5 * 300_000, `${single} bytes for 300000 single ones`);
});
