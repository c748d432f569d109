import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { remedyOf } from "./remedies.ts";

test("each refusal of an admission, a motion or a ballot says what to do about it", () => {
  const rules = globSync(join(import.meta.dirname, "../ledger/rules/{admission,members/*}.ts"));
  const text = rules
    .filter((file) => !file.includes("test"))
    .map((file) => readFileSync(file, "utf8"));
  const codes =
    text
      .join()
      .match(/(?<=")(admission|motion|ballot|member|parameters|contract)\.[a-z-]+(?=")/g) ?? [];
  assert.ok(new Set(codes).size >= 20, "the rules' codes were found");
  for (const code of codes) assert.notEqual(remedyOf(code), remedyOf("other"), code);
});
