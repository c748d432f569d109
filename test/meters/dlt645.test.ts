import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utcMs } from "@busbar/protocol";
import type { Line } from "../../edge/framing/line.ts";
import { RequestLine } from "../../edge/framing/request-line.ts";
import { SerialLine } from "../../edge/framing/serial-line.ts";
import { TcpLine } from "../../edge/framing/tcp-line.ts";
import { processTimers } from "../../edge/framing/timers.ts";
import { Dlt645Meter } from "../../edge/meters/dlt645-meter.ts";
import type { MeterReading } from "../../edge/meters/reading.ts";
import type { Dlt645Device } from "../../hardware/virtual-site/meters/dlt645/device.ts";
import {
  type Dlt645BusOptions,
  openDlt645Bus,
} from "../../hardware/virtual-site/meters/dlt645/open.ts";
import { program } from "../support/programs.ts";

const socat = program("socat", "socat");
const needsSocat = { skip: "skip" in socat && socat.skip };

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "busbar-dlt645-"));
});
after(() => rm(folder, { recursive: true }));

const measured = new Map([
  ["energy.import.total", 1_234_560],
  ["energy.export.total", 7_654_320],
  ["voltage.l1", 230.1],
  ["voltage.l2", 229.9],
  ["voltage.l3", 231],
  ["current.l1", -5.432],
  ["current.l2", 0.001],
  ["current.l3", 0],
  ["power.total", -3456.7],
  ["power.l1", -1000],
  ["power.l2", -1000],
  ["power.l3", -1456.7],
  ["frequency", 49.98],
  ["pf.total", -0.95],
  ["pf.l1", -0.95],
  ["pf.l2", 1],
  ["pf.l3", 0.5],
]);
const house: Dlt645Device = {
  address: "201000000012",
  meterNumber: "1234567",
  model: "DTS1",
  phases: 3,
  measure: () => measured,
};

async function withMeter(
  bus: Omit<Dlt645BusOptions, "onLost">,
  address: string | undefined,
  use: (meter: Dlt645Meter) => Promise<void>,
): Promise<void> {
  const { place } = bus;
  const open = await openDlt645Bus({ ...bus, onLost: assert.fail });
  const line: Line =
    place.kind === "pty"
      ? new SerialLine(place.link, { baud: 2400, parity: "even", stopBits: 1 })
      : new TcpLine(place.host, Number(open.at));
  const meter = new Dlt645Meter({
    line: new RequestLine({
      name: String(open.at),
      line,
      timers: processTimers,
      random: Math.random,
      idleMs: 150,
      totalMs: 2000,
    }),
    clock: () => utcMs(1_700_000_000_000),
    address,
  });
  try {
    await use(meter);
  } finally {
    await meter.close();
    await open.close();
  }
}

const tcp = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const pty = (name: string) => ({ kind: "pty", link: join(folder, name) }) as const;

/** The values as "quantity mantissa·10^exponent unit". */
const told = ({ values }: MeterReading) =>
  new Map(values.map((v) => [v.quantity, `${v.mantissa}e${v.exponent} ${v.unit}`]));

function assertHouse(reading: MeterReading): void {
  const found = told(reading);
  const expected = {
    "energy.import.total": "1234560e0 Wh",
    "energy.export.total": "7654320e0 Wh",
    "energy.combined.total": "-6419760e0 Wh",
    "voltage.l1": "2301e-1 V",
    "current.l1": "-5432e-3 A",
    "power.total": "-34567e-1 W",
    "power.l3": "-14567e-1 W",
    frequency: "4998e-2 Hz",
    "pf.total": "-950e-3 ",
  };
  for (const [quantity, value] of Object.entries(expected)) {
    assert.equal(found.get(quantity), value, quantity);
  }
  const tariffs = [1, 2, 3, 4].map((t) =>
    Number.parseInt(found.get(`energy.import.t${t}`) ?? "0", 10),
  );
  assert.equal(
    tariffs.reduce((a, b) => a + b),
    1_234_560,
  );
  assert.equal(reading.values.find(({ obis }) => obis === "1-0:1.8.0")?.mantissa, 1_234_560);
  assert.deepEqual(reading.unknown, []);
}

test("over a serial line at 2400 8E1 a meter is found, named and read", needsSocat, () =>
  withMeter({ place: pty("one"), devices: [house] }, undefined, async (meter) => {
    assert.deepEqual(await meter.identify(), {
      profile: "dlt645-2007",
      serialNumber: "000001234567",
      model: "DTS1",
    });
    assertHouse(await meter.read());
  }),
);

test("an adapter that echoes and a meter without preamble change nothing", needsSocat, () =>
  withMeter(
    { place: pty("echo"), devices: [house], echo: true, leaders: 0 },
    house.address,
    async (meter) => assertHouse(await meter.read()),
  ),
);

test("through a gateway, several meters on one line are told apart by address", () => {
  const other = { ...house, address: "000000000161", measure: () => new Map() };
  return withMeter({ place: tcp, devices: [other, house] }, house.address, async (meter) =>
    assertHouse(await meter.read()),
  );
});

test("blocks that come in parts are put together", () =>
  withMeter({ place: tcp, devices: [{ ...house, answerBytesMax: 7 }] }, "201000000012", async (m) =>
    assertHouse(await m.read()),
  ));

test("a meter without blocks is read value by value, and what it lacks is unknown", () => {
  const missing = [0x0001ff00, 0x0002ff00, 0x00020000, 0x0203ff00, 0x0201ff00, 0x02800002];
  return withMeter({ place: tcp, devices: [{ ...house, missing }] }, undefined, async (meter) => {
    for (const reading of [await meter.read(), await meter.read()]) {
      const found = told(reading);
      assert.equal(found.get("energy.import.total"), "1234560e0 Wh");
      assert.equal(found.get("power.total"), "-34567e-1 W");
      assert.equal(found.get("voltage.l1"), "2301e-1 V");
      assert.deepEqual(reading.unknown, ["energy.export.total", "frequency"]);
    }
  });
});

test("phases that a meter does not have are unknown, never 0", () =>
  withMeter({ place: tcp, devices: [{ ...house, phases: 1 }] }, undefined, async (meter) => {
    const { values, unknown } = await meter.read();
    assert.equal(values.filter(({ quantity }) => /\.l[23]$/.test(quantity)).length, 0);
    assert.equal(unknown.length, 8);
  }));

test("a meter that is not there costs two requests", () =>
  withMeter({ place: tcp, devices: [house] }, "99", async (meter) => {
    await assert.rejects(meter.read(), {
      code: "meter.timeout",
      message: /2 requests to meter 000000000099/,
    });
  }));
