import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { testHome } from "../../aggregator/commands/test-home.ts";
import { runToEnd } from "../../hardware/virtual-site/supervisor/child.ts";
import { explained } from "../../hardware/virtual-site/supervisor/older.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-older-"));
after(() => rmSync(folder, { recursive: true }));
const cli = join(import.meta.dirname, "../../aggregator/cli.ts");

/** What a member's program ends with, as `npm start` gets it. */
async function failureOf(spoil: string): Promise<unknown> {
  const { ledger, config } = testHome(mkdtempSync(join(folder, "home-")), 2);
  ledger.store.db.exec(spoil);
  ledger.store.close();
  const log = join(folder, "member.log");
  const args = [cli, "status", "--config", config];
  return runToEnd({ name: "member", args, log }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("npm start on a home of an older version says so, and how to begin anew", async () => {
  const error = await failureOf("DELETE FROM state WHERE key LIKE 'council/%'");
  const told = explained(error, "/somewhere/home");
  assert.ok(told instanceof Failure && told.code === "site.other-version");
  assert.match(told.message, /^\/somewhere\/home holds a site of another version/);
  assert.match(told.message, /npm start -- --fresh +forgets/);
  assert.match(told.message, /npm start -- --home FOLDER/);
  assert.match(told.message, /begun by an older program.*\n.*store\.older-rules/);
  const newer = explained(await failureOf("PRAGMA user_version=9999"), "/home");
  assert.ok(newer instanceof Failure && newer.code === "site.other-version");
});

test("any other reason why a member ends is told as it is", async () => {
  const error = await failureOf("UPDATE state SET value = x'00' WHERE key = 'account/user-a'");
  assert.ok(error instanceof Failure && /store\.corrupt/.test(error.message));
  assert.equal(explained(error, "/home"), error);
  const foreign = new Error("no failure");
  assert.equal(explained(foreign, "/home"), foreign);
});
