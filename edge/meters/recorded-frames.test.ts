import assert from "node:assert/strict";
import { test } from "node:test";
import { device, type Registers, simulatedBus } from "../../test/support/simulated-meter.ts";
import { decodeCapture } from "../framing/decode-capture.ts";
import { crc16 } from "../framing/modbus/crc16.ts";
import { formatDecimal } from "./decimal.ts";
import { decodeValue } from "./decode-value.ts";
import { openMeter } from "./meter.ts";
import { findProfile, loadProfiles } from "./profile.ts";
import { scan } from "./scan.ts";

const profiles = loadProfiles();
const bytes = (hex: string) =>
  Uint8Array.from(hex.trim().split(/\s+/), (two) => Number.parseInt(two, 16));

/** Requests and answers as they were seen on a wire, and what the meter meant; undefined = unknown. */
const recorded: readonly {
  readonly profile: string;
  readonly source: string;
  readonly sent: string;
  readonly received: string;
  readonly quantity: string;
  readonly value: string | undefined;
}[] = [
  {
    profile: "eastron-sdm630",
    source: "volkszaehler/mbmd issue 89",
    sent: "01 04 01 6a 00 02 50 2b",
    received: "01 04 04 45 a2 26 c7 14 98",
    quantity: "energy.sum.l3",
    value: "5188847",
  },
  {
    profile: "eastron-sdm120",
    source: "volkszaehler/mbmd issue 144",
    sent: "02 04 00 4c 00 02 b0 2f",
    received: "02 04 04 00 00 00 00 c8 84",
    quantity: "reactive_energy.import.total",
    value: "0",
  },
  {
    profile: "eastron-sdm230",
    source: "syssi/esphome-solax-x1-mini issue 20",
    sent: "01 04 00 48 00 02 f1 dd",
    received: "01 04 04 46 2a 75 21 29 8c",
    quantity: "energy.import.total",
    value: "10909282",
  },
  {
    profile: "eastron-sdm230",
    source: "syssi/esphome-solax-x1-mini issue 20",
    sent: "01 04 00 0c 00 02 b1 c8",
    received: "01 04 04 45 8e 3c 35 5f b4",
    quantity: "power.total",
    value: "4551.526",
  },
  {
    profile: "abb-b2x",
    source: "gonium/gosdm630 pull request 122",
    sent: "01 03 5b 3a 00 01 b7 23",
    received: "01 03 02 01 b3 f8 61",
    quantity: "pf.total",
    value: "0.435",
  },
  {
    profile: "abb-b2x",
    source: "gonium/gosdm630 pull request 122: other software showed a power factor of 32.77 here",
    sent: "01 03 5b 3b 00 01 e6 e3",
    received: "01 03 02 7f ff d8 34",
    quantity: "pf.l1",
    value: undefined,
  },
  {
    profile: "abb-b2x",
    source: "gonium/gosdm630 pull request 122",
    sent: "01 03 5b 14 00 02 97 2b",
    received: "01 03 04 00 00 00 36 7a 25",
    quantity: "power.total",
    value: "0.54",
  },
];

for (const { profile, source, sent, received, quantity, value } of recorded) {
  test(`${profile}: ${quantity} as recorded in ${source}`, () => {
    for (const frame of [bytes(sent), bytes(received)]) {
      const low = frame.at(-2) ?? 0;
      const high = frame.at(-1) ?? 0;
      assert.equal(crc16(frame.subarray(0, -2)), (high << 8) | low);
    }
    const capture = bytes(`${sent} ${received}`);
    const found = findProfile(profiles, profile);
    const entries = [...decodeCapture({ protocol: "modbus-rtu", bytes: capture, profile: found })];
    const readings = entries.flatMap((entry) =>
      entry.ok ? ("readings" in entry && entry.readings) || [] : [],
    );
    assert.deepEqual(
      readings.map((reading) => [reading.quantity, reading.value]),
      [[quantity, value]],
    );
  });
}

// ioBroker/ioBroker.modbus issue 286: an ET112, asked 01 03 00 00 00 02, answers 01 03 04 09 1B 00 00.
test("a Carlo Gavazzi ET112 has the low word first and 0.1 V", () => {
  const em340 = findProfile(profiles, "cg-em340");
  assert.ok(em340.protocol === "modbus");
  const row = em340.registers.find(({ quantity }) => quantity === "voltage.l1");
  assert.ok(row !== undefined && row.address === 0);
  const value = decodeValue([0x091b, 0x0000], { ...row, wordOrder: em340.read.wordOrder });
  assert.equal(value && formatDecimal(value), "233.1");
});

// evcc-io/evcc issue 31595: the registers of an absent power meter were shown as 21474836.47 kWh.
test("the power meter that a Huawei inverter lacks is unknown, not 21474836.47 kWh", () => {
  const meter = findProfile(profiles, "huawei-sun2000-meter");
  assert.ok(meter.protocol === "modbus");
  const { wordOrder } = meter.read;
  for (const row of meter.registers) {
    assert.equal(decodeValue([0x7fff, 0xffff], { ...row, wordOrder }), undefined, row.quantity);
  }
});

