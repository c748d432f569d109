import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { startMeter } from "../edge/test-support/modbus-meter.ts";
import { program } from "./support/programs.ts";
import { serviceStart } from "./support/service-unit.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");
const file = join(root, "hardware/systemd/busbar-edge.service");
const [analyze, strace] = [program("systemd-analyze", "systemd"), program("strace", "strace")];
const skip = "skip" in analyze && analyze.skip;
const skipTrace = skip || ("skip" in strace && strace.skip);

/** Our bound on the exposure that systemd reckons, in tenths; hardware/systemd/README.md tells it. */
const exposureMax = 25;

function exposureIsBelow(path: string, bound: number): boolean {
  assert.ok("path" in analyze);
  const args = ["security", "--offline=true", `--threshold=${bound}`, path];
  return spawnSync(analyze.path, args).status === 0;
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-service-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("the service stays closed, by systemd's own measure", { skip }, (t) => {
  assert.ok(exposureIsBelow(file, exposureMax));
  const open = join(scratch(t), "busbar-edge.service");
  writeFileSync(open, readFileSync(file, "utf8").replace(/^SystemCallFilter=.*\n/m, ""));
  assert.ok(!exposureIsBelow(open, exposureMax), "a service without its filter would pass too");
});

test("a unit that starts before its first USB adapter is plugged in may open it later", () => {
  // systemd looks a name up when the service starts; drivers of adapters come with the first of them.
  const allowed: readonly string[] =
    readFileSync(file, "utf8").match(/(?<=^DeviceAllow=char-)\S+/gm) ?? [];
  assert.ok(allowed.includes("188") && allowed.includes("166"), allowed.join());
  assert.deepEqual(
    allowed.filter((name) => /ttyUSB|ttyACM/.test(name)),
    [],
  );
});

test("systemd knows every key of the service", { skip }, async (t) => {
  assert.ok("path" in analyze);
  const copy = join(scratch(t), "busbar-edge.service");
  writeFileSync(copy, readFileSync(file, "utf8").replaceAll("/opt/busbar/", `${root}/`));
  const { stderr } = await run(analyze.path, ["verify", copy]);
  assert.equal(stderr, "");
});

/** The system calls that the service's filter lets pass. */
function allowedCalls(): Promise<ReadonlySet<string>> {
  const filter = /^SystemCallFilter=(@[\w-]+)$/m.exec(readFileSync(file, "utf8"))?.[1];
  assert.ok(filter, "expected one set as the service's filter");
  return callsOf(filter);
}

/** The system calls of a set, with those of the sets in it. */
async function callsOf(set: string): Promise<ReadonlySet<string>> {
  assert.ok("path" in analyze);
  const { stdout } = await run(analyze.path, ["syscall-filter", set]);
  const names = stdout.split("\n").flatMap((line) => /^ {4}([@\w-]+)$/.exec(line)?.[1] ?? []);
  const inner = await Promise.all(
    names.map(async (name) => (name.startsWith("@") ? callsOf(name) : [name])),
  );
  return new Set(inner.flatMap((calls) => [...calls]));
}

/** The system calls that strace counted. */
function callsIn(summary: string): string[] {
  const names = summary.split("\n").flatMap((line) => /^\s*[\d.]+ .* (\w+)$/.exec(line)?.[1] ?? []);
  return names.filter((name) => name !== "total");
}

test("the filter lets the unit make every call it makes", {
  skip: skipTrace,
}, async (t) => {
  assert.ok("path" in strace);
  const folder = scratch(t);
  const meter = await startMeter();
  t.after(() => meter.close());
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: sunny }
status: { host: 127.0.0.1, port: 0 }
meters:
  - { id: one, profile: eastron-sdm630, unit: 1, connection: { kind: tcp, host: 127.0.0.1, port: ${meter.port} } }
`,
  );
  const summary = join(folder, "calls");
  const { nodeArgs, program: cli, env } = serviceStart();
  const unit = [process.execPath, ...nodeArgs, cli, "run", "--config", "edge.yaml"];
  const traced = spawn(strace.path, ["-f", "-c", "-o", summary, ...unit], {
    cwd: folder,
    stdio: "ignore",
    // So that it speaks to systemd, which is not there.
    env: { ...process.env, ...env, NOTIFY_SOCKET: join(folder, "none") },
  });
  const children = () =>
    readFileSync(`/proc/${traced.pid}/task/${traced.pid}/children`, "utf8").trim();
  t.after(() => {
    if (traced.exitCode === null) process.kill(Number(children()), "SIGKILL");
  });
  while (meter.reads < 3 && traced.exitCode === null) await setImmediate();
  // strace itself takes no signal while it writes to a file.
  process.kill(Number(children()), "SIGTERM");
  await once(traced, "exit");

  const allowed = await allowedCalls();
  const called = callsIn(readFileSync(summary, "utf8"));
  assert.ok(called.includes("execve") && called.includes("openat"), called.join());
  // Node asks for rings once, and does without.
  const beyond = called.filter((name) => !allowed.has(name) && !/^io_uring_/.test(name));
  assert.deepEqual(beyond, []);
});

for (const [name, debianPackage, ...args] of [
  ["setpriv", "util-linux", "--pdeathsig", "KILL", "true"],
  ["timedatectl", "systemd", "show", "--property=NTPSynchronized", "--value"],
  ["systemd-notify", "systemd", "READY=1"],
] as const) {
  const found = program(name, debianPackage);
  test(`the filter lets ${name} do what the unit asks of it`, {
    skip: skipTrace || ("skip" in found && found.skip),
  }, async (t) => {
    assert.ok("path" in strace && "path" in found);
    const summary = join(scratch(t), "calls");
    // What it answers on a machine without systemd is not looked at.
    spawnSync(strace.path, ["-f", "-c", "-o", summary, found.path, ...args], { timeout: 20_000 });
    const allowed = await allowedCalls();
    const called = callsIn(readFileSync(summary, "utf8"));
    assert.ok(called.includes("execve"));
    assert.deepEqual(
      called.filter((call) => !allowed.has(call)),
      [],
    );
  });
}
