import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BusPool } from "../../edge/framing/bus-pool.ts";
import {
  iskraV22,
  kaifaNl,
  sagemcomNl,
  smartyLu,
} from "../../edge/framing/dsmr/test-support/vectors.ts";
import { easymeterPush } from "../../edge/framing/iec62056-21/test-support/vectors.ts";
import { type Line, type LineEvents, settingsText } from "../../edge/framing/line.ts";
import { recording } from "../../edge/framing/sml/test-support/recorded.ts";
import { seededRandom, VirtualTimers } from "../../edge/framing/test-support/virtual-timers.ts";
import type { Timers } from "../../edge/framing/timers.ts";
import { type ScanOptions, type ScanResult, scan } from "../../edge/meters/scan.ts";
import { telegramSteps } from "../../edge/meters/scan-telegrams.ts";
import { answer as dlt645Answer } from "../../hardware/virtual-site/meters/dlt645/device.ts";
import * as dlt645 from "../../hardware/virtual-site/meters/dlt645/frame.ts";
import { openDlt645Bus } from "../../hardware/virtual-site/meters/dlt645/open.ts";
import { openIecMeter } from "../../hardware/virtual-site/meters/iec62056-21/open.ts";
import { MbusStation } from "../../hardware/virtual-site/meters/mbus/device.ts";
import * as mbus from "../../hardware/virtual-site/meters/mbus/frame.ts";
import { Counters } from "../../hardware/virtual-site/physics/counters.ts";
import { defaultPlace, makeSite } from "../../hardware/virtual-site/physics/site.ts";
import { program } from "../support/programs.ts";

/** What hangs on a port: at one setting it pushes, or answers. */
type Meter = {
  readonly settings: string;
  readonly push?: { readonly everyMs: number; readonly bytes: Uint8Array };
  readonly answers?: (bytes: Uint8Array) => readonly Uint8Array[];
};

/** A port whose meter is understood at its own settings only; else it is noise. */
class Port implements Line {
  readonly #timers: Timers;
  readonly #meter: Meter;
  readonly #right: boolean;
  readonly #random = seededRandom(5);
  #events: LineEvents | undefined;

  constructor(timers: Timers, meter: Meter, settings: string) {
    this.#timers = timers;
    this.#meter = meter;
    this.#right = meter.settings === settings;
  }

  async open(events: LineEvents): Promise<void> {
    this.#events = events;
    this.#push();
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }

