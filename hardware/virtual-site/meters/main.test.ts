import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import modbusSerial from "modbus-serial";
import { program } from "../../../test/support/programs.ts";
import { writeClockFile } from "../clock-file.ts";
import { withCrc } from "./crc16.ts";

// A CommonJS module whose export carries the class under `default` too, which its types insist on.
const ModbusRTU = modbusSerial.default;
type ModbusRTU = InstanceType<typeof ModbusRTU>;

const command = fileURLToPath(new URL("main.ts", import.meta.url));
const socat = program("socat", "socat");
const needsSocat = { skip: "skip" in socat && socat.skip };

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "busbar-meters-"));
  // A clock that starts in a thousand years stands still: readings can be compared.
  await writeClockFile(join(folder, "still.json"), {
    originWallMs: Date.now() + 1000 * 365 * 86_400_000,
    originSiteMs: Date.UTC(2026, 5, 22, 4, 17, 30),
    speed: 360,
  });
});
after(() => rm(folder, { recursive: true }));

const clock = () => ({ kind: "file", path: join(folder, "still.json") });
const user1 = { unit: 3, profile: "eastron-sdm630", serialNumber: "1001", source: "user.1" };
const inverter = { unit: 126, profile: "sunspec", serialNumber: "INV-7", source: "company.pv" };
const commissionedMs = Date.UTC(2026, 5, 1);

