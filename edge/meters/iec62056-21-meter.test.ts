import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { program } from "../../test/support/programs.ts";
import { LinePort } from "../framing/iec62056-21/line-port.ts";
import { PushLine } from "../framing/iec62056-21/test-support/push-line.ts";
import { ScriptedMeter } from "../framing/iec62056-21/test-support/scripted-meter.ts";
import { simulate } from "../framing/iec62056-21/test-support/simulator.ts";
import { SpeedLine } from "../framing/iec62056-21/test-support/speed-line.ts";
import { easymeterPush, landis, logarex } from "../framing/iec62056-21/test-support/vectors.ts";
import type { Line } from "../framing/line.ts";
import { SerialLine } from "../framing/serial-line.ts";
import { TcpLine } from "../framing/tcp-line.ts";
import { seededRandom, VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { processTimers } from "../framing/timers.ts";
import {
  Iec62056Meter,
  type Iec62056MeterOptions,
  Iec62056PushMeter,
  iecPushSerial,
  iecSerial,
} from "./iec62056-21-meter.ts";
import type { Meter, MeterReading } from "./reading.ts";

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const value = ({ values }: MeterReading, obis: string) => {
  const found = values.find((one) => one.obis === obis);
  return found && [found.mantissa, found.exponent, found.unit];
};

type Extra = Partial<
  Pick<Iec62056MeterOptions, "mode" | "baudMax" | "address" | "energyUnit" | "parityBy">
>;

/** A meter behind a line on which speed counts. */
function bench(identification: string, readout: Uint8Array = logarex.readout, extra: Extra = {}) {
  const timers = new VirtualTimers();
  const line = new SpeedLine(timers, 9600);
  const device = new ScriptedMeter(line, identification, () => latin1(readout));
  line.meter = device;
  const port = new LinePort({ name: "/dev/head", line, timers, random: () => 0 });
  const clock = () => utcMs(1_800_000_000_000 + Math.round(timers.now()));
  const meter = new Iec62056Meter({ profile: "iec", port, clock, ...extra });
  return { timers, line, device, port, meter };
}

test("mode C: identification at 300 baud, acknowledgement, readout at the speed it names", async () => {
  const { timers, line, device, meter } = bench("5LK123");
  const reading = await timers.run(meter.read());
  assert.deepEqual(value(reading, "1-0:1.8.0"), [158_826_927, -1, "Wh"]);
  assert.deepEqual(value(reading, "1-0:16.7.0"), [28, 0, "W"]);
  assert.deepEqual(reading.unknown, []);
  assert.deepEqual(device.acknowledged, ["5", "5"]);
  assert.deepEqual(line.speeds, [300, 9600, 300, 9600]);
});

test("mode B: the meter changes its speed by itself after the identification", async () => {
  const { timers, line, device, meter } = bench("ELK123");
  const reading = await timers.run(meter.read());
  assert.deepEqual(value(reading, "1-0:2.8.0"), [2_194_882, -1, "Wh"]);
  assert.deepEqual(line.speeds.slice(0, 2), [300, 9600]);
  assert.deepEqual(device.acknowledged, []);
});

test("mode A: all at 300 baud", async () => {
  const { timers, line, meter } = bench(" LK123");
  const reading = await timers.run(meter.read());
  assert.deepEqual(value(reading, "1-0:1.8.0"), [158_826_927, -1, "Wh"]);
  assert.ok(line.speeds.every((baud) => baud === 300));
});

test("a readout at the wrong speed is no readout", async () => {
  const { timers, line, meter } = bench("5LK123");
  line.setBaud = async (baud) => {
    line.baud = baud === 300 ? 300 : 4800;
  };
  await assert.rejects(timers.run(meter.read()), { code: "meter.garbled" });
});

test("a speed that the optical head does not take is not asked for", async () => {
  const { timers, line, device, meter } = bench("6LK123", logarex.readout, { baudMax: 4800 });
  await timers.run(meter.read());
  assert.deepEqual(device.acknowledged, ["4", "4"]);
  assert.ok(Math.max(...line.speeds) === 4800);
});

test("a line without a speed of its own stays at the start speed", async () => {
  const { timers, line, device, port, meter } = bench("5LK123");
  line.baud = 300;
  Reflect.set(line, "setBaud", undefined);
  assert.equal(port.hasSpeed, false);
  await timers.run(meter.read());
  assert.deepEqual(device.acknowledged, ["0", "0"]);
});

test("a meter that proposes mode C and reads out without it is found and remembered", async () => {
  const { timers, device, meter } = bench("5EM214");
  device.readoutWithout = true;
  const acknowledged = () => device.acknowledged.length;
  device.heard = ((heard) => (byte: number) => {
    if (byte !== 0x06) heard(byte);
  })(device.heard.bind(device));
  await timers.run(meter.read());
  const before = device.readouts;
  await timers.run(meter.read());
  assert.equal(device.readouts, before + 1);
  assert.equal(acknowledged(), 0);
});

test("the echo of an optical head is no answer", async () => {
  const { timers, line, meter } = bench("5LK123");
  line.echo = true;
  assert.deepEqual(value(await timers.run(meter.read()), "1-0:1.8.0"), [158_826_927, -1, "Wh"]);
});

test("a reading is dated when the meter identified itself, not when the readout ended", async () => {
  const { timers, meter } = bench(" slow", landis.readout);
  const { time } = await timers.run(meter.read());
  const lastedMs = 1_800_000_000_000 + timers.now() - time;
  assert.ok(lastedMs > 100_000, `${lastedMs} ms`);
});

test("registers of channel 1 are the meter's own, and its earlier periods are left out", async () => {
  const { timers, meter } = bench("5\\2ZMD3104107.B40", landis.readout);
  const reading = await timers.run(meter.read());
  assert.deepEqual(value(reading, "1-0:1.8.0"), [94_500, 0, "Wh"]);
  assert.deepEqual(value(reading, "1-0:36.7.0"), [-820, 0, "W"]);
  assert.ok(reading.values.every(({ obis }) => !obis?.includes("*")));
  assert.deepEqual(await timers.run(meter.identify()), {
    profile: "iec",
    serialNumber: "001LGZ0056859504",
    model: "ABC \\2ZMD3104107.B40",
  });
});

/** A readout with its block check. */
function readoutOf(...lines: readonly string[]): Uint8Array {
  const text = `${lines.join("\r\n")}\r\n!\r\n\x03`;
  const check = [...Buffer.from(text)].reduce((sum, byte) => sum ^ byte, 0);
  return Buffer.from(`\x02${text}${String.fromCharCode(check)}`, "latin1");
}

test("an energy without a unit is unknown until its unit is told", async () => {
  const bytes = readoutOf("1.8.0(013925.5)", "1.7.0(000.5*kW)");
  const silent = bench("5HAG", bytes);
  const reading = await silent.timers.run(silent.meter.read());
  assert.deepEqual(reading.unknown, ["energy.import.total"]);
  const told = bench("5HAG", bytes, { energyUnit: "kWh" });
  assert.deepEqual(value(await told.timers.run(told.meter.read()), "1-0:1.8.0"), [
    13_925_500,
    0,
    "Wh",
  ]);
});

test("a code that comes twice with two values is unknown", async () => {
  const { timers, meter } = bench(
    "5X",
    readoutOf("1.8.0(1.5*kWh)", "1.8.0(1.6*kWh)", "2.8.0(2*kWh)"),
  );
  const reading = await timers.run(meter.read());
  assert.deepEqual(reading.unknown, ["energy.import.total"]);
  assert.deepEqual(value(reading, "1-0:2.8.0"), [2000, 0, "Wh"]);
});

test("damage that the block check does not see changes the shape, and is read again", async () => {
  const right = readoutOf("1.8.0(001234.5*kWh)", "2.8.0(000000.0*kWh)");
  const { timers, device, meter } = bench("5X", right);
  await timers.run(meter.read());
  const before = device.readouts;
  // Two equal digits more leave the block check as it was.
  const wrong = latin1(right).replace("001234.5", "44001234.5");
  let asked = 0;
  device.readout = () => (asked++ === 0 ? wrong : latin1(right));
  const reading = await timers.run(meter.read());
  assert.deepEqual(value(reading, "1-0:1.8.0"), [1_234_500, 0, "Wh"]);
  assert.equal(device.readouts, before + 2);
});

test("readouts on a line that damages characters are right or not there", async () => {
  const random = seededRandom(7);
  const right = readoutOf("0.0.0(1)", "1.8.0(001234.5*kWh)", "2.8.0(000077.0*kWh)");
  const { timers, line, meter } = bench("5X", right);
  await timers.run(meter.read());
  line.damage = (byte) => {
    const dice = random();
    if (dice < 0.001) return [];
    if (dice < 0.002) return [byte, byte];
    if (dice < 0.004) return [byte ^ (1 << Math.floor(random() * 8))];
    return dice < 0.005 ? [Math.floor(random() * 256)] : [byte];
  };
  let read = 0;
  for (let i = 0; i < 100; i += 1) {
    const reading = await timers.run(meter.read().catch(() => undefined));
    if (reading === undefined) continue;
    read += 1;
    assert.deepEqual(value(reading, "1-0:1.8.0"), [1_234_500, 0, "Wh"]);
    assert.deepEqual(value(reading, "1-0:2.8.0"), [77_000, 0, "Wh"]);
  }
  assert.ok(read > 60, `${read} of 100`);
});

test("a meter that is not there costs two requests, and the message says where to look", async () => {
  const { timers, line, meter } = bench("5X");
  line.meter = undefined;
  await assert.rejects(timers.run(meter.read()), {
    code: "meter.timeout",
    message: /did not answer at 300 baud; check the address, how the optical head sits/,
  });
  assert.ok(timers.now() < 20_000, `${timers.now()} ms`);
});

test("a meter that takes no parity bit is found by the second request and remembered", async () => {
  const { timers, device, meter } = bench("5LK123");
  device.carried = "none";
  await timers.run(meter.read());
  const after = timers.now();
  await timers.run(meter.read());
  assert.ok(timers.now() - after < after / 2, `${timers.now() - after} of ${after} ms`);
  const told = bench("5LK123", logarex.readout, { parityBy: "unit" });
  told.device.carried = "none";
  await assert.rejects(told.timers.run(told.meter.read()), { code: "meter.timeout" });
});

test("the readout that named the meter is its first reading, and the next one is its own", async () => {
  const { timers, device, meter } = bench("5LK123");
  await timers.run(meter.identify());
  const before = device.readouts;
  const first = await timers.run(meter.read());
  assert.equal(device.readouts, before);
  assert.deepEqual(value(first, "1-0:1.8.0"), [158_826_927, -1, "Wh"]);
  const second = await timers.run(meter.read());
  assert.equal(device.readouts, before + 1);
  assert.ok(second.time > first.time);
  await timers.run(meter.identify());
  await timers.run(new Promise<void>((resolve) => void timers.after(60_000, resolve)));
  const late = await timers.run(meter.read());
  assert.equal(device.readouts, before + 3);
  assert.ok(late.time > second.time + 60_000);
});

test("two meters on one line are read one after another", async () => {
  const { timers, port, meter } = bench("5X");
  const clock = () => utcMs(1_800_000_000_000 + Math.round(timers.now()));
  const other = new Iec62056Meter({ profile: "iec", port, clock });
  const [a, b] = await timers.run(Promise.all([meter.read(), other.read()]));
  assert.deepEqual(a.values, b.values);
  await meter.close();
  await timers.run(other.read());
  await other.close();
  await assert.rejects(timers.run(other.read()), { code: "meter.bus-closed" });
});

test("an unplugged head fails the readout under way at once", async () => {
  const timers = new VirtualTimers();
  const line = new PushLine();
  const port = new LinePort({ name: "/dev/head", line, timers, random: () => 0 });
  const meter = new Iec62056Meter({ profile: "iec", port, clock: () => utcMs(1) });
  timers.after(100, () => line.unplug());
  await assert.rejects(timers.run(meter.read()), { code: "meter.port-lost" });
  assert.equal(timers.now(), 100);
  await assert.rejects(timers.run(meter.read()), { code: "meter.port-away" });
});

test("mode D: a pushed readout counts once a second one has shown the same shape", async () => {
  const timers = new VirtualTimers();
  const line = new PushLine();
  const port = new LinePort({ name: "/dev/head", line, timers, random: () => 0 });
  const clock = () => utcMs(1_800_000_000_000 + Math.round(timers.now()));
  const meter = new Iec62056PushMeter({ profile: "iec", port, clock });
  const lost = Buffer.from(latin1(easymeterPush).replace("00052185.78", "0052185.78"), "latin1");
  for (const [i, bytes] of [easymeterPush, lost, easymeterPush, easymeterPush].entries()) {
    timers.after(1000 * (i + 1), () => line.push(bytes));
  }
  const reading = await timers.run(meter.read());
  assert.equal(reading.time, 1_800_000_004_000);
  assert.deepEqual(value(reading, "1-0:1.8.0"), [521_857_825_309, -4, "Wh"]);
  assert.deepEqual(line.written, []);
  await assert.rejects(timers.run(meter.read()), {
    code: "meter.timeout",
    message: /no byte came/,
  });
});

const socat = program("socat", "socat");
const folder = mkdtempSync(join(tmpdir(), "busbar-iec-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const clock = () => utcMs(Date.now());
const portOn = (name: string, line: Line) =>
  new LinePort({ name, line, timers: processTimers, random: () => 0 });

async function readTwice(meter: Meter): Promise<void> {
  const identity = await meter.identify();
  assert.deepEqual(identity, { profile: "iec", serialNumber: "10067967", model: "BSB \\2SIM1000" });
  const [first, second] = [await meter.read(), await meter.read()];
  assert.ok(second.time > first.time);
  assert.deepEqual(second.unknown, []);
  assert.deepEqual(value(second, "1-0:1.8.0")?.slice(1), [-1, "Wh"]);
  assert.ok(Number(value(second, "1-0:1.8.0")?.[0]) >= Number(value(first, "1-0:1.8.0")?.[0]));
  assert.equal(second.values.length, 8);
  await meter.close();
}

for (const mode of ["A", "B", "C"] as const) {
  test(`a simulated meter is read over a real terminal in mode ${mode}`, {
    skip: "skip" in socat && socat.skip,
  }, async (t) => {
    const link = join(folder, `head-${mode}`);
    const simulated = await simulate(
      "iec62056-21",
      "--link",
      link,
      "--mode",
      mode,
      "--reaction",
      "20",
    );
    t.after(() => simulated.end());
    const port = portOn(link, new SerialLine(link, iecSerial));
    await readTwice(
      new Iec62056Meter({ profile: "iec", port, clock, address: "10067967", pauseMs: 50 }),
    );
  });
}

test("a simulated meter is read over a real terminal in mode D", {
  skip: "skip" in socat && socat.skip,
}, async (t) => {
  const link = join(folder, "head-D");
  const simulated = await simulate("iec62056-21", "--link", link, "--mode", "D", "--every", "100");
  t.after(() => simulated.end());
  const port = portOn(link, new SerialLine(link, iecPushSerial));
  await readTwice(new Iec62056PushMeter({ profile: "iec", port, clock }));
});

for (const mode of ["A", "B", "C"] as const) {
  for (const parity of ["the unit makes", "the gateway makes"] as const) {
    test(`a simulated meter in mode ${mode} is read over TCP where ${parity} the parity`, async (t) => {
      const made = parity === "the unit makes" ? [] : ["--no-parity"];
      const options = ["--port", "0", "--reaction", "20", "--mode", mode, ...made];
      const simulated = await simulate("iec62056-21", ...options);
      t.after(() => simulated.end());
      const port = portOn("tcp", new TcpLine("127.0.0.1", Number(simulated.at)));
      await readTwice(new Iec62056Meter({ profile: "iec", port, clock, pauseMs: 50 }));
    });
  }
}
