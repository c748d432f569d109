import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { remedyOf } from "./remedies.ts";

test("each refusal of an admission says what to do about it", () => {
  const rule = join(import.meta.dirname, "../ledger/rules/admission.ts");
  const codes = readFileSync(rule, "utf8").match(/(?<=")admission\.[a-z-]+(?=")/g) ?? [];
  assert.ok(codes.length >= 8, "the rule's codes were found");
  for (const code of codes) assert.notEqual(remedyOf(code), remedyOf("other"), code);
});
