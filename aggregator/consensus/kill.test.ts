import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { verify } from "@busbar/protocol/node";
import { Store } from "../ledger/store.ts";
import { testGenesis } from "../ledger/test-site.ts";
import { verifyLedger } from "../ledger/verify.ts";

const kills = 10;
const child = fileURLToPath(new URL("./kill-child.ts", import.meta.url));

/** Runs the recorder until it acknowledged about `count` frames, kills it, returns what it said. */
async function runAndKill(path: string, origin: number, count: number): Promise<string[]> {
  const process_ = spawn(process.execPath, [child, path, String(origin)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(process_, "exit");
  let said = "";
  process_.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.length >= count * 65) process_.kill("SIGKILL");
  });
  const [, signal] = await exit;
  assert.equal(signal, "SIGKILL", "the recorder ran until it was killed");
  // The last line may be cut by the kill; a whole one was acknowledged.
  return said.split("\n").slice(0, -1);
}

test("a recorder killed at any moment loses no acknowledged frame and no block", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-kill-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ledger.sqlite");
  const origin = Date.now();
  const acknowledged = new Set<string>();
  let height = 0;
  for (let n = 0; n < kills; n++) {
    const count = 1 + Math.floor(Math.random() * 150);
    for (const hash of await runAndKill(path, origin, count)) acknowledged.add(hash);
    const store = new Store(path);
    try {
      const verified = verifyLedger({ store, genesis: testGenesis(), verify });
      assert.equal(verified.ok, true, JSON.stringify(verified));
      const waiting = new Set(store.pending().map(({ hash }) => Buffer.from(hash).toString("hex")));
      for (const hash of acknowledged) {
        const placed = store.placeOf(Buffer.from(hash, "hex")) !== undefined;
        assert.ok(
          placed !== waiting.has(hash),
          `${hash} is in the pool or in a block, never in both`,
        );
      }
      assert.ok(store.height >= height);
      height = store.height;
    } finally {
      store.close();
    }
  }
  assert.ok(height > kills && acknowledged.size > kills * 3);
});