/** Data of a SolarEdge SE5000H and the meter behind it. Source: evcc-io/evcc issue 15445. */
const solarEdge = {
  common: `53 6f 6c 61 72 45 64 67 65 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    53 45 35 30 30 30 48 2d 52 57 53 30 30 42 4e 4f 34 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 30 30 30 34 2e 30 30 32 30 2e 30 30 33 36 00 00
    37 34 30 35 45 37 44 38 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01`,
  inverter: `02 50 02 50 ff ff ff ff ff fe 09 35 ff ff ff ff 09 35 ff ff ff ff ff ff 36 7e ff ff c3 43 ff fd
    36 9e ff ff db 1e ff fe d9 07 ff fe 00 df f1 da 00 00 0d 7a ff fd 10 09 ff ff 37 53 ff ff 80 00
    10 49 80 00 80 00 ff fe 00 04 00 00 ff ff ff ff ff ff ff ff 00 00 00 00 ff ff ff ff ff ff ff ff
    00 00 00 00`,
  meter: `00 66 00 2f 00 08 00 2e ff ff 5b 98 5b 98 5c d3 5a 6c 00 00 00 00 00 00 00 00 ff fe 13 87 ff fe
    ff a5 04 08 ff 85 fc 18 00 00 01 dc 04 1c 00 94 03 f8 00 00 fe 2d ff 31 ff af ff 4e 00 00 08 1c
    db 02 19 50 24 03 ff fe 01 44 84 02 01 5e 60 52 00 00 00 00 00 00 00 00 01 14 08 20 00 28 f5 e8
    00 53 b6 22 00 b1 38 65 00 00`,
};

const words = (hex: string): number[] => {
  const all = bytes(hex);
  return Array.from(
    { length: all.length / 2 },
    (_, i) => ((all[2 * i] ?? 0) << 8) | (all[2 * i + 1] ?? 0),
  );
};

/** The recorded blocks where they were read; the meter's counters behind real energy are 0. */
function solarEdgeRegisters(): Registers {
  const padded = (data: readonly number[], length: number) =>
    Array.from({ length }, (_, i) => data[i] ?? 0);
  const image = [
    ...[0x5375, 0x6e53, 1, 65, ...words(solarEdge.common)],
    ...[101, 50, ...words(solarEdge.inverter)],
    ...[1, 65, ...padded([], 65)],
    ...[203, 105, ...padded(words(solarEdge.meter), 105)],
    ...[0xffff, 0],
  ];
  assert.deepEqual(image.slice(69, 71), [101, 50], "the inverter was read at 40071");
  assert.deepEqual(image.slice(188, 190), [203, 105], "the meter was read at 40190");
  return new Map(image.map((word, i) => [40_000 + i, word]));
}

async function readSolarEdge(id: string): Promise<ReadonlyMap<string, string>> {
  const { timers, line, bus, connection, clock } = simulatedBus();
  line.devices.set(1, device(new Map(), solarEdgeRegisters()));
  const meter = openMeter({ profile: findProfile(profiles, id), connection, unit: 1, clock, bus });
  const { values } = await timers.run(meter.read());
  return new Map(values.map((value) => [value.quantity, formatDecimal(value)]));
}

test("a recorded SolarEdge inverter reads as it was shown", async () => {
  const values = await readSolarEdge("sunspec");
  const shown: readonly (readonly [string, string | undefined])[] = [
    ["energy.export.total", "14676442"],
    ["power.export.total", "1395.0"],
    ["voltage.l1l2", "235.7"],
    ["voltage.l2l3", undefined],
    ["current.l1", "5.92"],
    ["frequency", "49.987"],
    ["pf.total", "-0.9977"],
    ["dc.voltage", "410.5"],
    ["dc.current", "3.450"],
    ["temperature.cabinet", undefined],
    ["temperature.heatsink", "41.69"],
    ["state", "4"],
  ];
  for (const [quantity, value] of shown) assert.equal(values.get(quantity), value, quantity);
});

test("the meter behind it is a profile of its own, and a scan says so", async () => {
  const values = await readSolarEdge("sunspec-meter");
  assert.equal(values.get("energy.export.total"), "21267458");
  assert.equal(values.get("energy.import.total"), "18090016");
  assert.equal(values.get("energy.export.l2"), undefined);
  assert.equal(values.get("voltage.l2"), "237.63");
  assert.equal(values.get("current.sum"), "10.2");
  assert.equal(values.get("power.total"), "-91");

  const { timers, line, bus, connection } = simulatedBus();
  line.devices.set(1, device(new Map(), solarEdgeRegisters()));
  const units = [1];
  const { results } = await timers.run(
    scan({ connections: [connection], units, profiles: [...profiles.values()], bus }),
  );
  assert.deepEqual(
    results.map(({ status, candidates, also }) => [status, candidates[0]?.identity, also]),
    [
      [
        "found",
        { profile: "sunspec", serialNumber: "7405E7D8", model: "SolarEdge SE5000H-RWS00BNO4" },
        ["sunspec-meter"],
      ],
    ],
  );
});
