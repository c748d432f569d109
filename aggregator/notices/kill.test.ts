import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "busbar-kill-notices-"));
after(() => rmSync(folder, { recursive: true }));
const child = join(import.meta.dirname, "kill-child.ts");
const blocks = 12;

/** What becomes of the n-th request, of those of all the sender's lives. */
const fates = new Map([
  [3, "sender-killed-before-the-answer"],
  [9, "receiver-ends-before-the-answer"],
  [14, "sender-killed-after-the-answer"],
]);

test("no notice is lost when sender or receiver is killed while one is under way, and each has one id", async (t) => {
  const path = join(folder, "outbox.sqlite");
  const heard: string[] = [];
  const bodies = new Map<string, string>();
  let sender: ChildProcess | undefined;
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join("");
    const id = String(request.headers["webhook-id"]);
    heard.push(id);
    assert.equal(bodies.get(id) ?? body, body, "what comes again is the same");
    bodies.set(id, body);
    const fate = fates.get(heard.length);
    if (fate === "sender-killed-before-the-answer") sender?.kill("SIGKILL");
    if (fate === "receiver-ends-before-the-answer") return void request.socket.destroy();
    response.writeHead(204).end();
    if (fate === "sender-killed-after-the-answer") sender?.kill("SIGKILL");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const lives: (string | number | null)[] = [];
  while (lives.at(-1) !== 0) {
    assert.ok(lives.length < 5, `it ended with ${lives.join(", ")}`);
    sender = spawn(process.execPath, [child, path, url, String(blocks)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [code, signal] = await once(sender, "exit");
    lives.push(signal ?? code);
  }
  assert.deepEqual(lives, ["SIGKILL", "SIGKILL", 0]);
  const db = new DatabaseSync(path);
  const told = db.prepare("SELECT id FROM notice_message ORDER BY id").all();
  const states = db.prepare("SELECT DISTINCT state FROM delivery").all();
  db.close();
  assert.equal(told.length, 2 * blocks);
  assert.deepEqual(
    [...new Set(heard)].sort(),
    told.map(({ id }) => String(id)),
  );
  assert.deepEqual(
    states.map(({ state }) => state),
    ["delivered"],
  );
  // One to each of two owners is under way at a time.
  assert.ok(heard.length <= told.length + 2 * fates.size, "only what was under way comes twice");
});
