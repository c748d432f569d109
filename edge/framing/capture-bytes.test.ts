import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { captureBytes } from "./capture-bytes.ts";

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0"));
const shown = (bytes: Uint8Array) =>
  Array.from(bytes, (b) => (b > 0x20 && b < 0x7f ? String.fromCharCode(b) : ".")).join("");

/** Lines of 16 bytes with their offsets. */
function rows(bytes: Uint8Array, row: (part: Uint8Array, at: number) => string): string[] {
  const count = Math.ceil(bytes.length / 16);
  return Array.from({ length: count }, (_, i) => row(bytes.slice(16 * i, 16 * i + 16), 16 * i));
}

const offset = (at: number, digits: number) => at.toString(16).padStart(digits, "0");
const fours = (part: Uint8Array) =>
  hex(part)
    .join("")
    .replaceAll(/(....)(?=.)/g, "$1 ");

/** How people paste bytes. The forms are those that the programs print. */
const forms: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  plain: (bytes) => hex(bytes).join(""),
  spaced: (bytes) => hex(bytes).join(" ").toUpperCase(),
  "one a line": (bytes) => hex(bytes).join("\r\n"),
  "colons and commas": (bytes) =>
    hex(bytes)
      .join(":")
      .replaceAll(/(.{60})/g, "$1\n"),
  "a list in C": (bytes) =>
    `{ ${hex(bytes)
      .map((b) => `0x${b}`)
      .join(", ")} };`,
  "short numbers": (bytes) => `[${Array.from(bytes, (b) => `0x${b.toString(16)}`).join(", ")}]`,
  escapes: (bytes) =>
    `"${hex(bytes)
      .map((b) => `\\x${b}`)
      .join("")}"`,
  "modpoll and others": (bytes) =>
    hex(bytes)
      .map((b) => `[${b}]`)
      .join(""),
  "read --raw": (bytes) =>
    rows(bytes, (part, at) =>
      [
        `19:50:12.345 ${at % 32 === 0 ? ">" : "<"} ${hex(part.slice(0, 9)).join(" ")}`,
        ...(part.length > 9 ? [`${" ".repeat(15)}${hex(part.slice(9)).join(" ")}`] : []),
        `${" ".repeat(15)}read 2 input registers from 72 of unit 1`,
      ].join("\n"),
    ).join("\n"),
  "a port before the direction": (bytes) =>
    rows(bytes, (part) => `/dev/ttyUSB0 > ${hex(part).join("")}`).join("\n"),
  "hexdump -C": (bytes) =>
    [
      ...rows(bytes, (part, at) => {
        const [left, right] = [hex(part.slice(0, 8)), hex(part.slice(8))];
        const body = `${left.join(" ").padEnd(23)}  ${right.join(" ").padEnd(23)}`;
        return `${offset(at, 8)}  ${body}  |${shown(part)}|`;
      }),
      offset(bytes.length, 8),
    ].join("\n"),
  xxd: (bytes) =>
    rows(bytes, (part, at) => `${offset(at, 8)}: ${fours(part).padEnd(39)}  ${shown(part)}`).join(
      "\n",
    ),
  "tcpdump -X": (bytes) =>
    rows(
      bytes,
      (part, at) => `\t0x${offset(at, 4)}:  ${fours(part).padEnd(39)}  ${shown(part)}`,
    ).join("\n"),
  wireshark: (bytes) =>
    rows(
      bytes,
      (part, at) => `${offset(at, 4)}   ${hex(part).join(" ").padEnd(47)}   ${shown(part)}`,
    ).join("\n"),
};

for (const [name, write] of Object.entries(forms)) {
  test(`bytes pasted as ${name} are those bytes`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
        assert.deepEqual(hex(captureBytes(Buffer.from(`${write(bytes)}\n`))), hex(bytes));
      }),
    );
  });
}

test("what is no hexadecimal text is taken as it is, and nothing is thrown but for half bytes", () => {
  for (const text of ["", "\n\n", "/KFM5KAIFA\r\n1-0:1.8.0(1)\r\n", "# a remark\n"]) {
    assert.deepEqual([...captureBytes(Buffer.from(text))], [...Buffer.from(text)]);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        captureBytes(bytes);
      } catch (error) {
        assert.equal(Reflect.get(Object(error), "code"), "decode.hex");
      }
    }),
  );
});
