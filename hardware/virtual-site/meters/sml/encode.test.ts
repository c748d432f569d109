import assert from "node:assert/strict";
import { test } from "node:test";
import { integer, list, octets, transmission } from "./encode.ts";

const hex = (bytes: Iterable<number>) => Buffer.from([...bytes]).toString("hex");
const bytes = (text: string) => [...Buffer.from(text, "hex")];

// Source: github.com/felixwrt/sml-rs, tests of src/transport.rs.
test("published transmissions are made: plain, filled and escaped", () => {
  const wrapped = (text: string) => hex(transmission(bytes(text), "x25"));
  assert.equal(wrapped("12345678"), "1b1b1b1b01010101123456781b1b1b1b1a00b87b");
  assert.equal(wrapped("123456"), "1b1b1b1b01010101123456001b1b1b1b1a0191a5");
  const escaped = "1b1b1b1b01010101121b1b1b1b1b1b1b1b0000001b1b1b1b1a03be25";
  assert.equal(wrapped("121b1b1b1b"), escaped);
});

test("lengths above 15 take two bytes, of lists in elements and of strings in bytes", () => {
  assert.equal(hex(octets(Array(48).fill(7))).slice(0, 6), "830207");
  assert.equal(hex(list(Array(21).fill([1]))).slice(0, 6), "f10501");
  assert.equal(hex(integer("signed", -10550, 2)), "53d6ca");
  assert.equal(hex(integer("unsigned", 0xf6eec91, 8)), "69000000000f6eec91");
});
