/**
 * `npm run test:package`: the package is made twice and compared, and a small Debian installs, sets up,
 * upgrades, removes and purges it. As root, for this machine's processor.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate, setTimeout } from "node:timers/promises";
import { buildPackage, type Made } from "../build.ts";
import { architectures, cpuOf } from "../control.ts";
import { needProgram, needsText } from "../needs.ts";
import { Bundles } from "./bundles.ts";
import { differences, makeChroot, pathsOf, run, start } from "./chroot.ts";
import { Report } from "./report.ts";

const root = new URL("../../..", import.meta.url).pathname;
const arch = architectures.find((name) => cpuOf[name] === process.arch) ?? "amd64";
const kept = join(root, "node_modules/.cache/busbar-package/bookworm.tar");
const scratch = mkdtempSync(join(tmpdir(), "busbar-package-"));
const debian = join(scratch, "debian");
const began: ChildProcess[] = [];
const report = new Report();

const needs = [
  needProgram("mmdebstrap", "mmdebstrap"),
  needProgram("dpkg-deb", "dpkg"),
  needProgram("unshare", "util-linux"),
  {
    name: "root",
    missing: process.getuid?.() === 0 ? undefined : "sudo, for a chroot is entered",
  },
];
const missing = needs.filter((need) => need.missing !== undefined);
if (missing.length > 0) {
  console.error(`Not begun, something is missing:\n${needsText(missing)}`);
  process.exit(1);
}

/** In the chroot; a program that fails is told with what it said. */
function ok(...command: readonly string[]): string {
  const { code, out, err } = run(debian, ...command);
  assert.equal(code, 0, `${command.join(" ")}: exit code ${code}\n${out}\n${err}`);
  return out.trim();
}

const inDebian = (path: string): string => join(debian, path);
const read = (path: string): string => readFileSync(inDebian(path), "utf8");
const ownerOf = (path: string): string => ok("stat", "-c", "%a %U:%G", path);
const service = "etc/systemd/system/multi-user.target.wants/busbar-edge.service";

async function make(revision: number): Promise<readonly Made[]> {
  const options = { arch, revision, out: join(scratch, `${revision}`), dryRun: false, json: false };
  return buildPackage(root, options, () => {});
}