type Meters = {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly buses: readonly { readonly port: number; readonly link: string }[];
  /** Ends by a signal; returns the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};

let files = 0;
async function launch(config: object, env = process.env, more: readonly string[] = []) {
  const file = join(folder, `meters-${files++}.json`);
  await writeFile(
    file,
    JSON.stringify({ clock: clock(), seed: 9, commissionedMs, ...config }, null, 1),
  );
  return spawn(process.execPath, [command, "--config", file, ...more], {
    stdio: ["pipe", "pipe", "pipe"],
    env,
  });
}

async function start(...buses: readonly object[]): Promise<Meters> {
  return started(await launch({ buses }));
}

async function started(child: Meters["child"]): Promise<Meters> {
  child.stderr.pipe(process.stderr);
  const ended = once(child, "exit") as Promise<[number | null]>;
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const ready = JSON.parse(line) as { event: string; buses: Meters["buses"] };
  assert.equal(ready.event, "ready");
  return {
    child,
    buses: ready.buses,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      return (await ended)[0];
    },
  };
}

/** Runs a configuration that cannot work; returns the one line of complaint. */
async function complaint(
  config: object,
  env = process.env,
  more: readonly string[] = [],
): Promise<string> {
  const child = await launch(config, env, more);
  let text = "";
  child.stderr.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  assert.equal(text.trim().split("\n").length, 1, text);
  return text.trim();
}

async function client(
  unit: number,
  connect: (client: ModbusRTU) => Promise<void>,
): Promise<ModbusRTU> {
  const modbus = new ModbusRTU();
  await connect(modbus);
  modbus.setID(unit);
  modbus.setTimeout(5000);
  return modbus;
}

const close = (modbus: ModbusRTU) => new Promise<void>((resolve) => modbus.close(() => resolve()));

/** Reads the whole of an SDM630's first table and both counters with an independent client. */
async function readAll(modbus: ModbusRTU): Promise<string> {
  const table = await modbus.readInputRegisters(0, 80);
  const code = await modbus.readHoldingRegisters(0xfc02, 1);
  return Buffer.concat([table.buffer, code.buffer]).toString("hex");
}

test(
  "one meter answers an independent client alike over TCP, RTU over TCP and a terminal",
  needsSocat,
  async () => {
    const link = join(folder, "tty-alike");
    const meters = await start(
      { kind: "tcp", port: 0, devices: [user1] },
      { kind: "rtu-over-tcp", port: 0, devices: [user1] },
      { kind: "rtu", link, devices: [user1] },
    );
    const [tcp, gateway] = meters.buses;
    const answers = [];
    for (const connect of [
      (modbus: ModbusRTU) => modbus.connectTCP("127.0.0.1", { port: tcp?.port ?? 0 }),
      (modbus: ModbusRTU) => modbus.connectTelnet("127.0.0.1", { port: gateway?.port ?? 0 }),
      (modbus: ModbusRTU) => modbus.connectRTUBuffered(link, { baudRate: 9600 }),
      // A second time: a client that closes the terminal does not take it away from the next.
      (modbus: ModbusRTU) => modbus.connectRTUBuffered(link, { baudRate: 9600 }),
    ]) {
      const modbus = await client(3, connect);
      answers.push(await readAll(modbus));
      await close(modbus);
    }
    assert.equal(new Set(answers).size, 1);
    assert.equal(Buffer.from(answers[0] ?? "", "hex").length, 162);
    assert.equal(await meters.end(), 0);
    assert(!existsSync(link), "the terminal's link is removed");
  },
);

test("several units on one bus answer for themselves, and one that is absent does not", async () => {
  const other = { ...user1, unit: 4, serialNumber: "1002", source: "user.2" };
  const bus = { port: 0, devices: [user1, other, inverter] };
  const meters = await start(
    { kind: "tcp", ...bus },
    { kind: "rtu-over-tcp", baud: 115_200, ...bus },
  );
  const [tcp, gateway] = meters.buses.map(({ port }) => port);
  const serials = async (modbus: ModbusRTU) => {
    const found = [];
    for (const unit of [3, 4]) {
      modbus.setID(unit);
      found.push((await modbus.readHoldingRegisters(0xfc00, 2)).buffer.readUInt32BE());
    }
    return found;
  };
  const direct = await client(3, (modbus) => modbus.connectTCP("127.0.0.1", { port: tcp ?? 0 }));
  assert.deepEqual(await serials(direct), [1001, 1002]);
  direct.setID(126);
  assert.equal((await direct.readHoldingRegisters(40_000, 2)).buffer.toString("latin1"), "SunS");
  direct.setID(9);
  await assert.rejects(direct.readInputRegisters(0, 2), { modbusCode: 11 });
  await close(direct);

  const line = await client(3, (modbus) =>
    modbus.connectTelnet("127.0.0.1", { port: gateway ?? 0 }),
  );
  assert.deepEqual(await serials(line), [1001, 1002]);
  line.setID(9);
  line.setTimeout(200);
  await assert.rejects(line.readInputRegisters(0, 2), { name: "TransactionTimedOutError" });
  await close(line);
  await meters.end();
});

test("the device's refusals reach an independent client as Modbus exceptions", async () => {
  const meters = await start({ kind: "tcp", port: 0, devices: [user1] });
  const modbus = await client(3, (one) =>
    one.connectTCP("127.0.0.1", { port: meters.buses[0]?.port ?? 0 }),
  );
  await assert.rejects(modbus.writeRegister(0, 1), { modbusCode: 1 });
  await assert.rejects(modbus.readInputRegisters(0x400, 2), { modbusCode: 2 });
  await assert.rejects(modbus.readInputRegisters(0, 3), { modbusCode: 3 });
  await close(modbus);
  await meters.end();
});

test("a reply takes at least the line's time and the meter's turnaround", async () => {
  const meters = await start({ kind: "rtu-over-tcp", port: 0, turnaroundMs: 30, devices: [user1] });
  const port = meters.buses[0]?.port ?? 0;
  const modbus = await client(3, (one) => one.connectTelnet("127.0.0.1", { port }));
  await modbus.readInputRegisters(0, 2);
  const started = performance.now();
  await modbus.readInputRegisters(0, 80);
  // 8 + 165 bytes of ten bits at 9600 baud; timers may fire a millisecond early.
  assert(performance.now() - started >= (173 * 10_000) / 9600 + 30 - 2);
  await close(modbus);
  await meters.end();
});

test("counters go on after the meters were killed", async () => {
  const bus = { kind: "tcp", port: 0, devices: [user1] };
  const shown = async (signal: NodeJS.Signals) => {
    const meters = await start(bus);
    const port = meters.buses[0]?.port ?? 0;
    const modbus = await client(3, (one) => one.connectTCP("127.0.0.1", { port }));
    const energy = (await modbus.readInputRegisters(0x48, 2)).buffer.readFloatBE();
    await close(modbus);
    await meters.end(signal);
    return energy;
  };
  const before = await shown("SIGKILL");
  assert(before > 50_000, `three weeks of homes, got ${before} kWh`);
  assert.equal(await shown("SIGINT"), before);
});

test("meters end when their parent closes their input", async () => {
  const meters = await start({ kind: "tcp", port: 0, devices: [user1] });
  const ended = once(meters.child, "exit");
  meters.child.stdin.end();
  assert.deepEqual(await ended, [0, null]);
});

test(
  "a link left by a killed run is replaced, and a file at its place is kept",
  needsSocat,
  async () => {
    const link = join(folder, "tty-stale");
    await symlink("/dev/pts/no-such", link);
    const meters = await start({ kind: "rtu", link, devices: [user1] });
    await meters.end();
    await writeFile(link, "a letter");
    const bus = { kind: "rtu", link, devices: [user1] };
    assert.match(
      await complaint({ buses: [bus] }),
      /tty-stale exists and is no link.*another link/,
    );
  },
);

test("a taken port is named, with what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const free = { kind: "tcp", port: 0, devices: [user1] };
  const text = await complaint({ buses: [free, { kind: "tcp", port, devices: [user1] }] });
  assert.match(text, new RegExp(`^meters: port ${port} on 127.0.0.1 is taken: .*another port`));
  other.close();
});

