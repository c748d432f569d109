import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { pino } from "pino";
import { loadConfig } from "../config/load.ts";
import { startAggregator } from "../main.ts";
import { init } from "./init.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-run-"));
after(() => rmSync(folder, { recursive: true }));

const home = join(folder, "home");

test("an aggregator says when it is ready, ends in order, and cuts from small slabs", async () => {
  const told = join(folder, "told.json");
  const witness = join(folder, "witness.mjs");
  writeFileSync(
    witness,
    `import { writeFileSync } from "node:fs";
process.on("exit", () => writeFileSync(${JSON.stringify(told)}, JSON.stringify(Buffer.poolSize)));`,
  );
  init({
    home,
    site: "elm",
    member: undefined,
    members: 1,
    currency: "EUR",
    timeZone: "UTC0",
    time: 0,
    clock: undefined,
    brokerPort: 0,
    portalPort: 0,
    linkPort: 0,
    operators: [],
    admit: [],
    dryRun: false,
  });
  const config = join(home, "aggregator.yaml");
  const args = ["--import", witness, cli, "run", "--config", config];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const ready = once(createInterface({ input: child.stdout }), "line");
  const [line] = await Promise.race([ready, ended]);
  assert.match(String(line), /"ready"/, "it ended before it was ready");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  assert.equal(readFileSync(told, "utf8"), "256");
});

test("who orders alone and finds its ledger gone begins no second chain, unless told that there was none", async () => {
  const config = loadConfig(join(home, "aggregator.yaml"));
  for (const end of ["", "-wal", "-shm"]) rmSync(`${config.store}${end}`, { force: true });
  const log = pino({ level: "silent" });
  for (let times = 0; times < 2; times += 1) {
    await assert.rejects(startAggregator(config, log), { code: "store.lost" });
  }
  const aggregator = await startAggregator(config, log, { neverVoted: true });
  await aggregator.stop();
  const again = await startAggregator(config, log);
  assert.equal(again.height, 0);
  await again.stop();
});
