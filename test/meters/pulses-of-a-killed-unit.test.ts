import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Wire } from "../../edge/framing/s0/test-support/wire.ts";

const cli = fileURLToPath(new URL("../../edge/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-pulses-"));
const wire = new Wire(folder);
const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
const units: ChildProcess[] = [];

before(async () => {
  await wire.open();
  wire.program("2.2.1", "gpiomon");
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: sunny, key: owner.key }
status: { port: 0 }
sampling: { everySeconds: 1 }
meters:
  - { id: pulses, profile: s0, pulsesPerKwh: 1000, connection: { kind: gpio, offset: 17 } }
`,
  );
  await run("enrol");
});

after(() => {
  for (const unit of units) unit.kill("SIGKILL");
  wire.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder, env })).stdout;

/** Starts the unit; it is ready when its gpiomon listens. Gives where its status is. */
async function start(): Promise<{ readonly child: ChildProcess; readonly status: string }> {
  const child = spawn(process.execPath, [cli, "run"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  units.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  await wire.listener();
  return { child, status: `http://127.0.0.1:${JSON.parse(line).statusPort}/status` };
}

/** The energies that the unit has recorded, in order, Wh; none before its first reading. */
async function recorded(): Promise<number[]> {
  const csv = await run("journal", "export", "--meter", "pulses").catch((error) => {
    if (!/\[usage\.meter\]/.test(error.stderr)) throw error;
    return "";
  });
  return [...csv.matchAll(/,1-0:1\.8\.0,(\d+),/g)].map(([, wh]) => Number(wh));
}

async function recordedAtLeast(wh: number): Promise<number> {
  for (;;) {
    const last = (await recorded()).at(-1) ?? 0;
    if (last >= wh) return last;
  }
}

test("no pulse that a unit recorded is lost or doubled when it is killed at any instant", async () => {
  let told = 0;
  let least = 0;
  for (let round = 0; round < 3; round += 1) {
    const { child } = await start();
    wire.pulses(20, 100);
    told += 20;
    least = await recordedAtLeast(least + 1);
    // Some of these are in a pipe still when the end comes.
    wire.pulses(200, 100);
    told += 200;
    child.kill("SIGKILL");
    await once(child, "exit");
    const all = await recorded();
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    );
    assert.ok((all.at(-1) ?? 0) <= told, `${all.at(-1)} of ${told}`);
  }
});

test("what a killed unit had taken in is all there after its restart", async () => {
  const earlier = (await recorded()).length;
  const { child } = await start();
  let all = await recorded();
  while (all.length === earlier) all = await recorded();
  const before = all.at(-1) ?? 0;
  wire.pulses(30, 100);
  assert.equal(await recordedAtLeast(before + 30), before + 30);
  child.kill("SIGKILL");
  await once(child, "exit");
  const again = await start();
  wire.pulses(5, 100);
  assert.equal(await recordedAtLeast(before + 35), before + 35);

  await assert.rejects(run("read", "pulses", "--json"), ({ stdout }: { stdout: string }) => {
    assert.match(stdout, /"code":"meter\.counter-in-use"/);
    assert.match(stdout, /the unit that runs/);
    return true;
  });
  await run("doctor", "--json").catch(() => undefined);
  wire.pulses(1, 100);
  assert.equal(await recordedAtLeast(before + 36), before + 36);
  again.child.kill("SIGTERM");
  assert.deepEqual(await once(again.child, "exit"), [0, null]);

  const { values } = JSON.parse(await run("read", "pulses", "--json"));
  assert.equal(values[0].mantissa, before + 36);
});
