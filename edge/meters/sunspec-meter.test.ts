import assert from "node:assert/strict";
import { test } from "node:test";
import { device, type Registers, simulatedBus } from "../../test/support/simulated-meter.ts";
import { openMeter } from "./meter.ts";
import { loadProfile, profileFolder } from "./profile.ts";

const profile = loadProfile(new URL("sunspec.yaml", profileFolder));

/** Registers one after another from an address. */
function put(registers: Registers, address: number, words: readonly number[]): number {
  for (const [i, word] of words.entries()) registers.set(address + i, word);
  return address + words.length;
}

const text = (value: string, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const code = (at: number) => (at < value.length ? value.charCodeAt(at) : 0);
    return (code(2 * i) << 8) | code(2 * i + 1);
  });

/** A three-phase inverter behind a marker: models 1, 103, end. */
function inverter(base = 40_000) {
  const registers: Registers = new Map();
  let at = put(registers, base, [0x5375, 0x6e53]);
  const common = [
    ...text("Acme", 16),
    ...text("Sun 5", 16),
    ...text("", 16),
    ...text("A-17", 16),
    1,
  ];
  at = put(registers, at, [1, common.length + 1, ...common, 0x8000]);
  const model = at;
  at = put(registers, at, [103, 50, ...Array.from({ length: 50 }, () => 0xffff)]);
  put(registers, at, [0xffff, 0]);
  put(registers, model + 10, [2301, 2302, 2303, 0xffff]); // voltages · 10^−1
  put(registers, model + 14, [4200, 0]);
  put(registers, model + 24, [0x0001, 0xe240, 1]); // 123456 · 10^1 Wh
  for (const [offset, factor] of [
    [6, 0x8000],
    [17, 0xfffe],
    [28, 0x8000],
    [30, 0x8000],
  ] as const) {
    registers.set(model + offset, factor);
  }
  return { registers, model };
}

function bench(registers: Registers) {
  const site = simulatedBus();
  const { bus, connection, clock, line } = site;
  line.devices.set(1, device(new Map(), registers));
  return { ...site, meter: openMeter({ profile, connection, unit: 1, clock, bus }) };
}

test("an inverter is found behind its marker and read with its scale factors", async () => {
  const { timers, meter } = bench(inverter().registers);
  const { values, unknown } = await timers.run(meter.read());
  const value = (quantity: string) => {
    const found = values.find((v) => v.quantity === quantity);
    return found && [found.obis, found.mantissa, found.exponent, found.unit];
  };
  assert.deepEqual(value("energy.export.total"), ["1-0:2.8.0", 1234560, 0, "Wh"]);
  assert.deepEqual(value("voltage.l2"), ["1-0:52.7.0", 2302, -1, "V"]);
  assert.deepEqual(value("power.export.total"), ["1-0:2.7.0", 4200, 0, "W"]);
  assert.ok(unknown.includes("current.l1"), "its scale factor is not implemented");
  assert.ok(unknown.includes("frequency"), "its value is not implemented");
});

test("value and scale factor come in one answer each time", async () => {
  const { timers, line, meter, bus } = bench(inverter().registers);
  await timers.run(meter.read());
  const before = line.written.length;
  await timers.run(meter.read());
  assert.equal(line.written.length - before, 1);
  assert.equal(bus.counters().size, 1);
});

test("an accumulator of 0 is not accumulated, so unknown", async () => {
  const { registers, model } = inverter();
  put(registers, model + 24, [0, 0]);
  const { timers, meter } = bench(registers);
  const { unknown } = await timers.run(meter.read());
  assert.ok(unknown.includes("energy.export.total"));
});

test("the marker is found at the other bases, and the device named", async () => {
  const { timers, meter } = bench(inverter(50_000).registers);
  assert.deepEqual(await timers.run(meter.identify()), {
    profile: "sunspec",
    serialNumber: "A-17",
    model: "Acme Sun 5",
  });
});

test("a model that moved is noticed, and found again", async () => {
  const { registers, model } = inverter();
  const { timers, line, meter } = bench(registers);
  await timers.run(meter.read());
  line.devices.set(1, device(new Map(), inverter(50_000).registers));
  await assert.rejects(timers.run(meter.read()), { code: "meter.exception" });
  assert.ok((await timers.run(meter.read())).values.length > 0);

  line.devices.set(1, device(new Map(), registers));
  await assert.rejects(timers.run(meter.read()), { code: "meter.exception" });
  await timers.run(meter.read());
  registers.set(model, 160);
  await assert.rejects(timers.run(meter.read()), { code: "meter.refused" });
});

test("a device without the marker or without known models is not SunSpec of this profile", async () => {
  const none = bench(new Map());
  await assert.rejects(none.timers.run(none.meter.read()), /no SunSpec marker/);
  const { registers, model } = inverter();
  registers.set(model, 120);
  const other = bench(registers);
  await assert.rejects(other.timers.run(other.meter.read()), /models 1, 120/);
});

test("a list of models without an end is given up", async () => {
  const registers: Registers = new Map();
  put(registers, 40_000, [0x5375, 0x6e53]);
  for (let at = 40_002; at < 40_600; at += 2) put(registers, at, [9, 0]);
  const { timers, meter } = bench(registers);
  await assert.rejects(timers.run(meter.read()), { code: "meter.refused" });
});