/** Brings a file into the chroot, and says where. */
function bring(file: Made | string | undefined): string {
  assert.ok(file !== undefined);
  const path = typeof file === "string" ? file : file.path;
  const name = `/tmp/${path.split("/").at(-1)}`;
  copyFileSync(path, inDebian(name));
  return name;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A meter on a free port of this machine; its port. */
async function startMeter(): Promise<number> {
  const config = join(scratch, "meter.json");
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: "10000001", source: "user.1" };
  const buses = [{ kind: "tcp", host: "127.0.0.1", port: 0, devices: [device] }];
  writeFileSync(config, JSON.stringify({ clock: { kind: "system" }, buses }));
  const program = join(root, "hardware/virtual-site/meters/main.ts");
  const meter = spawn(process.execPath, [program, "--config", config], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  began.push(meter);
  const [line] = await once(createInterface(meter.stdout), "line");
  return Number(JSON.parse(line).buses[0].port);
}

/** Readings that the journal holds. */
function readings(): number {
  const { out } = run(debian, "busbar-edge", "journal", "list", "--json");
  if (out === "") return 0;
  const { meters = [] } = JSON.parse(out) as { meters?: { taken: number }[] };
  return meters.reduce((sum, { taken }) => sum + taken, 0);
}

/** Starts the unit as the service file says. */
function startUnit(): ChildProcess {
  const file = read("usr/lib/systemd/system/busbar-edge.service");
  const line = /^ExecStart=(.*)$/m.exec(file)?.[1] ?? "";
  const user = ["setpriv", "--reuid=busbar", "--regid=busbar", "--init-groups"];
  const unit = start(debian, ...user, ...line.split(" "));
  began.push(unit);
  return unit;
}

/** Runs the unit as the service file says, until the journal holds more readings than before. */
async function record(): Promise<number> {
  const before = readings();
  const unit = startUnit();
  const until = Date.now() + 120_000;
  while (readings() <= before && Date.now() < until && unit.exitCode === null) await setImmediate();
  const after = readings();
  unit.kill("SIGTERM");
  if (unit.exitCode === null && unit.signalCode === null) await once(unit, "exit");
  assert.ok(after > before, `no reading came in two minutes; before ${before}, after ${after}`);
  return after;
}

async function proof(): Promise<void> {
  let first: readonly Made[] = [];
  let second: readonly Made[] = [];
  await report.part("the same sources give the same bytes", async () => {
    first = await make(1);
    const again = await make(1);
    assert.deepEqual(again, first);
    second = await make(2);
    assert.notEqual(second[0]?.sha256, first[0]?.sha256);
    return first.map(({ bytes }) => `${(bytes / 1e6).toFixed(1)} MB`).join(", ");
  });
  await report.part("a small Debian 12 is there", () => {
    mkdirSync(debian);
    makeChroot(debian, kept);
  });
  const before = pathsOf(debian);

  await report.part("it installs, with its user, its folders and its service", () => {
    ok("dpkg", "-i", bring(first[0]));
    assert.match(ok("id", "busbar"), /dialout.*gpio|gpio.*dialout/);
    assert.equal(ownerOf("/etc/busbar"), "750 busbar:busbar");
    assert.equal(ownerOf("/var/lib/busbar"), "700 busbar:busbar");
    assert.ok(existsSync(inDebian("usr/lib/udev/rules.d/70-busbar.rules")));
    ok("test", "-L", `/${service}`);
    assert.equal(ok("dpkg", "--verify", "busbar-edge"), "");
  });
  await report.part("systemd takes the service, and finds it closed", () => {
    const unit = "/usr/lib/systemd/system/busbar-edge.service";
    assert.equal(ok("systemd-analyze", "verify", unit), "");
    ok("systemd-analyze", "security", "--offline=true", "--threshold=25", unit);
  });
  await report.part("the program tests itself, and notices a spoilt file", () => {
    const { ok: isOk } = JSON.parse(ok("busbar-edge", "self-test", "--json")) as { ok: boolean };
    assert.ok(isOk);
    const path = "opt/busbar/hardware/meters/eastron-sdm120.yaml";
    const text = read(path);
    writeFileSync(inDebian(path), `${text}\n`);
    const { code, out } = run(debian, "busbar-edge", "self-test");
    writeFileSync(inDebian(path), text);
    assert.equal(code, 1);
    assert.match(out, /eastron-sdm120/);
  });
  const port = await startMeter();
  await report.part(
    "an installer's commands as root leave files of the unit's own user",
    async () => {
      const meter = `anna-grid=tcp://127.0.0.1:${port}:eastron-sdm630:1`;
      const who = ["--site", "demo", "--device", "unit-1", "--owner", "anna"];
      ok("busbar-edge", "setup", ...who, "--meter", meter);
      // Faster than in life, by this machine's clock, on a port that nobody else has.
      const more = `
clock: { kind: system, trust: system }
sampling: { everySeconds: 1 }
status: { host: 127.0.0.1, port: ${await freePort()} }
`;
      writeFileSync(inDebian("etc/busbar/edge.yaml"), read("etc/busbar/edge.yaml") + more);
      ok("busbar-edge", "enrol");
      assert.equal(ownerOf("/var/lib/busbar/device.key"), "600 busbar:busbar");
      assert.match(ownerOf("/etc/busbar/edge.yaml"), / busbar:busbar$/);
      assert.match(read("var/lib/busbar/request.json"), /unit-1/);
    },
  );
  await report.part(
    "the unit records as its service starts it",
    async () => `${await record()} readings`,
  );

  await updates();
  const own = ["etc/busbar/edge.yaml", "var/lib/busbar/device.key", "var/lib/busbar/owner.key"];
  const ownFiles = () => own.map(read);
  const ownBefore = existsSync(inDebian(own[1] ?? "")) ? ownFiles() : [];
  await report.part("an upgrade keeps configuration, keys and readings", async () => {
    const count = readings();
    ok("dpkg", "-i", bring(second[0]));
    assert.match(read("opt/busbar/bundle.json"), /"version": "[^"]*-2"/);
    assert.deepEqual(ownFiles(), ownBefore);
    assert.ok(count > 0 && readings() === count);
    return `${await record()} readings`;
  });
  await report.part("what an administrator disabled stays disabled", () => {
    ok("systemctl", "disable", "busbar-edge.service");
    ok("dpkg", "-i", bring(second[0]));
    assert.notEqual(run(debian, "test", "-L", `/${service}`).code, 0);
  });
  await report.part(
    "removed, it leaves what is the unit's own; installed again, it goes on",
    async () => {
      ok("dpkg", "-r", "busbar-edge");
      assert.ok(!existsSync(inDebian("opt/busbar")), "files of the program stayed");
      assert.deepEqual(ownFiles(), ownBefore);
      ok("dpkg", "-i", bring(second[0]));
      return `${await record()} readings`;
    },
  );
  await report.part("purged, it leaves nothing", () => {
    ok("dpkg", "-P", "busbar-edge");
    // dpkg takes away a folder that is empty and that no other package names: /opt, here.
    const left = differences(before, pathsOf(debian)).filter((line) => !line.startsWith("opt: "));
    assert.deepEqual(left, []);
  });
  await report.part("the tarball does the same without a package manager", () => {
    ok("tar", "-C", "/", "-xzf", bring(first[1]));
    ok("/opt/busbar/system/configure", "--enable");
    ok("test", "-L", `/${service}`);
    ok("busbar-edge", "self-test");
    ok("/opt/busbar/system/remove", "--purge");
    assert.deepEqual(differences(before, pathsOf(debian)), []);
  });
}

/** A unit that somebody starts again whenever it ends, as systemd does; `end` ends both. */
function keepRunning(): { end(): Promise<void> } {
  let [unit, isOver] = [startUnit(), false];
  const again = () => {
    if (isOver) return;
    unit = startUnit();
    unit.once("exit", again);
  };
  unit.once("exit", again);
  return {
    end: async () => {
      isOver = true;
      unit.kill("SIGTERM");
      if (unit.exitCode === null && unit.signalCode === null) await once(unit, "exit");
    },
  };
}

type UpdateStatus = {
  readonly active?: string;
  readonly running?: string;
  readonly last?: { readonly version: string; readonly outcome: string; readonly reason: string };
};

/** Waits until the unit says so of its updates; at most some minutes. */
async function until(
  what: string,
  holds: (status: UpdateStatus) => boolean,
): Promise<UpdateStatus> {
  const end = Date.now() + 300_000;
  for (let said = ""; ; ) {
    const { out, err } = run(debian, "busbar-edge", "update", "status", "--json");
    if (out !== "") {
      const status = JSON.parse(out) as UpdateStatus & { ok?: boolean };
      if (status.ok !== false && holds(status)) return status;
    }
    said = `${out}${err}`;
    assert.ok(Date.now() < end, `${what} did not come about: ${said}`);
    await setTimeout(1_000);
  }
}

async function updates(): Promise<void> {
  const bundles = new Bundles(root, { arch, scratch });
  const unit = keepRunning();
  try {
    await report.part("an update is tried, and kept once the meter answered again", async () => {
      writeFileSync(inDebian("etc/busbar/update-keys"), `${bundles.publicKey()}\n`);
      await until("the installation's unit", ({ running }) => running !== undefined);
      bring(await bundles.make(5));
      ok("busbar-edge", "update", "install", "/tmp/5.bundle", "--minutes", "3");
      const { active, running, last } = await until("the update", ({ last }) => last !== undefined);
      assert.deepEqual([active, last?.outcome], ["a", "committed"], last?.reason);
      assert.match(running ?? "", /-5$/);
    });
    await report.part(
      "one under which the meter does not answer is undone, with the reason",
      async () => {
        const broken = {
          path: "edge/framing/tcp-line.ts",
          change: (text: string) =>
            text.replaceAll("connect(", "(() => { throw new Error('broken'); })("),
        };
        bring(await bundles.make(6, broken));
        ok("busbar-edge", "update", "install", "/tmp/6.bundle", "--minutes", "1");
        const isUndone = ({ last }: UpdateStatus) => last?.version.endsWith("-6") === true;
        const { active, last } = await until("its end", isUndone);
        assert.deepEqual([active, last?.outcome], ["a", "rolled-back"]);
        const { running } = await until(
          "the one before",
          ({ running }) => running?.endsWith("-5") === true,
        );
        return `${last?.reason}; ${running} runs`;
      },
    );
    await report.part("one that does not stay up is undone", async () => {
      const path = "edge/main.ts";
      const change = (text: string) => `${text}\nprocess.abort();\n`;
      bring(await bundles.make(7, { path, change }));
      ok("busbar-edge", "update", "install", "/tmp/7.bundle", "--minutes", "3");
      const isUndone = ({ last }: UpdateStatus) => last?.version.endsWith("-7") === true;
      const { active, last } = await until("its end", isUndone);
      assert.deepEqual([active, last?.outcome], ["a", "rolled-back"]);
      await until("the one before", ({ running }) => running?.endsWith("-5") === true);
      return last?.reason;
    });
    await report.part(
      "by hand the unit goes back to the installation, and no reading is lost",
      async () => {
        ok("busbar-edge", "update", "rollback");
        await until("the installation", ({ running }) => running?.endsWith("-1") === true);
        ok("busbar-edge", "journal", "verify");
      },
    );
  } finally {
    await unit.end();
  }
}

try {
  await proof();
} finally {
  for (const child of began) if (child.exitCode === null) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
}
report.end();
