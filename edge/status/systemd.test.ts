import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { program } from "../../test/support/programs.ts";
import { startMeter } from "../test-support/modbus-meter.ts";
import { feedWatchdog, reloading, serviceManager } from "./systemd.ts";

const [perl, notifier] = [program("perl", "perl-base"), program("systemd-notify", "systemd")];
const skip = ("skip" in perl && perl.skip) || ("skip" in notifier && notifier.skip) || false;

/** Prints each datagram. socat would keep the descriptor that systemd-notify waits to see closed. */
const listen = `socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); $| = 1;
print "$b\\n" while defined recv(S, $b, 65536, 0)`;

/** A socket as systemd opens it, and all that was said to it. */
class Listener extends EventEmitter {
  said = "";
  readonly path: string;

  constructor(t: TestContext) {
    super();
    const folder = mkdtempSync(join(tmpdir(), "busbar-notify-"));
    this.path = join(folder, "socket");
    assert.ok("path" in perl);
    const child = spawn(perl.path, ["-MSocket", "-e", listen, this.path]);
    child.stdout.on("data", (chunk: Buffer) => {
      this.said += chunk.toString();
      this.emit("said");
    });
    t.after(async () => {
      child.kill();
      await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    });
  }

  async isOpen(): Promise<void> {
    while (!existsSync(this.path)) await setImmediate();
  }

  /** Waits until text came that was not there before `from`; returns where it ends. */
  async until(text: string, from = 0): Promise<number> {
    while (this.said.indexOf(text, from) < 0) await once(this, "said");
    return this.said.indexOf(text, from) + text.length;
  }
}

test("messages reach systemd's socket in the order in which they were sent", {
  skip,
}, async (t) => {
  const listener = new Listener(t);
  await listener.isOpen();
  const manager = serviceManager({ ...process.env, NOTIFY_SOCKET: listener.path });
  assert.equal(manager.watchdogMs, undefined);
  void manager.notify("READY=1", "STATUS=reads 3 meters");
  for (let i = 0; i < 5; i++) void manager.notify(`STATUS=${i}`);
  await manager.notify("STOPPING=1");
  await listener.until("STOPPING=1");
  assert.match(listener.said, /READY=1.*STATUS=0.*STATUS=1.*STATUS=4.*STOPPING=1/s);
});

test("without systemd, or with nonsense from it, nothing is said and nothing fails", () => {
  assert.equal(serviceManager({}).watchdogMs, undefined);
  void serviceManager({}).notify("READY=1");
  for (const WATCHDOG_USEC of ["", "-5", "soon", "0", "Infinity"]) {
    assert.equal(serviceManager({ NOTIFY_SOCKET: "/x", WATCHDOG_USEC }).watchdogMs, undefined);
  }
  assert.equal(
    serviceManager({ NOTIFY_SOCKET: "/x", WATCHDOG_USEC: "60000000" }).watchdogMs,
    60_000,
  );
});

test("the watchdog is fed while no meter stalls, starves while one does, and says which", async (t) => {
  const events = new EventEmitter();
  let stalled = ["hung"];
  const starved: string[] = [];
  const watchdog = feedWatchdog(
    { watchdogMs: 6, notify: async (line) => void events.emit("fed", line) },
    {
      stalled: () => {
        events.emit("asked");
        return stalled;
      },
      onStarve: (meters) => void starved.push(meters.join()),
    },
  );
  t.after(() => watchdog.stop());
  let fed = 0;
  events.on("fed", () => fed++);
  for (let i = 0; i < 5; i++) await once(events, "asked");
  assert.equal(fed, 0);
  assert.deepEqual(starved, ["hung"]);
  stalled = [];
  assert.deepEqual(await once(events, "fed"), ["WATCHDOG=1"]);
});

test("a reload is told with the monotonic time that systemd asks for", () => {
  const [first, second] = reloading();
  assert.equal(first, "RELOADING=1");
  assert.match(second ?? "", /^MONOTONIC_USEC=\d+$/);
});

test("a unit is ready, alive with a meter that does not answer, reloads and stops", {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-service-"));
  const listener = new Listener(t);
  const meter = await startMeter();
  t.after(async () => {
    await meter.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const clock = { originWallMs: Date.now(), originSiteMs: 1_750_000_000_000, speed: 60 };
  writeFileSync(join(folder, "clock.json"), JSON.stringify(clock));
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: sunny }
clock: { kind: file, path: clock.json }
status: { host: 127.0.0.1, port: 0 }
meters:
  - { id: dead, profile: eastron-sdm630, unit: 9, connection: { kind: tcp, host: 127.0.0.1, port: ${meter.port} } }
`,
  );
  await listener.isOpen();
  const env = { ...process.env, NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: "300000" };
  const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
  const unit = spawn(process.execPath, [cli, "run"], { cwd: folder, stdio: "ignore", env });
  t.after(() => unit.kill("SIGKILL"));
  let at = await listener.until("STATUS=reads 1 meters");
  for (let i = 0; i < 4; i++) at = await listener.until("WATCHDOG=1", at);
  unit.kill("SIGHUP");
  at = await listener.until("RELOADING=1\nMONOTONIC_USEC=", at);
  assert.doesNotMatch(listener.said, /STOPPING/);
  at = await listener.until("READY=1", at);
  at = await listener.until("WATCHDOG=1", at);
  unit.kill("SIGTERM");
  await listener.until("STOPPING=1", at);
  const exit = await once(unit, "exit");
  assert.deepEqual(exit, [0, null]);
});
