import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { PulseStore } from "../framing/s0/pulse-store.ts";
import { Wire } from "../framing/s0/test-support/wire.ts";
import { processTimers } from "../framing/timers.ts";
import { energyOf, S0Meter } from "./s0-meter.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-s0-"));
const wire = new Wire(folder);
const program = (version: string) => wire.program(version);

before(() => wire.open());
after(() => {
  wire.close();
  rmSync(folder, { recursive: true, force: true });
});

const line = { chip: "gpiochip0", offset: 17, bias: "pull-up", activeLow: true } as const;
const clock = () => utcMs(Date.now());

const openCount = (name: string) => () =>
  new PulseStore(join(folder, name), { line: "gpiochip0:17", pulsesPerKwh: 1000 });

/** A meter that has begun to count. */
function meterOf(
  name: string,
  options: { version?: string; program?: string; direction?: "export" } = {},
) {
  const meter = new S0Meter({
    line,
    pulsesPerKwh: 1000,
    openCount: openCount(name),
    program: options.program ?? program(options.version ?? "1.6.3"),
    timers: processTimers,
    clock,
    random: () => 0.99,
    ...(options.direction === undefined ? {} : { direction: options.direction }),
  });
  meter.start();
  return meter;
}

/** Waits until the meter has counted so many pulses: nothing else tells that a pipe was read. */
async function counted(meter: S0Meter, pulses: number): Promise<void> {
  while (meter.counters.pulses < pulses) await new Promise(setImmediate);
}

for (const version of ["1.6.3", "2.2.1"]) {
  test(`pulses told by gpiomon ${version} are energy and power`, async () => {
    const meter = meterOf(`count-${version}`, { version });
    const { args } = await wire.listener();
    assert.match(args, /--active-low/);
    wire.pulses(5, 720);
    await counted(meter, 5);
    const { values, unknown } = await meter.read();
    assert.deepEqual(unknown, []);
    assert.deepEqual(values, [
      {
        obis: "1-0:1.8.0",
        quantity: "energy.import.total",
        unit: "Wh",
        mantissa: 5,
        exponent: 0,
        raw: [5],
      },
      {
        obis: "1-0:16.7.0",
        quantity: "power.total",
        unit: "W",
        mantissa: 5000,
        exponent: 0,
        raw: [],
      },
    ]);
    await meter.close();
  });
}

test("power is unknown before two pulses, and negative where the meter counts what is fed in", async () => {
  const meter = meterOf("export", { direction: "export" });
  await wire.listener();
  wire.pulses(1, 3600);
  await counted(meter, 1);
  assert.deepEqual((await meter.read()).unknown, ["power.total"]);
  wire.pulses(1, 3600);
  await counted(meter, 2);
  const { values } = await meter.read();
  assert.deepEqual(
    values.map(({ obis, mantissa }) => [obis, mantissa]),
    [
      ["1-0:2.8.0", 2],
      ["1-0:16.7.0", -1000],
    ],
  );
  await meter.close();
});

test("bounces, foreign lines and nonsense count nothing and are told", async () => {
  const meter = meterOf("nonsense");
  await wire.listener();
  for (const text of ["hello", "", "1 18 12 5", "9 17 12 5", "1 17 12", `1 ${"7".repeat(400)}`]) {
    wire.say(`raw ${text}`);
  }
  for (let i = 0; i < 6; i += 1) wire.say(`${i % 2} ${wire.us + 3000 * i}`);
  wire.us += 500_000;
  wire.pulses(2, 500);
  await counted(meter, 2);
  const { pulses, malformedLines } = meter.counters;
  assert.deepEqual([pulses, malformedLines], [2, 6]);
  await meter.close();
});

test("gpiomon that is killed is started anew and the count goes on", async () => {
  const meter = meterOf("killed");
  let expected = 0;
  for (let round = 0; round < 3; round += 1) {
    const { pid } = await wire.listener();
    // The new process has not seen how the line was: this edge only tells it.
    wire.say(`1 ${wire.us}`);
    wire.us += 100_000;
    wire.pulses(4, 100);
    expected += 4;
    await counted(meter, expected);
    process.kill(pid, "SIGKILL");
  }
  const { pid } = await wire.listener();
  assert.equal(meter.counters.starts, 4);
  assert.deepEqual(
    (await meter.read()).values.map(({ mantissa }) => mantissa),
    [12],
  );
  await meter.close();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a line that another program holds is told, and taken when it is free", async () => {
  const path = join(folder, "gpiomon-busy");
  const free = join(folder, "free");
  const held = `test -e ${free} || { echo 'gpiomon: Device or resource busy' >&2; exit 1; }`;
  const run = `exec ${program("1.6.3")} "$@"`;
  const version = `test "$1" = --version && ${run}`;
  writeFileSync(path, `#!/bin/sh\n${version}\n${held}\n${run}\n`);
  chmodSync(path, 0o755);
  const meter = meterOf("busy", { program: path });
  const busy = { code: "meter.gpio-lost", message: /Device or resource busy/ };
  await assert.rejects(meter.identify(), busy);
  await assert.rejects(meter.read(), busy);
  writeFileSync(free, "");
  await wire.listener();
  assert.deepEqual(await meter.identify(), { profile: "s0" });
  await meter.close();
});

