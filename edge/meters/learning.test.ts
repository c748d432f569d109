import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utcMs } from "@busbar/protocol";
import fc from "fast-check";
import type { Device } from "../../test/support/fault-line.ts";
import {
  device,
  floatRegisters,
  modbusProfile,
  type Registers,
  simulatedBus,
} from "../../test/support/simulated-meter.ts";
import { LearnedFile } from "./learned-file.ts";
import { openMeter } from "./meter.ts";
import type { ModbusProfile } from "./profile.ts";

const profile = modbusProfile("eastron-sdm630");
const folder = mkdtempSync(join(tmpdir(), "busbar-learned-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(folder, `${files++}`, "learned.json");
const dayMs = 86_400_000;

const serialOf = (number: number): Registers =>
  new Map([
    [0xfc00, number >>> 16],
    [0xfc01, number & 0xffff],
    [0xfc02, 0x79],
  ]);

/** A meter that takes 50 registers and lacks one row. */
function quirky(serial = 1_234_567): Device {
  const input = floatRegisters(profile);
  input.delete(0x42);
  input.delete(0x43);
  return device(input, serialOf(serial), 50);
}

/** One life of a unit that reads this meter; tells the exceptions and requests of each reading. */
async function life(
  path: string,
  options: {
    readonly meter?: Device;
    readonly readings?: number;
    readonly profile?: ModbusProfile;
    readonly dayMs?: number;
    readonly exchanged?: Device;
  } = {},
) {
  const problems: string[] = [];
  const { timers, line, bus, connection, clock } = simulatedBus();
  line.devices.set(1, options.meter ?? quirky());
  let offsetMs = 0;
  const meter = openMeter({
    profile: options.profile ?? profile,
    connection,
    unit: 1,
    clock: () => utcMs(clock() + offsetMs),
    bus,
    learned: new LearnedFile(path, (reason) => problems.push(reason)),
  });
  const counted: [exceptions: number, requests: number][] = [];
  for (let i = 0; i < (options.readings ?? 2); i += 1) {
    await timers.run(meter.identify());
    const { exceptions = 0, requests = 0 } = bus.counters().get(connection.path) ?? {};
    const { unknown } = await timers.run(meter.read());
    assert.ok(unknown.length <= 1, unknown.join());
    const now = bus.counters().get(connection.path);
    counted.push([(now?.exceptions ?? 0) - exceptions, (now?.requests ?? 0) - requests]);
    offsetMs += options.dayMs ?? 0;
    if (options.exchanged !== undefined) line.devices.set(1, options.exchanged);
  }
  await timers.run(meter.close());
  return { counted, problems };
}

test("a unit that starts again goes straight to the plan that its meter allows", async () => {
  const path = newFile();
  const first = await life(path);
  assert.ok((first.counted[0]?.[0] ?? 0) > 2, "it has to find out first");
  const again = await life(path);
  assert.equal(again.counted[0]?.[0], 0, "no exception");
  assert.ok((again.counted[0]?.[1] ?? 99) <= (first.counted[1]?.[1] ?? 0), "no more requests");
  assert.deepEqual(again.problems, []);
});

test("what was found out belongs to the serial number, not to the place", async () => {
  const path = newFile();
  await life(path);
  const other = await life(path, { meter: quirky(99) });
  assert.ok((other.counted[0]?.[0] ?? 0) > 2);
  assert.equal((await life(path)).counted[0]?.[0], 0);
  assert.equal((await life(path, { meter: quirky(99) })).counted[0]?.[0], 0);
  // A meter with all registers that takes the place of a lesser one is read whole at once.
  const whole = device(floatRegisters(profile), serialOf(7));
  const exchanged = await life(path, { exchanged: whole });
  assert.deepEqual([exchanged.counted[0]?.[0], exchanged.counted[1]?.[0]], [0, 0]);
  assert.ok((exchanged.counted[1]?.[1] ?? 99) < (exchanged.counted[0]?.[1] ?? 0));
});

test("a meter without a serial number is known by its place", async () => {
  const path = newFile();
  const nameless = () => {
    const meter = quirky(0);
    return ((code, address, count) =>
      code === 3 ? 2 : meter(code, address, count)) satisfies Device;
  };
  assert.ok(((await life(path, { meter: nameless() })).counted[0]?.[0] ?? 0) > 2);
  assert.equal((await life(path, { meter: nameless() })).counted[0]?.[0], 0);
});

test("another content of the profile forgets it", async () => {
  const path = newFile();
  await life(path);
  const changed = { ...profile, notes: "changed" };
  assert.ok(((await life(path, { profile: changed })).counted[0]?.[0] ?? 0) > 2);
});

test("once a day what was missing is tried anew, also across a restart", async () => {
  const path = newFile();
  await life(path);
  const { counted } = await life(path, { readings: 4, dayMs: 0.4 * dayMs });
  const found = counted.map(([exceptions]) => exceptions > 0);
  assert.deepEqual(found, [false, false, false, true]);
});

test("a damaged file costs nothing but asking again, and is counted", async () => {
  const path = newFile();
  await life(path);
  const good = readFileSync(path, "utf8");
  for (const text of ["", "{", "null", '{"version":2,"meters":{}}', good.slice(0, -20)]) {
    writeFileSync(path, text);
    const { counted, problems } = await life(path);
    assert.deepEqual(problems, ["learned.ignored"], text);
    assert.ok((counted[0]?.[0] ?? 0) > 2);
  }
  const parsed = JSON.parse(good);
  const [key = ""] = Object.keys(parsed.meters);
  for (const wrong of [
    { missing: [70_000] },
    { registersMax: 0 },
    { breaks: "x" },
    { since: -1 },
  ]) {
    const meters = { [key]: { ...parsed.meters[key], ...wrong }, other: parsed.meters[key] };
    writeFileSync(path, JSON.stringify({ version: 1, meters }));
    const problems: string[] = [];
    const file = new LearnedFile(path, (reason) => problems.push(reason));
    assert.deepEqual([file.of(key), problems], [undefined, ["learned.ignored"]]);
    assert.ok(file.of("other") !== undefined, "one wrong meter does not take the others along");
  }
});

test("any bytes in the file are taken or ignored, never thrown", () => {
  const path = newFile();
  new LearnedFile(path, assert.fail).keep("m", entry(1));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      writeFileSync(path, text);
      new LearnedFile(path, () => {}).of("m");
    }),
  );
});

const entry = (turnaroundMs: number) => ({
  basis: "b",
  since: 0,
  turnaroundMs,
  breaks: [],
  missing: [1],
});

test("the file keeps the meters that were kept last, and leaves nothing beside it", () => {
  const path = newFile();
  const file = new LearnedFile(path, assert.fail);
  for (let i = 0; i < 100; i += 1) file.keep(`m${i}`, entry(i));
  const read = new LearnedFile(path, assert.fail);
  assert.deepEqual([read.of("m35"), read.of("m36")], [undefined, entry(36)]);
  assert.deepEqual(read.of("m99"), entry(99));
  assert.deepEqual(readdirSync(join(path, "..")), ["learned.json"]);
});

test("a folder that cannot be written is counted and no more", () => {
  const problems: string[] = [];
  writeFileSync(join(folder, "no-folder"), "");
  const file = new LearnedFile(join(folder, "no-folder", "learned.json"), (reason) =>
    problems.push(reason),
  );
  file.keep("m", entry(1));
  assert.deepEqual([file.of("m"), problems.at(-1)], [entry(1), "learned.unwritten"]);
});
