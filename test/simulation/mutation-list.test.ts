import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mutations } from "./mutation-list.ts";
import { escaped, noticesIn } from "./notices.ts";

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

test("README.md says of each mutation what noticed it, and names tests that there are", () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const notices = noticesIn(readme);
  assert.deepEqual(
    [...notices.keys()],
    mutations.map(({ name }) => name),
  );
  const named = ["aggregator/consensus/pbft", "test/simulation"]
    .flatMap((folder) => globSync(`${folder}/*.test.ts`, { cwd: fileURLToPath(root) }))
    .flatMap((file) => testsIn(readFileSync(new URL(file, root), "utf8")));
  for (const [name, notice] of notices) {
    if ("seed" in notice) continue;
    assert.ok(
      named.some((test) => test.test(notice.test)),
      `${name}: no test is named ${notice.test}`,
    );
  }
});

/** Names of a file's tests; what a template puts in may be anything. */
function testsIn(source: string): RegExp[] {
  return Array.from(
    source.matchAll(/\btest\(\s*(?:"([^"]+)"|`([^`]+)`)/g),
    ([, plain, template]) => {
      const parts = plain === undefined ? (template ?? "").split(/\$\{[^}]*\}/) : [plain];
      return new RegExp(`^${parts.map(escaped).join(".+")}$`);
    },
  );
}