test("a missing gpiomon is told with what to install", async () => {
  const meter = new S0Meter({
    line,
    pulsesPerKwh: 1000,
    openCount: openCount("missing"),
    program: join(folder, "no-gpiomon"),
    timers: processTimers,
    clock,
  });
  await assert.rejects(meter.identify(), { code: "meter.gpio-tool", message: /gpiod/ });
  await meter.close();
});

/** A unit in a process of its own that says its count whenever it is asked for it. */
const unit = `
  const [{ S0Meter }, { PulseStore }, { processTimers }, { utcMs }] = await Promise.all([
    import(${JSON.stringify(new URL("./s0-meter.ts", import.meta.url).href)}),
    import(${JSON.stringify(new URL("../framing/s0/pulse-store.ts", import.meta.url).href)}),
    import(${JSON.stringify(new URL("../framing/timers.ts", import.meta.url).href)}),
    import("@busbar/protocol")]);
  const [program, countFile] = process.argv.slice(1);
  const openCount = () => new PulseStore(countFile, { line: "gpiochip0:17", pulsesPerKwh: 1000 });
  const meter = new S0Meter({ line: ${JSON.stringify(line)}, pulsesPerKwh: 1000, openCount, program,
    timers: processTimers, clock: () => utcMs(Date.now()), random: () => 0.99 });
  meter.start();
  let said = -1;
  for (;;) {
    if (meter.counters.pulses !== said) console.log(said = meter.counters.pulses);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
`;

async function until(lines: Interface, count: number): Promise<void> {
  for await (const text of lines) if (Number(text) >= count) return;
}

test("a unit that is killed loses no pulse it counted, and its gpiomon dies with it", async () => {
  const countFile = join(folder, "unit");
  let expected = 0;
  for (let round = 0; round < 2; round += 1) {
    const args = ["--input-type=module", "-e", unit, program("1.6.3"), countFile];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
    });
    const { pid } = await wire.listener();
    wire.pulses(7, 100);
    expected += 7;
    await until(createInterface({ input: child.stdout }), expected);
    child.kill("SIGKILL");
    await once(child, "exit");
    await gone(pid);
  }
  const meter = meterOf("unit");
  await wire.listener();
  assert.equal((await meter.read()).values[0]?.mantissa, 14);
  await meter.close();
});

/** Resolves when a process is no more. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise(setImmediate);
  }
}

test("a meter that nobody asked counts nothing and makes no file", async () => {
  const meter = new S0Meter({
    line,
    pulsesPerKwh: 1000,
    openCount: () => assert.fail("opened"),
    timers: processTimers,
    clock,
  });
  assert.equal(meter.counters.pulses, 0);
  await meter.close();
  await assert.rejects(meter.read(), { code: "meter.bus-closed" });
});

test("a count that another process keeps is not read beside it, and is read when it is free", async () => {
  const path = join(folder, "held");
  const source = { line: "gpiochip0:17", pulsesPerKwh: 1000 };
  const other = new PulseStore(path, source);
  assert.throws(() => new PulseStore(path, source), {
    code: "meter.counter-in-use",
    message: /status page/,
  });
  await other.close();
  await new PulseStore(path, source).close();
});

test("energy is exact where a pulse is a decimal of Wh, else rounded down from the whole count", () => {
  assert.deepEqual(energyOf(5, 1000, 0), { mantissa: 5, exponent: 0 });
  assert.deepEqual(energyOf(3, 800, 100), { mantissa: 10375, exponent: -2 });
  assert.deepEqual(energyOf(7, 10_000, 0), { mantissa: 7, exponent: -1 });
  assert.deepEqual(energyOf(3, 375, 0), { mantissa: 8000, exponent: -3 });
  fc.assert(
    fc.property(fc.nat({ max: 1e9 }), fc.integer({ min: 1, max: 100_000 }), (count, weight) => {
      const { mantissa, exponent } = energyOf(count, weight, 0);
      const exact = (BigInt(count) * 1000n * 10n ** BigInt(-exponent)) / BigInt(weight);
      assert.equal(BigInt(mantissa), exact);
      assert.ok(exponent <= 0 && exponent >= -3);
    }),
  );
});
