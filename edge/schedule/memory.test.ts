import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quality, type ReadingEntry, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { testSigner } from "../../test/support/memory-registry.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { prune } from "../journal/prune.ts";
import { type Decimal, entryOf, wholeWh } from "./entry.ts";
import { MeterMemory } from "./memory.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-memory-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const [taken, given] = ["1-0:1.8.0", "1-0:2.8.0"] as const;

/** The ledger's rule on one meter's times and registers (aggregator/ledger/rules/energy.ts). */
function ledger(since = -1, registers = new Map<string, number>()) {
  let time = since;
  return (entry: ReadingEntry) => {
    const anew = entry.quality === quality.reset || entry.quality === quality.replaced;
    assert.ok(entry.time >= time + (anew ? 0 : 1), "the time ran backward");
    time = entry.time;
    const shown = [taken, given].flatMap((code) => {
      const value = entry.registers.get(code);
      return value === undefined ? [] : [[code, wholeWh(value)] as const];
    });
    if (shown.length === 0) return;
    if (entry.quality === quality.replaced) registers.clear();
    if ([...registers.keys()].some((code) => !entry.registers.has(code))) return;
    for (const [code, wh] of shown) {
      assert.ok(anew || wh >= (registers.get(code) ?? 0), `${code} ran backward without a mark`);
      registers.set(code, wh);
    }
  };
}

const register = fc.option(fc.nat(20), { nil: undefined });
const act = fc.record({
  do: fc.constantFrom("store", "store", "store", "fail", "die", "prune" as const),
  time: fc.nat(60),
  taken: register,
  given: register,
  serial: fc.constantFrom("A", "B", undefined),
});

test("whatever a meter shows and whenever the unit dies, the ledger takes every entry", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      files += 1;
      const database = openDatabase(join(folder, `${files}.db`));
      const journal = new Journal(database, { chain: "demo", signer: testSigner(5) });
      let memory = new MeterMemory(journal);
      const take = ledger();
      for (const { do: what, time, serial, ...shows } of acts) {
        if (what === "die") memory = new MeterMemory(journal);
        if (what === "prune") {
          journal.seal("m", 64);
          database.exec("UPDATE batch SET state = 'committed'");
          prune(database, { before: utcMs(1e6), bytesMax: 1e9 });
        }
        const values = [[taken, shows.taken] as const, [given, shows.given] as const].flatMap(
          ([obis, wh]) => (wh === undefined ? [] : [{ obis, mantissa: wh, exponent: 0 }]),
        );
        const registers = new Map<string, Decimal>(values.map((v) => [v.obis, [v.mantissa, 0]]));
        const shown = { serial, registers };
        const lastTime = memory.timeOf("m");
        const how = memory.judge("m", shown);
        const facts = { lastTime, clock: 16, quality: how, billingOnly: false };
        const entry = entryOf({ time: utcMs(time), values }, facts);
        memory.take("m", entry.time, shown);
        if (what === "fail") {
          memory.forget();
          continue;
        }
        journal.append([{ meter: "m", entry }], memory.notes());
        memory.keep();
        take(entry);
      }
      database.close();
    }),
    { numRuns: 60 },
  );
});

test("another profile is another meter where the registers do not go on", () => {
  const journal = new Journal(openDatabase(":memory:"), { chain: "demo", signer: testSigner(5) });
  const memory = new MeterMemory(journal);
  const shown = (profile: string, registers: Record<string, Decimal>) => ({
    serial: undefined,
    profile,
    registers: new Map(Object.entries(registers)),
  });
  memory.take("m", 1, shown("two-way", { [taken]: [500, 0], [given]: [90, 0] }));
  const judged = (profile: string, registers: Record<string, Decimal>) =>
    memory.judge("m", shown(profile, registers));
  assert.equal(judged("two-way", { [taken]: [501, 0] }), quality.measured);
  assert.equal(judged("one-way", { [taken]: [501, 0] }), quality.replaced);
  assert.equal(judged("other", { [taken]: [501, 0], [given]: [9, 0] }), quality.replaced);
  assert.equal(judged("same-by-path", { [taken]: [501, 0], [given]: [90, 0] }), quality.measured);
  memory.take("m", 2, shown("one-way", { [taken]: [501, 0] }));
  assert.equal(judged("one-way", { [taken]: [502, 0] }), quality.measured);
});

