import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import {
  type DemandState,
  decodeMessage,
  keyId,
  type Micro,
  microPerKwh,
  openFrame,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { privateKeyFromSeed, publicKeyFromSeed, sign } from "@busbar/protocol/node";
import fc from "fast-check";
import { pino } from "pino";
import { FaultLine } from "../../test/support/fault-line.ts";
import { MarketOutbox } from "../agent/market-outbox.ts";
import { BusPool } from "../framing/bus-pool.ts";
import { seededRandom, VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { sleep } from "../framing/timers.ts";
import { openDatabase } from "../journal/database.ts";
import { Counters } from "../status/counters.ts";
import type { Actuator } from "./actuator.ts";
import { Controller } from "./controller.ts";
import { DemandDesk, type DeskOptions } from "./desk.ts";
import { GpioActuator } from "./gpio-actuator.ts";
import { ModbusActuator } from "./modbus-actuator.ts";
import { type KnownOrder, limitsOf, settingAt, whyNot } from "./plan.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-demand-"));
after(() => rmSync(folder, { recursive: true }));
const log = pino({ level: "silent" });
const hour = 3_600_000;
const start = 100 * hour;

function stateOf(changes: Partial<DemandState> = {}): DemandState {
  return {
    ...{ by: "bureau", device: "unit", owner: "anna", action: "shed", slots: 2 },
    ...{ slot: utcMs(start), energy: wh(400), price: microPerKwh(1), answerBy: utcMs(start) },
    ...{ status: "contracted", usual: [1000, 900], bound: 0 as Micro, hash: new Uint8Array(32) },
    ...{ height: 1, dueAt: utcMs(start) },
    ...changes,
  };
}
const order = (n: number, changes: Partial<DemandState> = {}): KnownOrder => {
  return { order: String(n).padStart(32, "0"), demand: stateOf(changes) };
};

test("what an order leaves to draw, slot by slot, and the lowest of several binds", () => {
  assert.deepEqual(limitsOf(stateOf(), hour), [600, 500]);
  assert.deepEqual(limitsOf(stateOf({ energy: wh(2000) }), hour), [0, 0]);
  assert.deepEqual(limitsOf(stateOf(), hour / 4), [2400, 2000], "Wh of a quarter of an hour");
  const limit = order(2, { action: "limit", limitW: watt(550), slots: 1 });
  const all = [order(1), limit, order(3, { status: "refused", usual: [0, 0] })];
  assert.equal(settingAt(all, start - 1, hour), undefined);
  assert.deepEqual(settingAt(all, start, hour), {
    order: limit.order,
    limitW: 550,
    until: start + hour,
  });
  assert.equal(settingAt(all, start + hour, hour)?.limitW, 500);
  assert.equal(settingAt(all, start + 2 * hour, hour), undefined);
});

test("what the device cannot do, or must not, is no order for it", () => {
  const range = { minW: 500, maxW: 5000 };
  assert.equal(whyNot(stateOf(), hour, { range, dryRun: false }), undefined);
  assert.equal(whyNot(stateOf(), hour, { range, dryRun: true }), "dry-run");
  assert.equal(whyNot(stateOf({ energy: wh(401) }), hour, { range, dryRun: true }), "unsafe");
  assert.equal(whyNot(stateOf(), hour, { range: undefined, dryRun: false }), "impossible");
});

/** An actuator that writes down what it was told; `works` says whether it does. */
class Noted implements Actuator {
  readonly id = "noted";
  readonly range = { minW: 0, maxW: 5000 };
  readonly told: (number | "safe" | "closed")[] = [];
  works = true;

  async hold(limitW: number): Promise<void> {
    if (!this.works) throw new Error("broken");
    this.told.push(limitW);
  }
  async release(): Promise<void> {
    if (!this.works) throw new Error("broken");
    this.told.push("safe");
  }
  async close(): Promise<void> {
    this.told.push("closed");
  }
}

function control(changes: { known?: () => boolean; holdMsMax?: number } = {}) {
  const timers = new VirtualTimers();
  const actuator = new Noted();
  const failed: string[] = [];
  const now = () => start - hour + timers.now();
  const known = changes.known ?? (() => true);
  const controller = new Controller({
    actuator,
    slotMs: hour,
    now: () => (known() ? now() : undefined),
    timers,
    untilSlotMs: () => hour - (now() % hour) + 5,
    refreshMs: 10 * 60_000,
    holdMsMax: changes.holdMsMax ?? 10 * hour,
    counters: new Counters(),
    log,
    onFailed: (one) => failed.push(one),
  });
  const until = (hours: number) => timers.run(sleep(timers, hours * hour - timers.now()));
  return { timers, actuator, controller, failed, until };
}

