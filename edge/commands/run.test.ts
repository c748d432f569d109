import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serviceStart } from "../../test/support/service-unit.ts";
import { leanOptions } from "./lean.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-run-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

/** Tells, when the process ends, what it had loaded, and with which options and environment. */
const witness = `
import { registerHooks } from "node:module";
import { writeFileSync } from "node:fs";
const files = [];
registerHooks({ load: (url, context, next) => (files.push(url), next(url, context)) });
process.on("exit", () => {
  if (process.argv[2] !== "run") return;
  const { execArgv, env, moduleLoadList } = process;
  const { poolSize } = Buffer;
  const told = { files, execArgv, cache: env.NODE_COMPILE_CACHE, moduleLoadList, poolSize };
  writeFileSync(${JSON.stringify(file("loaded.json"))}, JSON.stringify(told));
});
`;

type Loaded = {
  readonly files: readonly string[];
  readonly execArgv: readonly string[];
  readonly cache: string;
  readonly moduleLoadList: readonly string[];
  readonly poolSize: number;
};

/** Runs a unit with a Modbus meter, from an ordinary start of the command line, until it is ready. */
async function runOnce(): Promise<Loaded> {
  writeFileSync(file("witness.mjs"), witness);
  writeFileSync(
    file("edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna, key: owner.key }
status: { port: 0 }
meters:
  - { id: m, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: 1 } }
`,
  );
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    ["--import", file("witness.mjs"), join(root, "edge/cli.ts"), "run"],
    { cwd: folder, env, stdio: ["ignore", "pipe", "ignore"] },
  );
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  assert.match(String(line), /"ready"/);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  return JSON.parse(readFileSync(file("loaded.json"), "utf8"));
}

test("a unit that runs holds no other command, no parser of files, and no driver it does not use", async () => {
  const { files, execArgv, cache, moduleLoadList, poolSize } = await runOnce();
  const loaded = files
    .filter((url) => url.startsWith("file:"))
    .map((url) => url.slice(url.indexOf(root) + root.length));
  assert.ok(loaded.includes("edge/main.ts"));
  assert.ok(loaded.includes("edge/meters/modbus-meter.ts"));
  const commands = loaded.filter((name) => name.startsWith("edge/commands/"));
  assert.deepEqual(commands.sort(), [
    "edge/commands/field-commands.ts",
    "edge/commands/lean.ts",
    "edge/commands/log.ts",
    "edge/commands/output.ts",
    "edge/commands/run.ts",
    "edge/commands/terminal.ts",
  ]);
  const foreign = [
    /^node_modules\/(zod|yaml|tweetnacl|@noble\/curves|rxjs\/src|aedes)\//,
    /^edge\/setup\//,
    /^edge\/framing\/(dlt645|dsmr|mbus|sml)\//,
    /^edge\/framing\/(iec62056-21|s0)\/(?!line-port|gpiomon-lines)/,
    /^edge\/framing\/.*capture\.ts$/,
    /^edge\/meters\/(scan|profile\.ts|profile-shape|profile-check|profile-hints)/,
    /^edge\/meters\/(dlt645|dsmr|iec62056-21|mbus|sml|telegram|pulse)-meter\.ts$/,
    /^edge\/config\/(schema|load|settings|aside-program)\.ts$/,
    /^protocol\/(config|notice|ed25519\/pure)/,
  ];
  for (const pattern of foreign) {
    assert.deepEqual(
      loaded.filter((name) => pattern.test(name)),
      [],
    );
  }
  // Node's fetch (10 MB) and what strips types (12 MB): neither by a getter nor by a cold cache.
  for (const part of ["undici", "amaro"]) {
    assert.ok(!moduleLoadList.some((name) => name.includes(part)), `Node's ${part} was loaded`);
  }
  assert.deepEqual(
    leanOptions.filter((option) => !execArgv.includes(option)),
    [],
  );
  assert.match(cache, /node_modules\/\.cache\/busbar-edge$/);
  assert.equal(poolSize, 256);
});

test("the system service starts the unit as it would start itself", () => {
  const { nodeArgs, program, env } = serviceStart();
  assert.deepEqual(nodeArgs, leanOptions);
  assert.equal(program, join(root, "edge/cli.ts"));
  assert.equal(env.MALLOC_ARENA_MAX, "1");
  assert.match(env.NODE_COMPILE_CACHE ?? "", /^\/var\/cache\//);
});
