import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startMeter, type TestMeter } from "../../edge/test-support/modbus-meter.ts";
import { FakeAggregator } from "../support/fake-aggregator.ts";
import { testSigner } from "../support/memory-registry.ts";

/*
 * A unit on a small disk of its own: a tmpfs in a mount namespace that ends with the unit. Its files
 * are reached through /proc/<pid>/root.
 */
const cli = fileURLToPath(new URL("../../edge/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-full-"));
const mib = 1024 * 1024;
const mounting = canMount();
let meter: TestMeter;
let host: FakeAggregator;

before(async () => {
  meter = await startMeter();
  host = new FakeAggregator("demo", testSigner(1));
  await host.start();
  mkdirSync(join(folder, "data"));
  const key = Buffer.from(host.member.publicKey).toString("base64url");
  const members = [{ id: "m1", key, voting: true }];
  const membership = { chain: "demo", site: "demo", members, brokers: [host.url] };
  writeFileSync(join(folder, "membership.json"), JSON.stringify(membership));
  const clock = { originWallMs: Date.now(), originSiteMs: 1_750_000_000_000, speed: 1200 };
  writeFileSync(join(folder, "clock.json"), JSON.stringify(clock));
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: sunny, party: company, name: Sunny Ltd, key: owner.key }
clock: { kind: file, path: clock.json }
status: { port: 0 }
sampling: { everySeconds: 60, alignToSlotMinutes: 5 }
data: data
meters:
  - { id: sunny-grid, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: ${meter.port} } }
`,
  );
});

after(async () => {
  await host.stop();
  await meter.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a unit on a full disk drops optional registers first, uses room again, tells of it and recovers", {
  skip: mounting === undefined && "this machine lets nobody mount a small disk",
}, async (context) => {
  const enrolled = await promisify(execFile)(process.execPath, [cli, "enrol", "--json"], {
    cwd: folder,
  });
  const request = JSON.parse(readFileSync(join(folder, "request.json"), "utf8"));
  assert.ok(enrolled.stdout.length > 0);
  host.devices.set("unit-1", new Uint8Array(Buffer.from(request.device.key, "base64url")));
  const unit = await startUnit();
  context.after(() => unit.child.kill("SIGKILL"));
  const disk = `/proc/${unit.pid}/root${join(folder, "data")}`;
  const free = () => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize;
  };
  const leave = (bytes: number) => {
    if (free() > bytes)
      execFileSync("fallocate", ["-l", String(free() - bytes), `${disk}/ballast`]);
  };
  await unit.until(({ journal }) => (journal.meters[0]?.committed ?? 0) >= 20);
  assert.equal((await unit.status()).disk.state, "ok");

  leave(40 * mib);
  await unit.until(({ disk: { state } }) => state === "low");
  const lowAt = (await unit.status()).journal.meters[0]?.taken ?? 0;
  await unit.until(({ journal }) => (journal.meters[0]?.taken ?? 0) > lowAt + 10);
  const low = await unit.inside(
    "journal",
    "list",
    "--meter",
    "sunny-grid",
    "--last",
    "5",
    "--json",
  );
  for (const { registers } of JSON.parse(low.stdout).entries) {
    assert.deepEqual(Object.keys(registers), ["1-0:1.8.0", "1-0:2.8.0"]);
  }

  // Nothing at all is left, and nobody gives receipts: sooner or later nothing can be stored.
  host.sayReady(false);
  for (let [taken, since] = [-1, 0], lost = 0; lost - since < 15; ) {
    fill(`${disk}/more`);
    await unit.next();
    const now = await unit.status();
    if (now.journal.meters[0]?.taken !== taken) since = now.disk.lost;
    taken = now.journal.meters[0]?.taken ?? 0;
    lost = now.disk.lost;
  }
  const full = await unit.status();
  assert.equal(full.disk.state, "full");
  const told = () => unit.log.filter(({ msg }) => /disk is full: no reading/.test(msg ?? ""));
  assert.equal(told().length, 1, "said once");
  const kept = full.journal.meters[0]?.taken ?? 0;

  // Room again: it goes on by itself, and a gap stands where readings are missing.
  rmSync(`${disk}/more`, { force: true });
  rmSync(`${disk}/ballast`, { force: true });
  host.sayReady(true);
  await unit.until(({ disk: { state } }) => state === "ok");
  await unit.until(({ journal }) => (journal.meters[0]?.taken ?? 0) > kept + 20);
  await unit.until(({ journal }) => (journal.meters[0]?.committed ?? 0) > kept + 10);
  const { stdout } = await unit.inside("journal", "verify", "--json");
  assert.equal(JSON.parse(stdout).ok, true);
  const lines = (await unit.inside("journal", "export", "--format", "json")).stdout
    .trim()
    .split("\n");
  const entries = lines.map((line) => JSON.parse(line));
  // The oldest with a receipt made room; all others are there, one after the other.
  const first = entries[0].seq;
  const received = full.journal.meters[0]?.committed ?? 0;
  assert.ok(first <= received + 1, "nothing without a receipt went");
  for (const [i, { seq }] of entries.entries()) assert.equal(seq, first + i);
  const gap = entries.findIndex(({ quality, seq }) => quality === "gap" && seq > kept - 2);
  assert.ok(gap > 0, "the gap is said");
  assert.ok(Object.keys(entries.at(-1).registers).length > 2, "all registers again");
  unit.child.kill("SIGTERM");
  await once(unit.child, "exit");
});

type Status = {
  readonly disk: { readonly state: string; readonly lost: number };
  readonly journal: { readonly meters: readonly { taken: number; committed: number }[] };
};

/** Writes until the disk takes no more. */
function fill(file: string): void {
  try {
    execFileSync("dd", ["if=/dev/zero", `of=${file}`, "bs=64k", "oflag=append", "conv=notrunc"], {
      stdio: "ignore",
    });
  } catch (error) {
    // "No space left on device" is what was wanted.
    assert.equal((error as { status?: number }).status, 1);
  }
}

async function startUnit() {
  const run = `mount -t tmpfs -o size=120m none ${folder}/data && exec ${process.execPath} ${cli} run`;
  const child = spawn("unshare", [...(mounting ?? []), "sh", "-c", run], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: { msg?: string }[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(JSON.parse(line)));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { statusPort } = JSON.parse(String(line));
  const status = async () =>
    (await (await fetch(`http://127.0.0.1:${statusPort}/status`)).json()) as Status;
  /** Until the next frame or state of the unit, or a moment. */
  const next = () => new Promise((resolve) => setTimeout(resolve, 50));
  const until = async (holds: (status: Status) => boolean) => {
    while (!holds(await status())) await next();
  };
  const inside = (...args: string[]) => {
    const enter = ["-t", String(child.pid), "-m", ...(mounting?.includes("-r") ? ["-U"] : [])];
    const command = ["sh", "-c", `cd ${folder} && exec "$@"`, "sh", process.execPath, cli];
    return promisify(execFile)("nsenter", [...enter, ...command, ...args], { maxBuffer: 64 * mib });
  };
  return { child: child as ChildProcess, pid: child.pid, log, status, until, next, inside };
}

/** How a small disk can be mounted here: with rights, or in a user's own namespace. */
function canMount(): readonly string[] | undefined {
  const ways = [["-m"], ["-U", "-r", "-m"]];
  return ways.find((way) => {
    try {
      execFileSync("unshare", [...way, "sh", "-c", "mount -t tmpfs none /mnt"], {
        stdio: "ignore",
      });
      return true;
    } catch {
      return false;
    }
  });
}