test("an exchange is told of until an entry shows a register, a reset until it shows all", () => {
  const database = openDatabase(join(folder, "whole.db"));
  const journal = new Journal(database, { chain: "demo", signer: testSigner(5) });
  let memory = new MeterMemory(journal);
  const show = (serial: string, registers: Record<string, Decimal>) => {
    const shown = { serial, registers: new Map(Object.entries(registers)) };
    const how = memory.judge("m", shown);
    const time = memory.timeOf("m") + 1;
    memory.take("m", time, shown);
    const entry = { time: utcMs(time), clock: 16, registers: shown.registers, quality: how };
    journal.append([{ meter: "m", entry }], memory.notes());
    memory.keep();
    return how;
  };
  assert.equal(show("A", { [taken]: [500, 0], [given]: [90, 0] }), quality.measured);
  assert.equal(show("B", {}), quality.replaced);
  memory = new MeterMemory(journal);
  assert.equal(show("B", { [taken]: [4, 0] }), quality.replaced);
  assert.equal(show("B", { [taken]: [5, 0], [given]: [1, 0] }), quality.measured);
  assert.equal(show("B", { [taken]: [1, 0] }), quality.reset);
  memory = new MeterMemory(journal);
  assert.equal(show("B", { [given]: [2, 0] }), quality.reset);
  assert.equal(show("B", { [taken]: [2, 0], [given]: [2, 0] }), quality.reset);
  assert.equal(show("B", { [taken]: [2, 0], [given]: [2, 0] }), quality.measured);
  database.close();
});

/** What an earlier journal left on the ledger. */
const held = fc.record({ time: fc.nat(30), taken: register, given: register });
const reading = fc.record({
  do: fc.constantFrom("read", "read", "read", "gap", "final", "exchange" as const),
  ms: fc.integer({ min: 1, max: 4 }),
  taken: register,
  given: register,
  serial: fc.constantFrom("A", "B", undefined),
});

test("readings judged again behind the ledger's are all taken", () => {
  fc.assert(
    fc.property(held, fc.array(reading, { maxLength: 12 }), (on, acts) => {
      const journal = new Journal(openDatabase(":memory:"), {
        chain: "demo",
        signer: testSigner(5),
      });
      const memory = new MeterMemory(journal);
      const entries = acts.map(({ do: what, ms, serial, ...shows }): ReadingEntry => {
        const time = utcMs(memory.timeOf("m") + ms);
        if (what === "gap") {
          memory.pass("m", time);
          return { time, clock: 16, registers: new Map(), quality: quality.gap };
        }
        if (what === "final") {
          const registers = memory.registersOf("m");
          memory.take("m", time, { serial: undefined, registers });
          return { time, clock: 16, registers, quality: quality.substituted };
        }
        if (what === "exchange") memory.exchanged("m", time - 1);
        const registers = registersOf(shows);
        const shown = { serial, registers };
        const how = memory.judge("m", shown);
        memory.take("m", time, shown);
        return { time, clock: 16, registers, quality: how };
      });

      const take = ledger(
        on.time,
        new Map([...registersOf(on)].map(([code, value]) => [code, wholeWh(value)])),
      );
      const { entry: again, note } = memory.rejudge("m", {
        time: utcMs(on.time),
        ...(on.taken === undefined ? {} : { importRegister: on.taken }),
        ...(on.given === undefined ? {} : { exportRegister: on.given }),
      });
      for (const entry of entries) {
        const judged = again(entry);
        if (judged !== undefined) take(judged);
      }

      const [key, value] = note();
      journal.setNote(key, value);
      memory.reload("m");
      const whole = { serial: undefined, registers: registersOf({ taken: 50, given: 50 }) };
      const time = memory.timeOf("m") + 1;
      const how = memory.judge("m", whole);
      take({ time: utcMs(time), clock: 16, registers: whole.registers, quality: how });
      memory.take("m", time, whole);
      assert.equal(memory.judge("m", whole), quality.measured);
    }),
  );
});

function registersOf(shows: {
  readonly taken: number | undefined;
  readonly given: number | undefined;
}): Map<string, Decimal> {
  return new Map(
    [[taken, shows.taken] as const, [given, shows.given] as const].flatMap(([code, wh]) =>
      wh === undefined ? [] : [[code, [wh, 0] as const]],
    ),
  );
}

test("a meter exchanged before a chain was taken over is not marked as reset for ever", () => {
  const journal = new Journal(openDatabase(":memory:"), { chain: "demo", signer: testSigner(5) });
  const memory = new MeterMemory(journal);
  const { entry: again, note } = memory.rejudge("m", {
    time: utcMs(10),
    importRegister: 1_000,
    exportRegister: 500,
  });
  const only = (time: number, wh: number, how: number): ReadingEntry => ({
    time: utcMs(time),
    clock: 16,
    registers: new Map([[taken, [wh, 0]]]),
    quality: how,
  });
  const judged = [
    only(11, 7, quality.replaced),
    only(12, 9, quality.measured),
    only(13, 12, quality.measured),
  ].map((entry) => again(entry)?.quality);
  assert.deepEqual(judged, [quality.replaced, quality.measured, quality.measured]);
  const [key, value] = note();
  journal.setNote(key, value);
  memory.reload("m");
  const next = { serial: undefined, registers: new Map<string, Decimal>([[taken, [13, 0]]]) };
  assert.equal(memory.judge("m", next), quality.measured);
});
