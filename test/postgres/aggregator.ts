/** `npm run test:postgres`: a whole aggregator whose portal reads from PostgreSQL. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pino } from "pino";
import { init } from "../../aggregator/commands/init.ts";
import { loadConfig } from "../../aggregator/config/load.ts";
import { type Aggregator, startAggregator } from "../../aggregator/main.ts";
import { PostgresServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-pg-home-"));
const home = join(folder, "home");
const path = join(home, "aggregator.yaml");
const log = pino({ level: "silent" });
let server: PostgresServer;
let running: Aggregator | undefined;

before(async () => {
  server = await PostgresServer.start();
  const none = { brokerPort: 0, portalPort: 0, linkPort: 0, operators: [], admit: [] };
  const about = { home, site: "elm", currency: "EUR", timeZone: "UTC0", time: 0, ...none };
  init({ ...about, member: undefined, members: 1, clock: undefined, dryRun: false });
});
after(async () => {
  await running?.stop();
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function status(): Promise<{
  readonly code: number;
  readonly answer: Record<string, unknown>;
}> {
  const response = await fetch(`${running?.portal}/api/status`);
  return { code: response.status, answer: (await response.json()) as Record<string, unknown> };
}

test("an aggregator's portal reads from PostgreSQL, says when it cannot, and goes on by itself", async () => {
  const plain = readFileSync(path, "utf8");
  appendFileSync(path, `\nreadModel: { postgres: "${server.url()}" }\n`);
  running = await startAggregator(loadConfig(path), log);
  const first = await status();
  assert.deepEqual([first.code, first.answer.site], [200, "elm"]);
  const [schema] = await server.sql(
    "SELECT schemaname AS name FROM pg_tables WHERE tablename = 'portal_trade'",
  );
  assert.match(String(schema?.name), /^busbar_/);

  await server.kill();
  // Its processes hear of each other's end in their own time.
  let down = await status();
  while (down.code === 200) down = await status();
  assert.deepEqual([down.code, down.answer.code], [503, "read-model.unreachable"]);
  assert.doesNotMatch(String(down.answer.message), /socket|busbar/);
  assert.equal((await fetch(`${running.portal}/health`)).status, 200);
  await server.up();
  while ((await status()).code !== 200);

  await running.stop();
  await server.kill();
  // The ledger waits for no other server.
  running = await startAggregator(loadConfig(path), log);
  assert.equal((await status()).code, 503);
  await running.stop();
  running = undefined;
  await server.up();

  writeFileSync(path, `${plain}\nreadModel: { postgres: "${server.url("nowhere")}" }\n`);
  await assert.rejects(startAggregator(loadConfig(path), log), { code: "read-model.no-database" });
  writeFileSync(path, `${plain}\nreadModel: { postgres: "postgresql://u:secret@db/b" }\n`);
  assert.throws(() => loadConfig(path), /no password here/);
  writeFileSync(path, plain);
  running = await startAggregator(loadConfig(path), log);
  assert.equal((await status()).code, 200);
});
