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
import { loadProfiles, type Profile } from "./profile.ts";
import { type ScanProgress, type ScanResult, scan } from "./scan.ts";

const profiles = [...loadProfiles().values()];
const sdm630 = floatRegisters(modbusProfile("eastron-sdm630"));

/** An SDM120 has no registers of the phases it lacks. */
function sdm120(): Registers {
  const registers: Registers = new Map();
  const whole = floatRegisters(modbusProfile("eastron-sdm120"));
  for (const { address } of modbusProfile("eastron-sdm120").registers) {
    for (const at of [address, address + 1]) registers.set(at, whole.get(at) ?? 0);
  }
  return registers;
}

/** One scan of unit 1 with some profiles only. */
function scanned(
  devices: ReadonlyMap<number, ReturnType<typeof device>>,
  known: readonly Profile[],
) {
  const { timers, line, connection, bus } = simulatedBus();
  for (const [unit, unitDevice] of devices) line.devices.set(unit, unitDevice);
  return timers.run(scan({ connections: [connection], units: [1], profiles: known, bus }));
}

function bench(devices: ReadonlyMap<number, ReturnType<typeof device>>) {
  const site = simulatedBus();
  for (const [unit, unitDevice] of devices) site.line.devices.set(unit, unitDevice);
  const ask = (units: readonly number[], onProgress?: (progress: ScanProgress) => void) =>
    site.timers.run(
      scan({
        connections: [site.connection],
        units,
        profiles,
        bus: site.bus,
        ...(onProgress === undefined ? {} : { onProgress }),
      }),
    );
  return { ...site, ask };
}

test("a meter that names itself is found, with its serial number", async () => {
  const code: Registers = new Map([
    [0xfc00, 0],
    [0xfc01, 4711],
    [0xfc02, 0x0070],
  ]);
  const { ask } = bench(new Map([[3, device(sdm630, code)]]));
  const { results } = await ask([1, 2, 3]);
  assert.deepEqual(
    results.map(({ unit, status, candidates }) => [unit, status, candidates]),
    [
      [
        3,
        "found",
        [
          {
            how: "identified",
            identity: { profile: "eastron-sdm630", serialNumber: "4711", model: "SDM630 V2" },
          },
        ],
      ],
    ],
  );
});

test("a meter without a code is found by what it answers", async () => {
  const known = profiles.filter(({ id }) => id !== "eastron-sdm230");
  const { results } = await scanned(new Map([[1, device(sdm120())]]), known);
  assert.deepEqual(
    results.map(({ status, candidates }) => [status, candidates[0]?.how, candidates[0]?.identity]),
    [["found", "probed", { profile: "eastron-sdm120" }]],
  );
});

const candidatesOf = ({ results }: { results: readonly ScanResult[] }) =>
  results.flatMap(({ status, candidates }) => [
    status,
    ...candidates.map(({ identity }) => identity.profile),
  ]);

test("a meter that fits two profiles is called ambiguous, not guessed", async () => {
  const { ask } = bench(new Map([[1, device(sdm120())]]));
  assert.deepEqual(candidatesOf(await ask([1])), ["ambiguous", "eastron-sdm120", "eastron-sdm230"]);
});

test("a live second phase rules a single-phase meter out", async () => {
  const { ask } = bench(new Map([[1, device(sdm630)]]));
  assert.deepEqual(candidatesOf(await ask([1])), [
    "ambiguous",
    "eastron-sdm630",
    "eastron-sdm72d-v2",
  ]);
});

test("a phase that reads 0 V may be a register that a single-phase meter does not have", async () => {
  const registers = floatRegisters(modbusProfile("eastron-sdm630"));
  for (const address of [2, 4]) setFloat(registers, address, 0);
  const { ask } = bench(new Map([[1, device(registers)]]));
  const names = candidatesOf(await ask([1]));
  assert.equal(names[0], "ambiguous");
  for (const id of ["eastron-sdm120", "eastron-sdm230", "eastron-sdm630"]) {
    assert.ok(names.includes(id), id);
  }
});

