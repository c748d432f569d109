import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { openKeyFile } from "@busbar/protocol/node";
import { openDatabase } from "./database.ts";
import { ReadingsOutbox } from "./readings-outbox.ts";
import { summarise } from "./summary.ts";
import { verifyJournal } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-crash-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A unit that writes as fast as it can and says each number after `append` returned. */
const writer = `
  const [{ Journal }, { openDatabase }, { readKeyFile, signerOf }, { utcMs }] = await Promise.all([
    import(${JSON.stringify(new URL("./journal.ts", import.meta.url).href)}),
    import(${JSON.stringify(new URL("./database.ts", import.meta.url).href)}),
    import("@busbar/protocol/node"), import("@busbar/protocol")]);
  const { writeSync } = await import("node:fs");
  const [path, key] = process.argv.slice(1);
  const journal = new Journal(openDatabase(path), { chain: "demo", signer: signerOf(readKeyFile(key)) });
  for (;;) {
    const seq = journal.tip("m").seq + 1;
    const entry = { time: utcMs(seq), clock: 0, registers: new Map([["1-0:1.8.0", [seq, 0]]]), quality: 0 };
    journal.append([{ meter: "m", entry }, { meter: "n", entry }]);
    writeSync(1, seq + "\\n");
    if (seq % 3 === 0) journal.seal("m", 2);
  }
`;

test("a unit killed at random instants has every reading it acknowledged, whole and in order", async () => {
  const path = join(folder, "journal.db");
  const key = join(folder, "device.key");
  openKeyFile(key);
  let acknowledged = 0;
  for (let round = 0; round < 12; round++) {
    const lines = 1 + Math.floor(Math.random() * 60);
    acknowledged = Math.max(acknowledged, await runUntilKilled(path, key, lines));
    const database = openDatabase(path);
    assert.deepEqual(verifyJournal(database, "demo").problems, []);
    const [m, n] = summarise(database).meters;
    assert.ok((m?.lastSeq ?? 0) >= acknowledged, `${m?.lastSeq} of ${acknowledged} acknowledged`);
    assert.equal(m?.lastSeq, n?.lastSeq, "one commit was torn");
    let next = 1;
    for (const { range } of new ReadingsOutbox(database).pending("m", 100_000)) {
      assert.equal(range?.first, next);
      next = (range?.last ?? 0) + 1;
    }
    database.close();
  }
  assert.ok(acknowledged > 100);
});

/** Kills the writer as soon as it has said so many numbers; returns the last number it said. */
async function runUntilKilled(path: string, key: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", writer, path, key], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: new URL("..", import.meta.url),
  });
  let last = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    count += 1;
    if (count === lines) child.kill("SIGKILL");
  }
  return last;
}
