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
import { MbusMeter, mbusSerial } from "../../edge/meters/mbus-meter.ts";
import type { MeterReading } from "../../edge/meters/reading.ts";
import type { MbusDevice } from "../../hardware/virtual-site/meters/mbus/device.ts";
import { type MbusBusOptions, openMbus } from "../../hardware/virtual-site/meters/mbus/open.ts";
import { program } from "../support/programs.ts";

const socat = program("socat", "socat");
const needsSocat = { skip: "skip" in socat && socat.skip };

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "busbar-mbus-"));
});
after(() => rm(folder, { recursive: true }));

const measured = new Map([
  ["energy.import.total", 1_234_560],
  ["energy.export.total", 7_654_320],
  ["power.total", -3457],
  ...[1, 2, 3].flatMap((n): [string, number][] => [
    [`voltage.l${n}`, 229 + n / 10],
    [`current.l${n}`, -n],
    [`power.l${n}`, -1000 * n],
  ]),
  ["frequency", 50.5],
]);
const house: MbusDevice = {
  address: 7,
  id: "12345678",
  manufacturer: "BUS",
  version: 3,
  measure: () => measured,
};
const neighbour: MbusDevice = { ...house, address: 8, id: "12345679", measure: () => new Map() };

type Use = (meter: MbusMeter, written: readonly Uint8Array[]) => Promise<void>;

/** A meter on an open bus; what the reader writes is kept for the test. */
async function withMeter(
  bus: Omit<MbusBusOptions, "onLost">,
  address: string,
  use: Use,
): Promise<void> {
  const { place } = bus;
  const open = await openMbus({ ...bus, onLost: assert.fail });
  const line: Line =
    place.kind === "pty"
      ? new SerialLine(place.link, mbusSerial)
      : new TcpLine(place.host, Number(open.at));
  const written: Uint8Array[] = [];
  const requests = new RequestLine({
    name: String(open.at),
    line,
    timers: processTimers,
    random: Math.random,
    idleMs: 150,
    totalMs: 2000,
    trace: ({ direction, bytes }) => direction === "sent" && written.push(bytes),
  });
  const meter = new MbusMeter({ line: requests, clock: () => utcMs(1_700_000_000_000), address });
  try {
    await use(meter, written);
  } finally {
    await meter.close();
    await open.close();
  }
}

const tcp = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

function assertHouse({ values, unknown }: MeterReading): void {
  const found = new Map(
    values.map((v) => [v.obis, `${v.quantity} ${v.mantissa}e${v.exponent} ${v.unit}`]),
  );
  assert.deepEqual(
    ["1.8.0", "2.8.0", "16.7.0", "32.7.0", "71.7.0", "56.7.0", "14.7.0"].map((code) =>
      found.get(`1-0:${code}`),
    ),
    [
      "energy.import.total 1234560e0 Wh",
      "energy.export.total 7654320e0 Wh",
      "power.total -3457e0 W",
      "voltage.l1 2291e-1 V",
      "current.l3 -3000e-3 A",
      "power.l2 -2000e0 W",
      "frequency 505e-1 Hz",
    ],
  );
  assert.deepEqual(unknown, []);
}

test("over a serial line at 2400 8E1 a meter is identified and read", needsSocat, () =>
  withMeter(
    { place: { kind: "pty", link: join(folder, "bus") }, devices: [house] },
    "7",
    async (meter) => {
      assert.deepEqual(await meter.identify(), {
        profile: "mbus",
        serialNumber: "12345678",
        model: "BUS version 3",
      });
      assertHouse(await meter.read());
    },
  ),
);

test("through a gateway a meter is selected among others by its secondary address", () =>
  withMeter({ place: tcp, devices: [neighbour, house] }, "12345678", async (meter) => {
    assertHouse(await meter.read());
    assertHouse(await meter.read());
  }));

test("an answer in several telegrams is one reading, asked for with a toggling count bit", () =>
  withMeter(
    { place: tcp, devices: [{ ...house, recordsMax: 5 }] },
    "254",
    async (meter, written) => {
      assertHouse(await meter.read());
      assertHouse(await meter.read());
      const controls = written.map((bytes) => bytes[1]);
      const once = [0x40, 0x7b, 0x5b, 0x7b];
      assert.deepEqual(controls, [...once, ...once]);
    },
  ));

test("a spoilt telegram is asked for again with the same count bit and none is lost", () =>
  withMeter(
    {
      place: tcp,
      devices: [{ ...house, recordsMax: 5 }],
      // The third answer is the second telegram of the reading.
      spoil: (bytes, count) => (count === 3 ? bytes.map((b, i) => (i === 30 ? b ^ 1 : b)) : bytes),
    },
    "7",
    async (meter, written) => {
      assertHouse(await meter.read());
      assert.deepEqual(
        written.map((bytes) => bytes[1]),
        [0x40, 0x7b, 0x5b, 0x5b, 0x7b],
      );
    },
  ));

test("a meter that falls silent in the middle leaves what is missing unknown", () => {
  let mute = false;
  const spoil = (bytes: Uint8Array, count: number) =>
    mute && count > 6 ? new Uint8Array(0) : bytes;
  return withMeter(
    { place: tcp, devices: [{ ...house, recordsMax: 5 }], spoil },
    "7",
    async (meter) => {
      assertHouse(await meter.read());
      mute = true;
      const { values, unknown } = await meter.read();
      assert.equal(values.length, 5);
      assert.equal(unknown.length, measured.size - 5);
    },
  );
});

test("what the meter does not know is unknown, never 0", () =>
  withMeter({ place: tcp, devices: [neighbour] }, "8", async (meter) => {
    const { values, unknown } = await meter.read();
    assert.deepEqual(values, []);
    assert.equal(unknown.length, measured.size);
  }));

test("a meter that confirms no reset is read all the same", () =>
  withMeter({ place: tcp, devices: [{ ...house, confirmsReset: false }] }, "7", async (meter) =>
    assertHouse(await meter.read()),
  ));

test("a meter that is not there is a timeout", () =>
  withMeter({ place: tcp, devices: [house] }, "99999999", (meter) =>
    assert.rejects(meter.read(), { code: "meter.timeout", message: /select meter 99999999/ }),
  ));

test("an address that is none is refused before the line is opened", () => {
  const line = new RequestLine({
    name: "nowhere",
    line: new TcpLine("127.0.0.1", 1),
    timers: processTimers,
    random: Math.random,
    idleMs: 150,
    totalMs: 2000,
  });
  for (const address of ["251", "255", "1234567", "12G45678", ""]) {
    assert.throws(() => new MbusMeter({ line, clock: () => utcMs(0), address }), {
      code: "meter.address",
    });
  }
});