test("an actuator is safe before, set in each slot, written anew, and safe again after", async () => {
  const { timers, actuator, controller, until } = control();
  controller.start();
  controller.update([order(1)]);
  await until(0.99);
  assert.deepEqual(actuator.told, ["safe"], "safe once, not again and again");
  await until(1.99);
  assert.deepEqual(new Set(actuator.told.slice(1)), new Set([600]));
  assert.ok(actuator.told.length >= 6, "a held setting is refreshed");
  await until(2.5);
  assert.equal(controller.applied, 500);
  await until(3.2);
  assert.equal(controller.applied, "safe");
  await timers.run(controller.stop());
  assert.deepEqual(actuator.told.slice(-2), ["safe", "closed"]);
});

test("whatever ends an order, or the unit, leads to the safe state", async () => {
  // It stops in the middle of an order.
  const stopped = control();
  stopped.controller.update([order(1)]);
  await stopped.until(1.5);
  assert.equal(stopped.controller.applied, 600);
  await stopped.timers.run(stopped.controller.stop());
  assert.deepEqual(stopped.actuator.told.slice(-2), ["safe", "closed"]);
  // The order is taken back.
  const taken = control();
  taken.controller.update([order(1)]);
  await taken.until(1.5);
  taken.controller.update([]);
  await taken.until(1.51);
  assert.equal(taken.controller.applied, "safe");
  // The time is not known any more.
  let known = true;
  const lost = control({ known: () => known });
  lost.controller.update([order(1)]);
  await lost.until(1.5);
  known = false;
  await lost.until(1.8);
  assert.equal(lost.controller.applied, "safe");
  // It was held for long enough.
  const long = control({ holdMsMax: hour / 2 });
  long.controller.update([order(1)]);
  await long.until(1.4);
  assert.equal(long.controller.applied, 600);
  await long.until(2.5);
  assert.equal(long.controller.applied, "safe");
});

test("an actuator that fails is tried again, then the order is given up and safe is tried on", async () => {
  const { actuator, controller, failed, until } = control();
  controller.update([order(1)]);
  await until(0.9);
  actuator.works = false;
  await until(1.8);
  assert.deepEqual(failed, [order(1).order]);
  actuator.works = true;
  await until(1.99);
  assert.equal(controller.applied, "safe");
  assert.deepEqual(new Set(actuator.told), new Set(["safe"]));
});

test("a limit register is written through the guarded port, in its range, and read back", async () => {
  const timers = new VirtualTimers();
  const line = new FaultLine(timers, seededRandom(1));
  const registers = new Map([[40, 0]]);
  let stuck = false;
  line.devices.set(7, (code, address, count) => {
    if (code === 3) return [registers.get(address) ?? 0];
    if (!stuck) registers.set(address, count);
    return [];
  });
  const bus = new BusPool({ timers, random: seededRandom(2), openLine: () => line });
  const lease = bus.acquire(
    { kind: "rtu", path: "/dev/x" },
    { baud: 9600, parity: "none", stopBits: 1 },
  );
  const range = { minW: 1400, maxW: 11_000 };
  const actuator = new ModbusActuator(
    { id: "wallbox", unit: 7, address: 40, function: 6, scaleW: 230, range, safeW: 11_000 },
    lease,
  );
  await timers.run(actuator.hold(3_000));
  assert.equal(registers.get(40), 13, "rounded down to what a limit allows");
  await timers.run(actuator.hold(0));
  assert.equal(registers.get(40), 6);
  await timers.run(actuator.release());
  assert.equal(registers.get(40), 47);
  stuck = true;
  await assert.rejects(timers.run(actuator.hold(3_000)), {
    code: "demand.actuator",
    message: /shows 47 after 13/,
  });
  line.devices.set(7, () => 2);
  await assert.rejects(timers.run(actuator.hold(3_000)), {
    code: "demand.actuator",
    message: /exception 2/,
  });
  await timers.run(actuator.close());
});

