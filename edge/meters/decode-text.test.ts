import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeText } from "./decode-text.ts";

const printable = fc.stringMatching(/^[!-~]{0,16}$/);

test("a text reads back with two characters in a register and with one", () => {
  fc.assert(
    fc.property(printable, fc.integer({ min: 0, max: 4 }), (text, spare) => {
      const bytes = [...Buffer.from(text), ...new Array(2 * spare).fill(0)];
      assert.equal(decodeText(bytes), text);
      const pairs = Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) =>
        Number(((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)),
      );
      assert.equal(decodeText(pairs), text);
    }),
  );
});

// github.com/BiancoRoyal/node-red-contrib-modbus issue 383: an ET112 answers 0E 00 30 00 39 …
test("a Carlo Gavazzi serial number has one character in a register", () => {
  assert.equal(decodeText([0x30, 0x39, 0x34, 0x31, 0x31, 0x30, 0x50]), "094110P");
});

test("what stands behind the first NUL is no part of the text", () => {
  assert.equal(decodeText([0x5355, 0x4e32, 0x0041, 0x4242]), "SUN2");
  assert.equal(decodeText([0x4142, 0x2020]), "AB");
  assert.equal(decodeText([]), "");
});
