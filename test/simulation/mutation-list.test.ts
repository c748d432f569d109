import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mutations } from "./mutation-list.ts";

const root = new URL("../../", import.meta.url);

test("each mutation finds the one place that it breaks, and breaks it", () => {
  for (const { name, edits } of mutations) {
    for (const { file, from, to } of edits) {
      const parts = readFileSync(new URL(file, root), "utf8").split(from).length - 1;
      assert.equal(parts, 1, `${name}: ${file} has ${parts} of ${from}`);
      assert.notEqual(from, to, name);
    }
  }
  const names = mutations.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, "each has its name");
});
