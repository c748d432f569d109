import assert from "node:assert/strict";
import { test } from "node:test";
import {
  device,
  floatRegisters,
  modbusProfile,
  type Registers,
  setFloat,
  simulatedBus,
} from "../../test/support/simulated-meter.ts";
import { sleep } from "../framing/timers.ts";
import { formatDecimal } from "./decimal.ts";
import { openMeter } from "./meter.ts";

const profile = modbusProfile("eastron-sdm630");

/** A meter of a profile on a unit of some registers, all of function 3. */
function benchOf(of: string, holding: Registers, input: Registers = new Map()) {
  const site = simulatedBus();
  const { bus, connection, clock, line } = site;
  line.devices.set(1, device(input, holding));
  const meter = openMeter({ profile: modbusProfile(of), connection, unit: 1, clock, bus });
  const read = async (quantity: string) => {
    const { values } = await site.timers.run(meter.read());
    const found = values.find((value) => value.quantity === quantity);
    return found && formatDecimal(found);
  };
  return { ...site, meter, textOf: read };
}

function bench(input: Registers = floatRegisters(profile), holding: Registers = new Map()) {
  const site = simulatedBus();
  const { bus, connection, clock } = site;
  site.line.devices.set(1, device(input, holding));
  const meter = openMeter({ profile, connection, unit: 1, clock, bus });
  return { ...site, meter, input, holding };
}

test("an SDM630 is read whole in 4 requests, values exact and in base units", async () => {
  const { timers, line, meter, input } = bench();
  setFloat(input, 0x0048, 5188.848);
  const reading = await timers.run(meter.read());
  assert.equal(reading.values.length, profile.registers.length);
  assert.deepEqual(reading.unknown, []);
  assert.equal(line.written.length, 4);
  assert.deepEqual(
    reading.values.find(({ obis }) => obis === "1-0:1.8.0"),
    {
      obis: "1-0:1.8.0",
      quantity: "energy.import.total",
      unit: "Wh",
      mantissa: 5188848,
      exponent: 0,
      raw: [input.get(0x0048), input.get(0x0049)],
    },
  );
  await timers.run(meter.close());
});

test("a reading is dated when its energy registers came", async () => {
  const { timers, meter, clock } = bench();
  const { time } = await timers.run(meter.read());
  assert.ok(time > 1_700_000_000_000 && time < clock());
});

test("NaN is unknown and the rest of its block lives on", async () => {
  const { timers, meter, input } = bench();
  setFloat(input, 0x0046, Number.NaN);
  const reading = await timers.run(meter.read());
  assert.deepEqual(reading.unknown, ["frequency"]);
  assert.equal(reading.values.length, profile.registers.length - 1);
});

test("one missing register is split out once and not asked for again", async () => {
  const { timers, line, meter, input } = bench();
  input.delete(0x0042);
  input.delete(0x0043);
  const first = await timers.run(meter.read());
  assert.deepEqual(first.unknown, ["angle.total"]);
  assert.equal(first.values.length, profile.registers.length - 1);
  const before = line.written.length;
  const settled = await timers.run(meter.read());
  assert.deepEqual(settled.unknown, ["angle.total"]);
  assert.ok(line.written.length - before <= 5, `${line.written.length - before} requests`);
});

test("a billing register that was shown and is refused for a while comes back with its first answer", async () => {
  const { timers, line, meter, input } = bench();
  const whole = device(input);
  assert.deepEqual((await timers.run(meter.read())).unknown, []);
  line.devices.set(1, (code, address, count) =>
    address <= 0x49 && address + count > 0x48 ? 2 : whole(code, address, count),
  );
  for (let n = 0; n < 2; n += 1) {
    const { unknown } = await timers.run(meter.read());
    assert.ok(unknown.includes("energy.import.total"));
    await timers.run(sleep(timers, 2100));
  }
  line.devices.set(1, whole);
  const { values } = await timers.run(meter.read());
  assert.ok(values.some(({ obis }) => obis === "1-0:1.8.0"));
});

test("a meter that takes fewer registers than documented is read in smaller blocks from then on", async () => {
  const { timers, line, meter, input, bus, connection } = bench();
  line.devices.set(1, device(input, new Map(), 50));
  const exceptions = () => bus.counters().get(connection.path)?.exceptions;
  assert.deepEqual((await timers.run(meter.read())).unknown, []);
  // The answers of this reading are told from the next one's for two seconds.
  await timers.run(sleep(timers, 2100));
  const before = exceptions();
  const written = line.written.length;
  for (let i = 0; i < 20; i += 1) assert.deepEqual((await timers.run(meter.read())).unknown, []);
  assert.equal(exceptions(), before);
  assert.ok(line.written.length - written <= 20 * 5);
});

