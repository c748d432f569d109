import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { program } from "../../test/support/programs.ts";
import {
  ellevioSe,
  fluviusBe,
  iskraV22,
  sagemcomAt,
  sagemcomNl,
  smartyLu,
} from "../framing/dsmr/test-support/vectors.ts";
import { LinePort } from "../framing/iec62056-21/line-port.ts";
import { toSevenEven } from "../framing/iec62056-21/parity.ts";
import { PushLine } from "../framing/iec62056-21/test-support/push-line.ts";
import { simulate } from "../framing/iec62056-21/test-support/simulator.ts";
import { SerialLine } from "../framing/serial-line.ts";
import { TcpLine } from "../framing/tcp-line.ts";
import { VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { processTimers } from "../framing/timers.ts";
import { DsmrMeter, dsmrSerial, dsmrSerial22 } from "./dsmr-meter.ts";
import type { MeterReading } from "./reading.ts";

function bench(checksum: "required" | "optional" = "required") {
  const timers = new VirtualTimers();
  const line = new PushLine();
  const port = new LinePort({ name: "/dev/p1", line, timers, random: () => 0 });
  const clock = () => utcMs(1_800_000_000_000 + Math.round(timers.now()));
  const meter = new DsmrMeter({ profile: "dsmr", port, clock, checksum });
  /** A call during which these bytes come, a second apart. */
  const during = <T>(call: Promise<T>, ...pushes: readonly Uint8Array[]): Promise<T> => {
    pushes.forEach((bytes, i) => {
      timers.after(1000 * (i + 1), () => line.push(bytes));
    });
    return timers.run(call);
  };
  return { timers, line, port, meter, during };
}

const value = ({ values }: MeterReading, obis: string) => {
  const found = values.find((one) => one.obis === obis);
  return found && [found.mantissa, found.exponent, found.unit];
};

test("a reading is the next whole telegram, exact and in base units", async () => {
  const { meter, during } = bench();
  const reading = await during(meter.read(), sagemcomNl.slice(0, 200), sagemcomNl.slice(200));
  assert.equal(reading.time, 1_800_000_002_000);
  assert.deepEqual(value(reading, "1-0:1.8.1"), [51_775, 0, "Wh"]);
  assert.deepEqual(value(reading, "1-0:1.7.0"), [335, 0, "W"]);
  assert.deepEqual(value(reading, "1-0:32.7.0"), [2290, -1, "V"]);
  assert.deepEqual(value(reading, "0-1:24.2.1"), [16_713, -3, "m3"]);
  assert.deepEqual(reading.unknown, []);
});

test("totals and net power that a meter does not send are the exact sum of what it does", async () => {
  const { meter, during } = bench();
  const reading = await during(meter.read(), fluviusBe);
  assert.deepEqual(value(reading, "1-0:1.8.0"), [714_174, 0, "Wh"]);
  assert.deepEqual(value(reading, "1-0:2.8.0"), [187_803, 0, "Wh"]);
  assert.deepEqual(value(reading, "1-0:16.7.0"), [-23, 0, "W"]);
});

test("totals that a meter sends are taken as sent", async () => {
  const { meter, during } = bench();
  const swedish = await during(meter.read(), ellevioSe);
  assert.deepEqual(value(swedish, "1-0:1.8.0"), [4_788_631, 0, "Wh"]);
  const austrian = await during(meter.read(), sagemcomAt);
  assert.deepEqual(value(austrian, "1-0:1.8.0"), [6_545_766, 0, "Wh"]);
  assert.deepEqual(value(austrian, "1-0:4.7.0"), [166, 0, "var"]);
});

test("a meter names its number and its header, and nothing is ever written to it", async () => {
  const { meter, line, during } = bench();
  assert.deepEqual(await during(meter.identify(), sagemcomNl), {
    profile: "dsmr",
    serialNumber: "E0047000007630817",
    model: "Ene5\\XS210 ESMR 5.0",
  });
  assert.deepEqual(line.written, []);
});

test("a damaged telegram costs one interval, not the reading", async () => {
  const { meter, during } = bench();
  const reading = await during(meter.read(), sagemcomNl.with(150, 0x39), sagemcomNl);
  assert.equal(reading.time, 1_800_000_002_000);
});

test("a telegram that came before the reading was asked for is not handed out", async () => {
  const { meter, line, timers, during } = bench();
  await during(meter.read(), sagemcomNl);
  line.push(sagemcomNl);
  await assert.rejects(timers.run(meter.read()), {
    code: "meter.timeout",
    message: /no byte came/,
  });
});

test("a port that says nothing readable tells what came", async () => {
  const { meter, during } = bench();
  await assert.rejects(during(meter.read(), Buffer.from("\0\x12\x99abc/KFM5X\r\n!12x\r\n/")), {
    code: "meter.timeout",
    message: /22 bytes came but .*noise.*baud rate/,
  });
});

test("an encrypted telegram ends the wait at once and says what to do", async () => {
  const { meter, timers, during } = bench();
  await assert.rejects(during(meter.read(), smartyLu), {
    code: "meter.encrypted",
    message: /grid operator/,
  });
  assert.equal(timers.now(), 1000);
});

test("a DSMR 2.2 meter is read only with its profile, and once two telegrams have one shape", async () => {
  const strict = bench();
  await assert.rejects(strict.during(strict.meter.read(), iskraV22, iskraV22), {
    message: /no checksum; for a DSMR 2.2/,
  });
  const old = bench("optional");
  const wire = toSevenEven(Buffer.from(iskraV22).toString("latin1"));
  const first = await old.during(old.meter.read(), wire, wire);
  assert.equal(first.time, 1_800_000_002_000);
  assert.deepEqual(value(first, "1-0:1.8.0"), [2002, 0, "Wh"]);
  const second = await old.during(old.meter.read(), wire);
  assert.equal(second.time, 1_800_000_003_000);
});

test("without a checksum, a telegram that lost a digit gives no reading", async () => {
  const { meter, during } = bench("optional");
  const lost = Buffer.from(
    Buffer.from(iskraV22).toString("latin1").replace("00001.001", "0001.001"),
  );
  await during(meter.read(), iskraV22, iskraV22);
  const next = await during(meter.read(), lost, iskraV22);
  assert.deepEqual(value(next, "1-0:1.8.1"), [1001, 0, "Wh"]);
  assert.equal(next.time, 1_800_000_004_000);
});

test("an unplugged adapter fails the read that waits, and is opened again after its back-off", async () => {
  const { meter, line, timers, during } = bench();
  await during(meter.read(), sagemcomNl);
  timers.after(10, () => line.unplug());
  await assert.rejects(timers.run(meter.read()), { code: "meter.port-lost" });
  await assert.rejects(timers.run(meter.read()), { code: "meter.port-away" });
  await timers.run(new Promise<void>((resolve) => timers.after(1000, resolve)));
  const reading = await during(meter.read(), sagemcomNl);
  assert.deepEqual(value(reading, "1-0:1.8.0"), [51_775, 0, "Wh"]);
  assert.equal(line.opened, 2);
});

test("closing ends a read that waits and closes the line", async () => {
  const { meter, line, timers, during } = bench();
  await during(meter.read(), sagemcomNl);
  const read = meter.read();
  timers.after(10, () => void meter.close());
  await assert.rejects(timers.run(read), { code: "meter.bus-closed" });
  assert.equal(line.closed, 1);
});

const socat = program("socat", "socat");
const folder = mkdtempSync(join(tmpdir(), "busbar-dsmr-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const clock = () => utcMs(Date.now());

async function readTwice(meter: DsmrMeter): Promise<MeterReading> {
  const first = await meter.read();
  const second = await meter.read();
  assert.ok(second.time >= first.time);
  assert.deepEqual(second.unknown, []);
  const [before = 0] = value(first, "1-0:1.8.0") ?? [];
  const [now = 0] = value(second, "1-0:1.8.0") ?? [];
  assert.ok(Number(before) > 0 && Number(now) >= Number(before));
  await meter.close();
  return second;
}

for (const kind of ["nl", "nl-2.2"] as const) {
  test(`a simulated meter (${kind}) is read over a real terminal`, {
    skip: "skip" in socat && socat.skip,
  }, async (t) => {
    const link = join(folder, `p1-${kind}`);
    const simulated = await simulate("dsmr", "--link", link, "--kind", kind, "--every", "100");
    t.after(() => simulated.end());
    const line = new SerialLine(link, kind === "nl" ? dsmrSerial : dsmrSerial22);
    const port = new LinePort({ name: link, line, timers: processTimers, random: () => 0 });
    const checksum = kind === "nl" ? "required" : "optional";
    const meter = new DsmrMeter({ profile: "dsmr", port, clock, checksum });
    assert.equal((await meter.identify()).serialNumber, "E0053003812345617");
    const reading = await readTwice(meter);
    assert.deepEqual(value(reading, "0-1:24.2.1"), [371_471, -3, "m3"]);
  });
}

test("a simulated meter that sends totals is read over TCP", async (t) => {
  const simulated = await simulate("dsmr", "--port", "0", "--kind", "se", "--every", "100");
  t.after(() => simulated.end());
  const line = new TcpLine("127.0.0.1", Number(simulated.at));
  const port = new LinePort({ name: "tcp", line, timers: processTimers, random: () => 0 });
  const reading = await readTwice(new DsmrMeter({ profile: "dsmr", port, clock }));
  assert.equal(value(reading, "1-0:72.7.0")?.[2], "V");
});
