import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { program } from "../../test/support/programs.ts";
import type { Finding } from "../doctor/finding.ts";
import { freePort } from "../test-support/free-port.ts";
import { startMeter } from "../test-support/modbus-meter.ts";

/** doctor against real faults. */

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const [socat, setpriv] = [program("socat", "socat"), program("setpriv", "util-linux")];

async function unitFolder(t: TestContext, connection: string, more = ""): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-doctor-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna }
status: { host: 127.0.0.1, port: ${await freePort()} }
meters:
  - { id: m1, profile: eastron-sdm630, connection: ${connection} }
${more}`,
  );
  return folder;
}

/** Findings by check, the worst of each. */
async function doctor(folder: string, ...before: readonly string[]) {
  const [name = process.execPath, ...args] = [...before, process.execPath, cli, "doctor", "--json"];
  const { code, out } = await new Promise<{ code: number; out: string }>((resolve) => {
    execFile(name, args, { cwd: folder }, (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code), out: stdout }),
    );
  });
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  const rank = { ok: 0, warning: 1, fault: 2 };
  const worst = new Map<string, Finding>();
  for (const finding of findings) {
    const known = worst.get(finding.check);
    if (known === undefined || rank[finding.state] >= rank[known.state])
      worst.set(finding.check, finding);
    if (finding.state !== "ok") assert.ok(finding.remedy, `${finding.check} without remedy`);
  }
  return { code, worst };
}

test("a meter that answers is read; a broker that is down is named", async (t) => {
  const meter = await startMeter();
  t.after(() => meter.close());
  const broker = `brokers: [{ url: "mqtt://127.0.0.1:${await freePort()}" }]\n`;
  const at = `{ kind: tcp, host: 127.0.0.1, port: ${meter.port} }`;
  const folder = await unitFolder(t, at, broker);
  execFile(process.execPath, [cli, "enrol", "--owner-key", "owner.key"], { cwd: folder });
  while (!existsSync(join(folder, "request.json"))) await setImmediate();
  const { code, worst } = await doctor(folder);
  assert.equal(code, 1);
  assert.equal(worst.get("meter m1")?.state, "ok");
  assert.match(worst.get("meter m1")?.message ?? "", /answers with \d+ values in \d+ ms to \d+ ms/);
  const [, down] = [...worst].find(([check]) => check.startsWith("broker ")) ?? [];
  assert.deepEqual([down?.state, /listens/.test(down?.message ?? "")], ["fault", true]);
});

test("beside a unit that runs no meter is asked", async (t) => {
  const meter = await startMeter();
  t.after(() => meter.close());
  const folder = await unitFolder(
    t,
    `{ kind: tcp, host: 127.0.0.1, port: ${meter.port} }`,
    "sampling: { everySeconds: 3600 }\nclock: { kind: system, trust: system }\n",
  );
  const unit: ChildProcess = spawn(process.execPath, [cli, "run"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => unit.kill("SIGKILL"));
  assert.ok(unit.stdout !== null);
  await once(createInterface({ input: unit.stdout }), "line");
  while (meter.reads === 0) await setImmediate();
  await doctor(folder);
  const reads = meter.reads;
  const { worst } = await doctor(folder);
  assert.equal(meter.reads, reads);
  assert.match(worst.get("meter m1")?.message ?? "", /since the unit's start/);
  assert.match(worst.get("unit")?.message ?? "", /^runs version/);
  assert.equal(worst.get("time to receipt")?.state, "warning");
});

test("a port that is missing, and one that this user may not use", {
  skip: ("skip" in socat && socat.skip) || ("skip" in setpriv && setpriv.skip) || false,
}, async (t) => {
  const missing = await unitFolder(t, "{ kind: rtu, path: /dev/serial/by-id/none }");
  assert.match(
    (await doctor(missing)).worst.get("meter m1")?.message ?? "",
    /none.*(no such|not there|missing)/i,
  );

  assert.ok("path" in socat && "path" in setpriv);
  const folder = await unitFolder(t, "{ kind: rtu, path: PORT }");
  const link = join(folder, "port");
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna }
status: { host: 127.0.0.1, port: ${await freePort()} }
meters:
  - { id: m1, profile: eastron-sdm630, connection: { kind: rtu, path: ${link} } }
`,
  );
  const pty = spawn(socat.path, [`PTY,link=${link},raw,echo=0,mode=600`, "PTY,raw,echo=0"]);
  t.after(() => pty.kill());
  while (!existsSync(link)) await setImmediate();
  for (const path of [folder, join(folder, "edge.yaml")]) chmodSync(path, 0o755);
  const asNobody =
    process.getuid?.() === 0
      ? [setpriv.path, "--reuid=65534", "--regid=65534", "--clear-groups"]
      : [];
  if (asNobody.length === 0) chmodSync(link, 0);
  const { code, worst } = await doctor(folder, ...asNobody);
  assert.equal(code, 1);
  assert.match(worst.get("meter m1")?.message ?? "", /may not|permission|denied/i);
  assert.match(worst.get("meter m1")?.remedy ?? "", /usermod -aG dialout/);
});
