import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { program } from "./programs.ts";

/** Sets variables for one test. */
function environment(t: TestContext, values: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  Object.assign(process.env, values);
  t.after(() => {
    process.env = before;
  });
}

test("a program that is there is found with its path", () => {
  const shell = program("sh", "dash");
  assert.ok("path" in shell && shell.path.endsWith("/sh"));
});

test("a missing program is left out and noted", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-programs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "left-out.jsonl");
  environment(t, { CI: "", BUSBAR_LEFT_OUT: file });
  const missing = program("no-such-program", "no-such-package");
  assert.ok("skip" in missing && missing.skip.includes("apt-get install no-such-package"));
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), {
    program: "no-such-program",
    debianPackage: "no-such-package",
  });
});

test("with CI=true a missing program is an error", (t) => {
  environment(t, { CI: "true" });
  assert.throws(() => program("no-such-program", "no-such-package"), /no-such-program is missing/);
});
