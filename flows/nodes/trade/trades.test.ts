import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTrade, passes } from "./trades.ts";

test("an event keeps all its data and passes by its type", () => {
  const event = parseTrade(Buffer.from('{"type":"contract-signed","quantity":1200}'));
  assert.deepEqual(event, { type: "contract-signed", quantity: 1200 });
  assert.ok(event !== undefined);
  assert.ok(passes("all", event) && passes("contract-signed", event));
  assert.ok(!passes("contract-settled", event));
});

test("what has no type is no event", () => {
  for (const text of ["{}", "[]", "null", '{"type":1}', '{"type":""}', "{"]) {
    assert.equal(parseTrade(Buffer.from(text)), undefined);
  }
});
