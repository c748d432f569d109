import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { remedies } from "./link/problem.ts";

const here = dirname(fileURLToPath(import.meta.url));
/** Areas whose codes an installer meets while a unit is set up and runs. */
const area = "(?:meter|file|journal|membership|mandate|enrol|token|link|claim|update|flash)";

const page = readFileSync(`${here}/TROUBLESHOOTING.md`, "utf8");
const explained = new Set(
  page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([a-z0-9]+\.[a-z0-9-]+)`/g)])
    .map(([, code]) => code ?? ""),
);

const sources = globSync(`${here}/**/*.ts`)
  .filter((file) => !/\.test\.ts$|test-support|node_modules/.test(file))
  .map((file) => readFileSync(file, "utf8"));

/** Codes of failures; the journal's `verify` has codes of its own, which stand beside their place. */
const thrown = new Set(
  sources
    .flatMap((text) => [
      ...text.matchAll(new RegExp(`ailure\\(\\s*"(${area}\\.[a-z0-9-]+)"`, "g")),
      // By a helper that also says what has become of the card.
      ...text.matchAll(/"(flash\.[a-z-]+)"/g),
      ...text.matchAll(new RegExp(`code: "(${area}\\.[a-z0-9-]+)"`, "g")),
    ])
    .map(([, code]) => code ?? ""),
);

test("every code of a failure stands in the page that says what to do", () => {
  assert.ok(thrown.size > 40, `${thrown.size} codes found`);
  const missing = [...thrown, ...Object.keys(remedies)].filter((code) => !explained.has(code));
  assert.deepEqual(missing, []);
});

test("the page explains no code that nothing says", () => {
  const text = sources.join("\n");
  assert.deepEqual(
    [...explained].filter((code) => !text.includes(`"${code}"`)),
    [],
  );
});
