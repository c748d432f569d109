import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { backUp, isSilent, restoreBackup } from "../ledger/backup.ts";
import { Store } from "../ledger/store.ts";
import { genesis, openLedger, record, stateOf, story } from "../ledger/test-ledger.ts";
import { testHome } from "./test-home.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-backup-"));
after(() => rmSync(folder, { recursive: true }));
const grounds = { genesis, verify };

function busbar(...args: string[]) {
  const run = spawnSync(process.execPath, [cli, ...args], { encoding: "utf8", cwd: folder });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

test("a backup of a running ledger comes back whole, and says so", () => {
  const { ledger, config, store } = testHome(join(folder, "home"), 6);
  const file = join(folder, "copy.sqlite");
  const made = busbar("backup", file, "--config", config, "--json");
  assert.equal(made.status, 0, made.stderr);
  assert.deepEqual(JSON.parse(made.stdout).height, 6);
  const before = stateOf(ledger);
  const [next] = story(7).slice(6);
  assert.ok(next);
  record(ledger, next);
  ledger.store.close();

  const there = busbar("restore", file, "--config", config, "--accept-loss");
  assert.deepEqual([there.status, /backup\.exists/.test(there.stderr)], [1, true]);
  const again = busbar("backup", file, "--config", config);
  assert.match(again.stderr, /backup\.exists/);
  for (const end of ["", "-wal", "-shm"]) rmSync(`${store}${end}`, { force: true });
  const dry = busbar("restore", file, "--config", config, "--dry-run");
  assert.match(dry.stdout, /up to block 6.*sound/);
  assert.ok(!readdirSync(join(folder, "home")).includes("ledger.sqlite"));
  assert.match(busbar("restore", file, "--config", config).stderr, /restore\.loss/);
  const back = busbar("restore", file, "--config", config, "--accept-loss", "--json");
  assert.equal(back.status, 0, back.stderr);
  const restored = openLedger(new Store(store));
  assert.equal(stateOf(restored), before);
  assert.equal(isSilent(restored.store), false, "who orders alone goes on");
  record(restored, next);
  restored.store.close();
});

test("a member among several is told to keep silent, and its old votes are gone", () => {
  const { ledger, store } = testHome(join(folder, "several"), 3);
  ledger.store.close();
  const file = join(folder, "several.sqlite");
  backUp(store, file, grounds);
  const target = join(folder, "several", "restored.sqlite");
  assert.deepEqual(restoreBackup(file, target, { ...grounds, silent: true }), {
    height: 3,
    base: 0,
    waiting: 0,
  });
  const restored = new Store(target);
  assert.equal(isSilent(restored), true);
  assert.deepEqual(restored.votes(), []);
  restored.close();
});

test("what is no sound backup is refused, and leaves nothing behind", () => {
  const { ledger, store } = testHome(join(folder, "bad"), 4);
  ledger.store.close();
  const good = join(folder, "good.sqlite");
  backUp(store, good, grounds);
  const target = join(folder, "bad", "restored.sqlite");
  const bad = join(folder, "bad.sqlite");
  const codeOf = (content: Uint8Array | string, sql?: string) => {
    writeFileSync(bad, content);
    if (sql !== undefined) {
      const db = new DatabaseSync(bad);
      db.exec(sql);
      db.close();
    }
    try {
      restoreBackup(bad, target, { ...grounds, silent: true });
      return "ok";
    } catch (error) {
      assert.ok(error instanceof Error && "code" in error);
      assert.ok(!readdirSync(join(folder, "bad")).some((name) => name.startsWith("restored")));
      return error.code;
    }
  };
  const whole = readFileSync(good);
  assert.equal(codeOf("garbage, and more of it"), "backup.damaged");
  assert.equal(codeOf(""), "backup.damaged");
  assert.notEqual(codeOf(whole.subarray(0, whole.length >> 1)), "ok");
  assert.equal(codeOf(whole, "DELETE FROM state WHERE key = 'account/user-a'"), "store.corrupt");
  assert.equal(codeOf(whole, "UPDATE tx SET frame = x'00' WHERE height = 2"), "backup.damaged");
  assert.equal(codeOf(whole, "DELETE FROM block WHERE height = 2"), "backup.damaged");
  assert.equal(
    codeOf(whole, "UPDATE meta SET value = '00' WHERE key = 'genesis'"),
    "store.other-chain",
  );
  assert.throws(() => restoreBackup(join(folder, "none"), target, { ...grounds, silent: true }), {
    code: "backup.damaged",
  });
});