test("without socat a terminal is refused with the package to install and the other way", async () => {
  const bus = { kind: "rtu", link: join(folder, "tty-none"), devices: [user1] };
  const text = await complaint({ buses: [bus] }, { ...process.env, PATH: folder });
  assert.match(text, /tty-none: .*install the package socat.*rtu-over-tcp/);
});

test("a wrong configuration names the line and the nearest known key", async () => {
  const buses = [{ kind: "tcp", port: 0, devices: [user1] }];
  assert.match(
    await complaint({ buses, sed: 4 }),
    /\.json:\d+: unknown key sed; did you mean seed\?/,
  );
  const stray = [{ kind: "tcp", port: 0, devices: [{ ...user1, sorce: "user.1" }] }];
  assert.match(
    await complaint({ buses: stray }),
    /\.json:\d+: unknown key buses.0.devices.0.sorce/,
  );
});

test("a site time before the meters' commissioning is refused", async () => {
  const buses = [{ kind: "tcp", port: 0, devices: [user1] }];
  const late = { buses, commissionedMs: Date.UTC(2026, 6, 1) };
  assert.match(await complaint(late), /before.*commissioning 2026-07-01.*commissionedMs/);
});

test("faults of the command line befall a real line, as its seed has it", async () => {
  const course = async (seed: string) => {
    const bus = { kind: "rtu-over-tcp", port: 0, baud: 921_600, turnaroundMs: 0 };
    const config = { buses: [{ ...bus, devices: [user1] }] };
    const faults = ["--faults", "busy=0.5", "--seed", seed];
    const meters = await started(await launch(config, process.env, faults));
    const socket = connect({ port: meters.buses[0]?.port ?? 0, host: "127.0.0.1" });
    const request = Buffer.from(withCrc(Uint8Array.of(3, 4, 0, 0, 0, 2)));
    let heard = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      heard = Buffer.concat([heard, bytes]);
    });
    let said = "";
    while (said.length < 24) {
      socket.write(request);
      // An exception has five bytes, two registers nine.
      const isWhole = () => heard.length >= ((heard[1] ?? 0) > 0x80 ? 5 : 9);
      while (!isWhole()) await once(socket, "data");
      said += heard.length === 5 ? "-" : "x";
      heard = Buffer.alloc(0);
    }
    socket.destroy();
    await meters.end();
    return said;
  };
  const [one, again, other] = [await course("5"), await course("5"), await course("6")];
  assert.equal(one, again);
  assert.notEqual(one, other);
  assert.match(one, /-.*x|x.*-/);
});

test("an adapter is unplugged and plugged in again by a signal", needsSocat, async () => {
  const link = join(folder, "tty-plug");
  const meters = await start({ kind: "rtu", link, devices: [user1] });
  const before = await readlink(link);
  const gone = watchFor(folder, () => !existsSync(link));
  meters.child.kill("SIGUSR2");
  await gone;
  const back = watchFor(folder, () => existsSync(link));
  meters.child.kill("SIGUSR2");
  await back;
  const modbus = await client(3, (one) => one.connectRTUBuffered(link, { baudRate: 9600 }));
  assert.equal((await modbus.readHoldingRegisters(0xfc00, 2)).buffer.readUInt32BE(), 1001);
  await close(modbus);
  assert.equal(await meters.end(), 0);
  assert.ok(before.startsWith("/dev/pts/") && !existsSync(link));
});

/** Resolves once something in a folder has changed so that it holds. */
async function watchFor(place: string, holds: () => boolean): Promise<void> {
  const watcher = watch(place);
  while (!holds()) await once(watcher, "change");
  watcher.close();
}

test("a fault that does not exist is refused with the nearest one", async () => {
  const config = { buses: [{ kind: "tcp", port: 0, devices: [user1] }] };
  const text = await complaint(config, process.env, ["--faults", "lte=0.1"]);
  assert.equal(text, "meters: --faults: there is no fault lte; did you mean late?");
  const faulty = { buses: [{ kind: "tcp", port: 0, devices: [user1], faults: { late: 3 } }] };
  assert.match(await complaint(faulty), /\.json:\d+: buses\.0\.faults\.late/);
});