test("a relay's line is held by a process that lives as long as the order", async () => {
  const program = join(folder, "gpioset");
  const note = join(folder, "relay");
  writeFileSync(
    program,
    `#!/bin/sh\necho "$@" >> ${note}\ntrap 'echo released >> ${note}; exit 0' TERM\nwhile :; do sleep 0.05; done\n`,
  );
  chmodSync(program, 0o755);
  const line = { id: "relay", chip: "gpiochip0", offset: 17, activeLow: true };
  const relay = new GpioActuator({ ...line, range: { minW: 0, maxW: 2000 } }, program);
  await relay.hold();
  await relay.hold();
  await relay.release();
  await relay.release();
  assert.equal(readFileSync(note, "utf8"), "--chip gpiochip0 --active-low 17=1\nreleased\n");
  writeFileSync(program, "#!/bin/sh\necho 'Device or resource busy' >&2\nexit 1\n");
  await assert.rejects(relay.hold(), { code: "demand.actuator", message: /resource busy/ });
  const missing = new GpioActuator({ ...line, range: { minW: 0, maxW: 1 } }, join(folder, "none"));
  await assert.rejects(missing.hold(), { code: "demand.actuator" });
});

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyFromSeed(seed);
const key = privateKeyFromSeed(seed);
const signer = { kid: keyId(publicKey), publicKey, sign: (data: Uint8Array) => sign(data, key) };

function desk(changes: Partial<DeskOptions> = {}) {
  const database: DatabaseSync = openDatabase(
    join(mkdtempSync(join(folder, "journal-")), "journal.sqlite"),
  );
  const outbox = new MarketOutbox(database, () => utcMs(start - hour));
  let note: string | undefined;
  const told: (readonly KnownOrder[])[] = [];
  const options: DeskOptions = {
    ...{ chain: "site", device: "unit", owner: "anna", signer, outbox, slotMs: hour, log },
    notes: {
      read: () => note,
      write: (text) => {
        note = text;
      },
    },
    now: () => utcMs(start - hour),
    range: { minW: 0, maxW: 5000 },
    dryRun: false,
    onOrders: (orders) => told.push(orders),
    onAnswered: () => undefined,
    counters: new Counters(),
    ...changes,
  };
  const answers = () =>
    outbox.lanes().flatMap((lane) =>
      outbox.pending(lane).map(({ frame }) => {
        const opened = openFrame(frame);
        assert.ok(opened.ok && opened.frame.kind === "demand-answer");
        const decoded = decodeMessage("demand-answer", opened.frame.envelope.payload);
        assert.ok(decoded.ok);
        const { id, word, reason } = decoded.message;
        return [Buffer.from(id).toString("hex"), word, reason];
      }),
    );
  return { desk: new DemandDesk(options), options, told, answers, close: () => database.close() };
}

test("a contract is acknowledged once and kept over a restart; what is refused says why", () => {
  const one = desk();
  one.desk.take(order(1));
  one.desk.take(order(1, { status: "acknowledged" }));
  assert.deepEqual(one.answers(), [[order(1).order, "accept", undefined]]);
  assert.deepEqual(one.told, [[order(1)]]);
  assert.deepEqual(new DemandDesk(one.options).orders, [order(1)]);
  one.desk.giveUp(order(1).order);
  one.desk.giveUp(order(1).order);
  assert.deepEqual(one.answers().at(-1), [order(1).order, "refuse", "impossible"]);
  assert.deepEqual(one.told.at(-1), []);
  one.close();
  for (const [changes, reason] of [
    [{ dryRun: true }, "dry-run"],
    [{ range: undefined }, "impossible"],
    [{ range: { minW: 4000, maxW: 5000 } }, "unsafe"],
  ] as const) {
    const other = desk(changes);
    other.desk.take(order(1));
    assert.deepEqual(other.answers(), [[order(1).order, "refuse", reason]]);
    assert.deepEqual(other.told, []);
    other.close();
  }
});

test("offers, orders to others and orders of the past are none for this unit", () => {
  const one = desk();
  one.desk.take(order(1, { status: "offered" }));
  one.desk.take(order(2, { device: "other" }));
  one.desk.take(order(3, { owner: "ben" }));
  one.desk.take(order(4, { slot: utcMs(start - 10 * hour) }));
  assert.deepEqual([one.answers(), one.desk.orders], [[], []]);
  one.desk.take(order(5));
  one.desk.take(order(5, { status: "refused" }));
  assert.deepEqual(one.desk.orders, [], "it ended on the ledger");
  one.close();
  assert.deepEqual(desk({ notes: { read: () => "{x", write: () => undefined } }).desk.orders, []);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3), fc.constantFrom("contracted", "refused", "offered", "settled"))),
      (all) => {
        const any = desk();
        for (const [n, status] of all) any.desk.take(order(n, { status } as Partial<DemandState>));
        for (const { demand } of any.desk.orders) assert.equal(demand.status, "contracted");
        any.close();
      },
    ),
    { numRuns: 20 },
  );
});