test("a code that stands where another map has a value is not believed without the rest", async () => {
  const holding: Registers = new Map(Array.from({ length: 0x200 }, (_, at) => [at, 0]));
  holding.set(0x000b, 71);
  const { ask } = bench(new Map([[1, device(new Map(), holding)]]));
  assert.deepEqual(candidatesOf(await ask([1])), ["unknown"]);
});

test("something that answers and fits nothing is reported as unknown", async () => {
  const zeros: Registers = new Map(Array.from({ length: 500 }, (_, at) => [at, 0]));
  const { ask } = bench(new Map([[7, device(zeros)]]));
  const { results } = await ask([7]);
  assert.deepEqual(
    results.map(({ unit, status }) => [unit, status]),
    [[7, "unknown"]],
  );
});

test("a port of unknown speed is tried at every speed, and its meters named once", async () => {
  const { timers, bus, line } = bench(new Map([[1, device(sdm120())]]));
  const connections = [{ kind: "rtu", path: "/dev/simulated" } as const];
  const silent = await timers.run(scan({ connections, units: [2], profiles, bus }));
  const settings = profiles.flatMap(({ serial = [] }) => serial);
  const speeds = new Set(settings.map(({ baud, parity }) => `${baud} ${parity}`));
  assert.deepEqual([silent.results.length, line.written.length], [0, speeds.size]);
  const { results } = await timers.run(scan({ connections, units: [1], profiles, bus }));
  assert.deepEqual(
    results.map(({ connection }) => connection),
    [{ kind: "rtu", path: "/dev/simulated", baud: 9600, parity: "none" }],
  );
});

test("progress counts every place, and an absent port is a failure of its own", async () => {
  const { ask, line } = bench(new Map());
  const seen: string[] = [];
  await ask([1, 2], ({ done, total }) => seen.push(`${done}/${total}`));
  // At the port's baud rate, with the parities that meters ship with there: none and even.
  assert.deepEqual(seen, ["1/4", "2/4", "3/4", "4/4"]);
  line.present = false;
  const { failures } = await ask([1]);
  assert.equal(failures[0]?.failure.code, "meter.port-missing");
});

test("a bus has one speed: once something answered, the others are left out and count as done", async () => {
  const { timers, bus, line } = bench(new Map([[2, device(sdm120())]]));
  const connections = [{ kind: "rtu", path: "/dev/simulated" } as const];
  const seen: ScanProgress[] = [];
  const onProgress = (progress: ScanProgress) => seen.push(progress);
  const options = { connections, units: [1, 2], profiles, bus, onProgress };
  const { buses } = await timers.run(scan(options));
  assert.deepEqual(buses[0]?.tried.length, 1);
  const last = seen.at(-1);
  assert.deepEqual([last?.done, last?.leftMs], [last?.total, 0]);
  const asked = line.written.length;
  const thorough = await timers.run(scan({ ...options, effort: "thorough" }));
  assert.ok((thorough.buses[0]?.tried.length ?? 0) > 10);
  assert.equal(thorough.results.length, 1);
  assert.ok(line.written.length > 2 * asked);
});

test("a device that answers to several unit ids is one meter", async () => {
  const code: Registers = new Map([
    [0xfc00, 0],
    [0xfc01, 4711],
    [0xfc02, 0x0070],
  ]);
  const same = device(sdm630, code);
  const other = device(sdm630, new Map([...code, [0xfc01, 4712]]));
  const { ask } = bench(
    new Map([
      [1, same],
      [2, same],
      [3, other],
    ]),
  );
  const { results } = await ask([1, 2, 3]);
  assert.deepEqual(
    results.map(({ unit, sameAs }) => [unit, sameAs]),
    [
      [1, undefined],
      [2, 1],
      [3, undefined],
    ],
  );
});

test("finding out what a meter is takes tens of requests, not hundreds", async () => {
  const { ask, line } = bench(new Map([[1, device(sdm120())]]));
  await ask([1]);
  assert.ok(line.written.length < 120, `${line.written.length} requests`);
});