  write(bytes: Uint8Array): void {
    if (!this.#right) return;
    for (const answer of this.#meter.answers?.(bytes) ?? []) {
      this.#timers.after(30, () => this.#events?.data(answer));
    }
  }

  #push(): void {
    const { push } = this.#meter;
    if (push === undefined) return;
    const noise = () => push.bytes.map(() => Math.floor(this.#random() * 256));
    this.#timers.after(push.everyMs, () => {
      if (this.#events === undefined) return;
      this.#events.data(this.#right ? push.bytes : noise());
      this.#push();
    });
  }
}

function bench(meter: Meter) {
  const timers = new VirtualTimers();
  const bus = new BusPool({
    timers,
    random: seededRandom(2),
    openLine: (_, serial) => new Port(timers, meter, settingsText(serial)),
    replyMs: 200,
  });
  const look = (more: Partial<ScanOptions> = {}) =>
    timers.run(
      scan({
        connections: [{ kind: "rtu", path: "/dev/head" }],
        units: [1],
        profiles: [],
        bus,
        telegrams: true,
        ...more,
      }),
    );
  return { timers, look };
}

const told = ({ status, connection, address, candidates }: ScanResult) => ({
  status,
  connection,
  address,
  profiles: candidates.map(({ identity }) => identity.profile),
});
const head = { kind: "rtu", path: "/dev/head" } as const;

const pushing = [
  ["sml", "9600 8N1", 2000, recording("easyMeterQ3B")],
  ["dsmr", "115200 8N1", 10_000, kaifaNl],
  ["dsmr", "115200 8N1", 1000, sagemcomNl],
  ["dsmr22", "9600 8N1", 10_000, iskraV22],
  ["iec62056-21-push", "2400 8N1", 2000, easymeterPush],
] as const;

for (const [profile, settings, everyMs, bytes] of pushing) {
  test(`a meter that pushes every ${everyMs} ms at ${settings} is found as ${profile}`, async () => {
    const { look } = bench({ settings, push: { everyMs, bytes } });
    const { results, failures } = await look();
    assert.deepEqual(failures, []);
    assert.deepEqual(results.map(told), [
      { status: "found", connection: head, address: undefined, profiles: [profile] },
    ]);
    assert.equal(results[0]?.settings, settings);
    assert.notEqual(results[0]?.candidates[0]?.identity.serialNumber, undefined);
  });
}

test("a meter that pushes at another speed than its protocol's is named with that speed", async () => {
  const { look } = bench({ settings: "9600 8N1", push: { everyMs: 2000, bytes: easymeterPush } });
  assert.deepEqual((await look()).results.map(told), [
    {
      status: "found",
      connection: { ...head, baud: 9600 },
      address: undefined,
      profiles: ["iec62056-21-push"],
    },
  ]);
});

test("encrypted telegrams are told as what they are", async () => {
  const { look } = bench({ settings: "115200 8N1", push: { everyMs: 1000, bytes: smartyLu } });
  const { results } = await look();
  assert.match(results[0]?.candidates[0]?.identity.model ?? "", /encrypted/);
});

const measured = new Map([["energy.import.total", 1_234_560]]);

function dlt645Answers(address: string) {
  const reader = new dlt645.RequestReader();
  const meterNumber = "1";
  const meter = { address, meterNumber, model: "D1", phases: 3, measure: () => measured } as const;
  return (bytes: Uint8Array) =>
    reader.push(bytes).flatMap((request) => {
      const reply = dlt645Answer(meter, request);
      return reply === undefined ? [] : [dlt645.writeFrame(reply, 4)];
    });
}

test("a DL/T 645 meter is asked for its address", async () => {
  for (const settings of ["2400 8E1", "9600 8E1"]) {
    const { look } = bench({ settings, answers: dlt645Answers("201000000012") });
    const connection =
      settings === "2400 8E1" ? head : { ...head, baud: 9600, parity: "even" as const };
    assert.deepEqual((await look()).results.map(told), [
      { status: "found", connection, address: "201000000012", profiles: ["dlt645-2007"] },
    ]);
  }
});

function mbusAnswers(...places: readonly (readonly [number, string])[]) {
  const reader = new mbus.RequestReader();
  const stations = places.map(
    ([address, id]) =>
      new MbusStation({ address, id, manufacturer: "BUS", version: 3, measure: () => measured }),
  );
  return (bytes: Uint8Array) => {
    const requests = reader.push(bytes);
    const replies = stations.flatMap((station) =>
      requests.flatMap((request) => station.answer(request) ?? []),
    );
    // Several that answer at once pull the line together.
    const [first] = replies;
    if (first === undefined || replies.length === 1) return replies;
    return [first.map((byte, i) => replies.reduce((all, each) => all & (each[i] ?? 255), byte))];
  };
}

test("the only M-Bus meter is found by its own number", async () => {
  const { look } = bench({ settings: "2400 8E1", answers: mbusAnswers([0, "12345678"]) });
  assert.deepEqual((await look()).results.map(told), [
    { status: "found", connection: head, address: "12345678", profiles: ["mbus"] },
  ]);
});

test("several M-Bus meters are asked one by one", async () => {
  const answers = mbusAnswers([3, "12345678"], [7, "12345699"]);
  const { look } = bench({ settings: "2400 8E1", answers });
  assert.deepEqual(
    (await look()).results.map(({ address }) => address),
    ["12345678", "12345699"],
  );
});

test("noise and silence are no meter, and take as long as was said", async () => {
  const random = seededRandom(3);
  const bytes = Uint8Array.from({ length: 200 }, () => Math.floor(random() * 256));
  for (const effort of ["quick", "usual", "thorough"] as const) {
    const { timers, look } = bench({ settings: "none", push: { everyMs: 700, bytes } });
    const seen: { leftMs: number; at: number; done: number; total: number; what?: string }[] = [];
    const { results, failures } = await look({
      effort,
      onProgress: (progress) => seen.push({ ...progress, at: timers.now() }),
    });
    assert.deepEqual([results, failures], [[], []]);
    const last = seen.at(-1);
    assert.equal(last?.done, last?.total);
    assert.ok(seen.some(({ what }) => what === "listens at 9600 8N1"));
  }
  const silent = bench({ settings: "none" });
  const left: number[] = [];
  await silent.look({ onProgress: ({ leftMs }) => left.push(leftMs + silent.timers.now()) });
  assert.ok(silent.timers.now() <= (left[0] ?? 0) + 1000, `${silent.timers.now()} of ${left[0]}`);
});

const folder = mkdtempSync(join(tmpdir(), "busbar-scan-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const socat = program("socat", "socat");
const onTerminal = { skip: "skip" in socat && socat.skip };
const stepOf = (link: string, what: string) =>
  telegramSteps({ kind: "rtu", path: link }, { bus: new BusPool() }).find(
    (step) => step.what === what,
  );

test("a DL/T 645 meter on a real terminal is found", onTerminal, async (t) => {
  const link = join(folder, "dlt645");
  const device = { address: "201000000012", meterNumber: "1", model: "D", phases: 3 } as const;
  const bus = await openDlt645Bus({
    place: { kind: "pty", link },
    devices: [{ ...device, measure: () => measured }],
    onLost: assert.fail,
  });
  t.after(() => bus.close());
  const [found] = (await stepOf(link, "asks by DL/T 645 and M-Bus at 2400 8E1")?.run()) ?? [];
  assert.deepEqual(
    [found?.address, found?.identities[0]?.profile],
    ["201000000012", "dlt645-2007"],
  );
});

test(
  "IEC 62056-21 meters on a real terminal are found, asked and unasked",
  onTerminal,
  async (t) => {
    const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
    const site = { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
    for (const [mode, what, profile] of [
      ["C", "asks by IEC 62056-21 at 300 8N1", "iec62056-21"],
      ["D", "listens at 9600 8N1", "iec62056-21-push"],
    ] as const) {
      const link = join(folder, `head-${mode}`);
      const at = { kind: "pty", link } as const;
      const config = { source: "user.1", parity: true, reactionMs: 20, everyMs: 200, at } as const;
      const meter = await openIecMeter({ ...config, mode, serialNumber: "77" }, site, assert.fail);
      t.after(() => meter.close());
      const [found] = (await stepOf(link, what)?.run()) ?? [];
      assert.deepEqual(
        found?.identities.map((one) => [one.profile, one.model]),
        [[profile, "BSB \\2SIM1000"]],
      );
    }
  },
);

test("a scan that is given up ends at once", async () => {
  const { timers, look } = bench({ settings: "none" });
  const abort = new AbortController();
  timers.after(3000, () => abort.abort());
  const { results } = await look({ signal: abort.signal });
  assert.deepEqual([results, timers.now() < 4000], [[], true]);
});