test("a meter that was silent costs one timeout a reading until it answers", async () => {
  const { timers, line, meter, input } = bench();
  line.devices.delete(1);
  const failing = () => assert.rejects(timers.run(meter.read()), { code: "meter.timeout" });
  await failing();
  assert.equal(line.written.length, 2);
  await failing();
  await failing();
  assert.equal(line.written.length, 4);
  line.devices.set(1, device(input));
  assert.deepEqual((await timers.run(meter.read())).unknown, []);
});

test("a block that is never answered costs its own values only", async () => {
  const { timers, line, meter, input } = bench();
  const whole = device(input);
  line.devices.set(1, (code, address, count) =>
    address >= 0x0156 ? undefined : whole(code, address, count),
  );
  const reading = await timers.run(meter.read());
  assert.ok(reading.unknown.includes("energy.sum.total"));
  assert.ok(reading.values.some(({ obis }) => obis === "1-0:1.8.0"));
});

test("a meter that refuses every register fails with what it answered", async () => {
  const { timers, meter } = bench(new Map());
  await assert.rejects(timers.run(meter.read()), { code: "meter.exception" });
});

test("a meter names its model and serial number", async () => {
  const holding: Registers = new Map([
    [0xfc00, 0x0012],
    [0xfc01, 0xd687],
    [0xfc02, 0x0079],
  ]);
  const { timers, meter } = bench(undefined, holding);
  assert.deepEqual(await timers.run(meter.identify()), {
    profile: "eastron-sdm630",
    serialNumber: "1234567",
    model: "SDM630 V2",
  });
});

test("another kind of meter is not read as this one", async () => {
  const { timers, meter } = bench(undefined, new Map([[0xfc02, 0x0084]]));
  await assert.rejects(timers.run(meter.identify()), { code: "meter.wrong-model" });
});

test("an early unit without a code is taken at its word", async () => {
  const { timers, meter } = bench(undefined, new Map([[0xfc02, 0]]));
  assert.deepEqual(await timers.run(meter.identify()), { profile: "eastron-sdm630" });
});

/** A DTSU666 of 12.5 kWh and 230.1 V on its secondary side. */
function chint(ratios: readonly (readonly [number, number])[]): Registers {
  const registers = floatRegisters(modbusProfile("chint-dtsu666"));
  setFloat(registers, 0x101e, 12.5);
  setFloat(registers, 0x2006, 2301);
  for (const [address, ratio] of ratios) registers.set(address, ratio);
  return registers;
}

test("values behind transformers are those of the grid, by the ratios that the meter holds", async () => {
  const direct = benchOf(
    "chint-dtsu666",
    chint([
      [6, 1],
      [7, 10],
    ]),
  );
  assert.equal(await direct.textOf("energy.import.total"), "12500");
  assert.equal(await direct.textOf("voltage.l1"), "230.10");
  const behind = benchOf(
    "chint-dtsu666",
    chint([
      [6, 40],
      [7, 577],
    ]),
  );
  assert.equal(await behind.textOf("energy.import.total"), "28850000");
  assert.equal(await behind.textOf("voltage.l1"), "13276.77");
  assert.equal(await behind.textOf("frequency"), (await direct.textOf("frequency")) ?? "");
});

test("a value is unknown while its ratio is missing or 0, and its neighbours live on", async () => {
  const unset: readonly (readonly [number, number])[][] = [
    [[7, 10]],
    [
      [6, 0],
      [7, 10],
    ],
  ];
  for (const ratios of unset) {
    const { textOf } = benchOf("chint-dtsu666", chint(ratios));
    assert.equal(await textOf("energy.import.total"), undefined);
    assert.equal(await textOf("voltage.l1"), "230.10");
    assert.ok((await textOf("frequency")) !== undefined);
  }
});

test("a ratio that is changed on the meter counts from the next reading", async () => {
  const registers = chint([
    [6, 1],
    [7, 10],
  ]);
  const { textOf } = benchOf("chint-dtsu666", registers);
  assert.equal(await textOf("energy.import.total"), "12500");
  registers.set(6, 2);
  assert.equal(await textOf("energy.import.total"), "25000");
});

