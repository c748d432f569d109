import assert from "node:assert/strict";
import { test } from "node:test";
import { openMeter } from "./meter.ts";
import {
  device,
  floatRegisters,
  modbusProfile,
  type Registers,
  setFloat,
  simulatedBus,
} from "./test-support/simulated-meter.ts";

const profile = modbusProfile("eastron-sdm630");

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

test("a meter that takes fewer registers than documented is read in smaller blocks from then on", async () => {
  const { timers, line, meter, input, bus, connection } = bench();
  line.devices.set(1, device(input, new Map(), 50));
  const exceptions = () => bus.counters().get(connection.path)?.exceptions;
  assert.deepEqual((await timers.run(meter.read())).unknown, []);
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
  line.faults = { late: 0.05, cut: 0.05, damaged: 0.05, noise: 0.1, dropped: 0.03, echo: true };
  let read = 0;
  for (let i = 0; i < 100; i += 1) {
    const reading = await timers.run(meter.read().catch(() => undefined));
    for (const value of reading?.values ?? []) assert.deepEqual(value, right.get(value.quantity));
    if (reading !== undefined) read += 1;
  }
  assert.ok(read > 60, `${read} of 100`);
});
