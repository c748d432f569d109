import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSmlFile } from "./file.ts";
import { bytesOf, recording } from "./test-support/recorded.ts";
import { SmlFramer } from "./transport.ts";
import { readNode } from "./tree.ts";

function payloadOf(name: Parameters<typeof recording>[0]): Uint8Array {
  for (const item of new SmlFramer().push(recording(name))) {
    if (item.kind === "frame") return item.payload;
  }
  throw new Error(`${name} holds no telegram`);
}

const code = (payload: Uint8Array): string => {
  const file = parseSmlFile(payload);
  return file.ok ? "ok" : `${file.code} at ${file.offset}`;
};

test("a message under CRC-16/KERMIT is taken as one under CRC-16/X-25 is", () => {
  // The open response of a Holley DTZ541 on RS-485: github.com/spacemanspiff2007/SmlLib issue 22.
  const open = "7604000001620062007265000001017601010700000a583b800b0a01484c5902000159bb0101";
  assert.equal(code(bytesOf(`${open}63565d00`)), "ok");
  assert.equal(code(bytesOf(`${open}63565e00`)), "sml.message-crc at 38");
});

test("a list of more than 15 entries has its length in two bytes, counted in entries", () => {
  const file = parseSmlFile(payloadOf("holleyDtz541BareTimes"));
  assert.equal(file.ok && file.value[0]?.entries.length, 21);
});

test("a telegram whose outer checksum holds is refused for a wrong inner one", () => {
  // Its publisher put zeros over the server id and repaired the outer checksum only.
  assert.equal(code(payloadOf("ebzDd3")), "sml.message-crc at 39");
});

test("what no SML says is refused with its place", () => {
  const refusal = (text: string) => {
    const read = readNode(bytesOf(text), 0);
    return read.ok ? "ok" : `${read.code} at ${read.offset}`;
  };
  assert.equal(refusal("7262"), "sml.cut at 0");
  assert.equal(refusal("72620101"), "ok");
  assert.equal(refusal("726265"), "sml.cut at 3");
  assert.equal(refusal("0a0102"), "sml.cut at 0");
  assert.equal(refusal("15"), "sml.type at 0");
  assert.equal(refusal("6a010203040506070809"), "sml.type at 0");
  assert.equal(refusal("61"), "sml.type at 0");
  assert.equal(refusal("4301"), "sml.cut at 0");
  assert.equal(refusal("8f8f8f8f8f0f"), "sml.type at 4");
  assert.equal(refusal("8001"), "sml.type at 0");
  assert.equal(refusal(`${"71".repeat(16)}01`), "ok");
  assert.equal(refusal(`${"71".repeat(17)}01`), "sml.depth at 16");
  // A list of 65 535 elements in four bytes.
  assert.equal(refusal("ff8f8f0f"), "sml.cut at 0");
});

test("integers of 1 to 8 bytes keep their sign and every digit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.boolean(), (bytes, signed) => {
      const head = (signed ? 0x50 : 0x60) + bytes.length + 1;
      const read = readNode(Uint8Array.of(head, ...bytes), 0);
      assert.ok(read.ok && read.node.kind === "integer");
      const unsigned = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
      const negative = signed && (bytes[0] ?? 0) >= 0x80;
      const weight = 1n << BigInt(8 * bytes.length);
      assert.equal(read.node.value, negative ? unsigned - weight : unsigned);
    }),
  );
});

test("no bytes make the parser throw, and no damaged telegram is read", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseSmlFile(bytes)));
  const whole = payloadOf("drNeuhausSmarty");
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = whole.with(at, (whole[at] ?? 0) ^ flip);
      const file = parseSmlFile(bytes);
      // Only what stands outside the checksums can change unseen, and it means nothing.
      if (file.ok) assert.deepEqual(file, parseSmlFile(whole));
    }),
    { numRuns: 1000 },
  );
});
