import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Failure, utcMs } from "@busbar/protocol";
import { program } from "../../test/support/programs.ts";
import type { Line, LineEvents } from "../framing/line.ts";
import { SerialLine } from "../framing/serial-line.ts";
import { recording } from "../framing/sml/test-support/recorded.ts";
import { TcpLine } from "../framing/tcp-line.ts";
import { VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { processTimers } from "../framing/timers.ts";
import { SmlMeter, smlSerial } from "./sml-meter.ts";

/** A line on which bytes come when the test says so. */
class PushLine implements Line {
  opened = 0;
  present = true;
  readonly written: Uint8Array[] = [];
  #events: LineEvents | undefined;

  async open(events: LineEvents): Promise<void> {
    if (!this.present) throw new Failure("meter.port-missing", "no adapter", { retry: "later" });
    this.opened += 1;
    this.#events = events;
  }

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }

  push(bytes: Uint8Array): void {
    this.#events?.data(bytes);
  }

  unplug(): void {
    this.#events?.lost(new Error("unplugged"));
    this.#events = undefined;
  }
}

function bench(options: { readonly shortNegatives?: "signed" | "unsigned" } = {}) {
  const timers = new VirtualTimers();
  const line = new PushLine();
  const clock = () => utcMs(1_800_000_000_000 + Math.round(timers.now()));
  const meter = new SmlMeter({ name: "/dev/ttyUSB0", line, timers, clock, ...options });
  /** A call during which these bytes come, one after another, a second apart. */
  const during = <T>(call: Promise<T>, ...pushes: readonly Uint8Array[]): Promise<T> => {
    pushes.forEach((bytes, i) => void timers.after(1000 * (i + 1), () => line.push(bytes)));
    return timers.run(call);
  };
  return { timers, line, meter, during };
}

const iskra = recording("iskraMt681");

test("a reading is the next telegram, exact, dated when its last byte came", async () => {
  const { meter, during } = bench();
  const reading = await during(meter.read(), iskra.slice(0, 100), iskra.slice(100));
  assert.deepEqual(reading, {
    time: 1_800_000_002_000,
    values: [
      {
        obis: "1-0:1.8.0",
        quantity: "energy.import.total",
        unit: "Wh",
        mantissa: 791393,
        exponent: -1,
        raw: [0x00, 0x0c, 0x13, 0x61],
      },
      {
        obis: "1-0:2.8.0",
        quantity: "energy.export.total",
        unit: "Wh",
        mantissa: 0,
        exponent: -1,
        raw: [0],
      },
      {
        obis: "1-0:16.7.0",
        quantity: "power.total",
        unit: "W",
        mantissa: 2144,
        exponent: 0,
        raw: [8, 0x60],
      },
    ],
    unknown: [],
  });
});

test("a telegram that came before the reading was asked for is not handed out", async () => {
  const { meter, line, timers, during } = bench();
  await during(meter.read(), iskra);
  line.push(iskra);
  await assert.rejects(timers.run(meter.read()), { code: "meter.timeout" });
});

test("a meter names its number, and nothing is ever written to it", async () => {
  const { meter, line, during } = bench();
  const identity = await during(meter.identify(), iskra);
  assert.deepEqual(identity, { profile: "sml", serialNumber: "1ISK0075126084" });
  assert.deepEqual(line.written, []);
});

test("a damaged telegram costs one period, not the reading", async () => {
  const { meter, during } = bench();
  const reading = await during(meter.read(), iskra.with(60, 0), iskra);
  assert.equal(reading.values.length, 3);
  assert.deepEqual(meter.counters, {
    bytes: 2 * iskra.length,
    telegrams: 1,
    damagedBytes: iskra.length,
  });
});

test("silence, damage alone and telegrams that cannot be read are told apart", async () => {
  const silent = bench();
  await assert.rejects(silent.during(silent.meter.read()), { code: "meter.timeout" });
  const noisy = bench();
  const noise = new Uint8Array(300).fill(0xff);
  await assert.rejects(noisy.during(noisy.meter.read(), noise), { code: "meter.garbled" });
  const strange = bench();
  await assert.rejects(strange.during(strange.meter.read(), recording("ebzDd3")), {
    code: "meter.refused",
    message: /checksum is wrong/,
  });
});

