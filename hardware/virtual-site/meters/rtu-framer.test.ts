import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc16, crcHolds, withCrc } from "./crc16.ts";
import { RtuFramer, type RtuRequest } from "./rtu-framer.ts";

const read = (unit: number, address: number) =>
  withCrc(Uint8Array.of(unit, 4, address >> 8, address & 0xff, 0, 2));

// Source: frames recorded in volkszaehler/mbmd issue 89.
test("the checksum is the one of recorded frames", () => {
  assert(crcHolds(Buffer.from("0104016a0002502b", "hex")));
  assert(crcHolds(Buffer.from("01040445a226c71498", "hex")));
  assert.equal(crc16(Buffer.from("0104016a0002", "hex")), 0x2b50);
});

test("requests come out whole and in order for any chunking", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 247 }), fc.nat({ max: 0xffff })), {
        maxLength: 8,
      }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 80 }),
      (requests, sizes) => {
        const bytes = Buffer.concat(requests.map(([unit, address]) => read(unit, address)));
        const framer = new RtuFramer();
        const found: RtuRequest[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          found.push(...framer.push(bytes.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(
          found.map(({ unit, pdu }) => [unit, Buffer.from(pdu).readUInt16BE(1)]),
          requests,
        );
      },
    ),
  );
});

test("noise before a request costs the request nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
      const framer = new RtuFramer();
      framer.push(noise);
      assert.equal(framer.push(read(7, 0x48)).at(-1)?.unit, 7);
    }),
  );
});

test("a request of an unknown function ends with the silence behind it", () => {
  const framer = new RtuFramer();
  const identify = withCrc(Uint8Array.of(3, 0x2b, 0x0e, 1, 0));
  assert.deepEqual(framer.push(identify), []);
  assert.deepEqual(framer.silence(), [{ unit: 3, pdu: Uint8Array.of(0x2b, 0x0e, 1, 0) }]);
});

test("half a request is forgotten after a silence", () => {
  const framer = new RtuFramer();
  framer.push(read(1, 0).subarray(0, 5));
  assert.deepEqual(framer.silence(), []);
  assert.equal(framer.push(read(2, 0)).length, 1);
});
