import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTrade, passes } from "./trades.ts";

test("an event keeps all its data and passes by its type", () => {
  const event = parseTrade(Buffer.from('{"type":"contract-signed","quantity":1200}'));
  assert.deepEqual(event, { type: "contract-signed", quantity: 1200 });
  assert.ok(event !== undefined);
  const owner = undefined;
  assert.ok(passes({ choice: "all", owner }, event));
  assert.ok(passes({ choice: "contract-signed", owner }, event));
  assert.ok(!passes({ choice: "contract-settled", owner }, event));
});

test("what has no type is no event", () => {
  for (const text of ["{}", "[]", "null", '{"type":1}', '{"type":""}', "{"]) {
    assert.equal(parseTrade(Buffer.from(text)), undefined);
  }
});

test("an owner's trades are those it sells or buys in", () => {
  const event = { type: "contract-signed", seller: "pv-1", buyer: "house" };
  for (const [owner, mine] of [
    ["pv-1", true],
    ["house", true],
    ["house-2", false],
  ] as const) {
    assert.equal(passes({ choice: "all", owner }, event), mine);
  }
});