test("another meter on the line is refused until it was identified", async () => {
  const { meter, during } = bench();
  await during(meter.identify(), iskra);
  await assert.rejects(during(meter.read(), recording("itronOpenWay")), { code: "meter.replaced" });
  const identity = await during(meter.identify(), recording("itronOpenWay"));
  assert.equal(identity.serialNumber, "1ITR0055046208");
  assert.equal((await during(meter.read(), recording("itronOpenWay"))).values.length, 2);
});

test("a doubtful power is unknown unless the installer says what it is", async () => {
  const telegram = recording("dzgDvs7412Wrong");
  const doubtful = bench();
  const reading = await doubtful.during(doubtful.meter.read(), telegram);
  assert.deepEqual(reading.unknown, ["power.total"]);
  assert.equal(reading.values.length, 2);
  const decided = bench({ shortNegatives: "unsigned" });
  const { values } = await decided.during(decided.meter.read(), telegram);
  const power = values.find(({ obis }) => obis === "1-0:16.7.0");
  assert.deepEqual([power?.mantissa, power?.exponent], [35624, -2]);
});

test("objects without a unit are no registers", async () => {
  const { meter, during } = bench();
  const { values } = await during(meter.read(), recording("holleyDtz541BareTimes"));
  assert.equal(values.length, 16);
  assert.ok(values.every(({ unit }) => unit !== ""));
});

test("an adapter that was unplugged is opened again by the next reading", async () => {
  const { meter, line, timers, during } = bench();
  timers.after(500, () => line.unplug());
  await assert.rejects(during(meter.read()), { code: "meter.line-lost" });
  line.present = false;
  await assert.rejects(during(meter.read()), { code: "meter.port-missing" });
  line.present = true;
  assert.equal((await during(meter.read(), iskra)).values.length, 3);
  assert.equal(line.opened, 2);
});

test("two who wait share one telegram, and closing ends all waiting", async () => {
  const { meter, timers, during } = bench();
  const [a, b] = await during(Promise.all([meter.read(), meter.identify()]), iskra);
  assert.equal(a.values.length, 3);
  assert.equal(b.serialNumber, "1ISK0075126084");
  const waiting = assert.rejects(meter.read(), { code: "meter.closed" });
  timers.after(100, () => void meter.close());
  await timers.run(waiting);
});

const simulator = fileURLToPath(
  new URL("../../hardware/virtual-site/meters/sml/main.ts", import.meta.url),
);
const socat = program("socat", "socat");
const folder = mkdtempSync(join(tmpdir(), "busbar-sml-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The simulated meter as a process of its own; ends with the test. */
async function simulate(...options: readonly string[]) {
  const args = [simulator, "--every", "100", "--serial", "87654321", ...options];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const ended = once(child, "exit");
  return {
    at: (JSON.parse(line) as { at: string | number }).at,
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const clock = () => utcMs(Date.now());

async function readTwice(meter: SmlMeter): Promise<void> {
  assert.deepEqual(await meter.identify(), { profile: "sml", serialNumber: "1ISK0087654321" });
  const first = await meter.read();
  const second = await meter.read();
  assert.ok(second.time > first.time);
  assert.deepEqual(first.unknown, []);
  assert.equal(first.values.length, 10);
  const energy = ({ values }: typeof first) => {
    const register = values.find(({ obis }) => obis === "1-0:1.8.0");
    assert.deepEqual([register?.unit, register?.exponent], ["Wh", -1]);
    return register?.mantissa ?? 0;
  };
  assert.ok(energy(first) > 0 && energy(second) >= energy(first));
  await meter.close();
}

test("a simulated meter is read over a real terminal", {
  skip: "skip" in socat && socat.skip,
}, async () => {
  const link = join(folder, "optical-head");
  const simulated = await simulate("--link", link);
  const line = new SerialLine(link, smlSerial);
  await readTwice(new SmlMeter({ name: link, line, timers: processTimers, clock }));
  await simulated.end();
});

test("a simulated meter with the other checksum is read over TCP", async () => {
  const simulated = await simulate("--port", "0", "--checksum", "kermit");
  const line = new TcpLine("127.0.0.1", Number(simulated.at));
  await readTwice(new SmlMeter({ name: "tcp", line, timers: processTimers, clock }));
  await simulated.end();
});