test("a sum is exact, and unknown while one of its parts is", async () => {
  const registers: Registers = new Map(Array.from({ length: 900 }, (_, at) => [at, 0]));
  const setDouble = (address: number, value: number) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    for (let i = 0; i < 4; i += 1) registers.set(address + i, view.getUint16(2 * i));
  };
  setDouble(801, 1_234_567.25);
  setDouble(805, 0.5);
  const { textOf } = benchOf("siemens-pac2200", registers);
  assert.equal(await textOf("energy.import.total"), "1234567.75");
  setDouble(805, Number.NaN);
  assert.equal(await textOf("energy.import.total"), undefined);
  assert.equal(await textOf("energy.import.t1"), "1234567.25");
});

test("a serial number is asked for register by register where the meter wants it so", async () => {
  const holding: Registers = new Map([[0x000b, 71]]);
  for (const [i, letter] of [..."BF12345"].entries()) {
    holding.set(0x1300 + i, letter.charCodeAt(0));
  }
  const { timers, line, meter } = benchOf("cg-em24", holding);
  const whole = device(new Map(), holding);
  line.devices.set(1, (code, address, count) => (count > 1 ? 2 : whole(code, address, count)));
  assert.deepEqual(await timers.run(meter.identify()), {
    profile: "cg-em24",
    serialNumber: "BF12345",
    model: "EM24 RS-485",
  });
});

test("a model is told by the beginning of its text, capitals or not", async () => {
  const text = (address: number, value: string): [number, number][] =>
    [...value].map((letter, i) => [address + i, letter.charCodeAt(0)]);
  const socomec = (model: string) =>
    benchOf("socomec-countis-e", new Map([...text(0xc350, "SOCO"), ...text(0xc38a, model)]));
  const other = socomec("Diris B3");
  await assert.rejects(other.timers.run(other.meter.identify()), { code: "meter.wrong-model" });
  const holding: Registers = new Map(text(0xc350, "SOCO"));
  for (const [i, word] of [0x436f, 0x756e, 0x7469, 0x7320, 0x4532, 0x3400, 0, 0].entries()) {
    holding.set(0xc38a + i, word);
  }
  const e24 = benchOf("socomec-countis-e", holding);
  const { model } = await e24.timers.run(e24.meter.identify());
  assert.equal(model, "Countis E14 to E44 or Diris A14");
});

test("two meters on one connection share the bus, and close it together", async () => {
  const { timers, line, bus, connection, clock, meter, input } = bench();
  line.devices.set(2, device(input));
  const other = openMeter({ profile, connection, unit: 2, clock, bus });
  const [a, b] = await timers.run(Promise.all([meter.read(), other.read()]));
  assert.deepEqual([a.unknown, b.unknown], [[], []]);
  assert.equal(bus.counters().size, 1);
  await meter.close();
  assert.equal(bus.counters().size, 1);
  await other.close();
  assert.equal(bus.counters().size, 0);
});

test("readings on a bad line are right or not there", async () => {
  const { timers, line, meter } = bench();
  const right = new Map(
    (await timers.run(meter.read())).values.map((value) => [value.quantity, value]),
  );
  line.faults = { late: 0.05, cut: 0.05, damaged: 0.05, noise: 0.1, dropped: 0.03, echo: 1 };
  let read = 0;
  for (let i = 0; i < 100; i += 1) {
    const reading = await timers.run(meter.read().catch(() => undefined));
    for (const value of reading?.values ?? []) assert.deepEqual(value, right.get(value.quantity));
    if (reading !== undefined) read += 1;
  }
  assert.ok(read > 60, `${read} of 100`);
});

test("two meters of one bus that are due together have their billing registers read first", async () => {
  const { timers, line, bus, connection, clock, meter, input } = bench();
  for (const unit of [1, 2]) line.devices.set(unit, device(input, new Map(), 50));
  const other = openMeter({ profile, connection, unit: 2, clock, bus });
  const both = () => timers.run(Promise.all([meter.read(), other.read()]));
  await both();
  await timers.run(sleep(timers, 2100));
  line.written.length = 0;
  const from = clock();
  const readings = await both();
  const asked = line.written.map((bytes) => {
    const [address = 0, count = 0] = [bytes[3], bytes[5]].map(Number);
    const billing = bytes[2] === 0 && address <= 0x48 && address + count > 0x4a;
    return `${bytes[0]}${billing ? " billing" : ""}`;
  });
  assert.deepEqual(asked.slice(0, 2), ["1 billing", "2 billing"]);
  assert.ok(asked.length > 8 && !asked.slice(2).some((one) => one.includes("billing")));
  const lateMs = readings.map(({ time }) => time - from);
  assert.ok(Math.max(...lateMs) < 100, `${lateMs}`);
});
