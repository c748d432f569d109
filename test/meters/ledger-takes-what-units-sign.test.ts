import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessage, Failure, openFrame, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { genesisState } from "../../aggregator/ledger/genesis-state.ts";
import { identityById } from "../../aggregator/ledger/identities.ts";
import { parametersTable } from "../../aggregator/ledger/parameters.ts";
import { readingsRule } from "../../aggregator/ledger/rules/readings.ts";
import { emptyState, Overlay } from "../../aggregator/ledger/state/overlay.ts";
import {
  chain,
  machineFacts,
  signerOfName,
  startTime,
  testGenesis,
} from "../../aggregator/ledger/test-site.ts";
import { openDatabase } from "../../edge/journal/database.ts";
import { Journal } from "../../edge/journal/journal.ts";
import { ReadingsOutbox } from "../../edge/journal/readings-outbox.ts";
import {
  billingOf,
  entryOf,
  gapEntry,
  isCredible,
  type RegisterValue,
} from "../../edge/schedule/entry.ts";
import { finalEntry } from "../../edge/schedule/exchange.ts";
import { MeterMemory } from "../../edge/schedule/memory.ts";

const [meter, device] = ["user-a-meter", "user-a-unit"];
const [taken, given] = ["1-0:1.8.0", "1-0:2.8.0"] as const;
const rhythm = { everyMs: 60_000, slotMs: 3_600_000 };

/** A ledger with the site's genesis, which takes signed frames, or says why not. */
function ledger() {
  const state = new Overlay(emptyState);
  for (const [key, value] of genesisState(testGenesis())) if (value) state.set(key, value);
  const parameters = parametersTable.get(state, "current");
  const signer = identityById(state, device);
  assert.ok(parameters && signer);
  return (bytes: Uint8Array, time: number) => {
    const opened = openFrame(bytes);
    assert.ok(opened.ok);
    const decoded = decodeMessage("readings", opened.frame.envelope.payload);
    assert.ok(decoded.ok);
    const block = { height: 1, time: utcMs(time), seed: new Uint8Array(32), ...machineFacts };
    const context = { ...block, parameters };
    const outcome = readingsRule({ ...context, state, emit: () => {} }, decoded.message, signer);
    assert.deepEqual(outcome, { ok: true });
  };
}

/** Numbers as drivers give them, and as no driver should. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.record({ mantissa: fc.nat(50_000), exponent: fc.constant(0) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      mantissa: fc.integer({ min: -5, max: Number.MAX_SAFE_INTEGER }),
      exponent: fc.integer({ min: -15, max: 12 }),
      step: fc.option(fc.oneof(fc.constantFrom(0, 1, 2, 2.5, 2e9), fc.nat(1_000)), {
        nil: undefined,
      }),
    }),
  },
);
const others = fc.array(fc.tuple(fc.constantFrom("1-0:14.7.0", "1-0:300.7.0", "gas"), number), {
  maxLength: 3,
});
const optional = fc.option(number, { nil: undefined, freq: 4 });
const reading = fc.record({
  do: fc.constantFrom("read", "read", "read", "read", "away", "fail", "die", "seal", "replace"),
  ms: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -600_000, max: 7_200_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -1e9, max: 4e9 }) },
  ),
  taken: optional,
  given: optional,
  others,
  serial: fc.constantFrom("A", "A", "A", "B", undefined),
  profile: fc.constantFrom("p", "p", "p", "q"),
  display: fc.nat(60_000),
});

test("the ledger takes every frame that a unit signs, whatever its meter shows and its clock says", () => {
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 40 }), (acts) => {
      const database = openDatabase(":memory:");
      const journal = new Journal(database, { chain, signer: signerOfName(device) });
      const outbox = new ReadingsOutbox(database);
      const take = ledger();
      let memory = new MeterMemory(journal);
      let now = startTime + 86_400_000;
      let latest = now;
      const keep = (entry: Parameters<Journal["append"]>[0][number]["entry"]) => {
        journal.append([{ meter, entry }], memory.notes());
        memory.keep();
        latest = Math.max(latest, entry.time);
      };
      for (const { do: what, ms, serial, profile, display, ...shows } of acts) {
        now = Math.max(startTime, now + ms);
        const lastTime = memory.timeOf(meter);
        if (what === "die") memory = new MeterMemory(journal);
        if (what === "seal") journal.seal(meter, 5);
        if (what === "replace") {
          const typed = { import: String(display / 1000) };
          try {
            const entry = finalEntry(memory, { meter, display: typed, time: now, clock: 16 });
            memory.exchanged(meter, entry?.time ?? lastTime);
            if (entry !== undefined) keep(entry);
          } catch (error) {
            assert.ok(error instanceof Failure);
          }
        }
        if (what === "away") {
          const gap = gapEntry({ time: now, lastTime, clock: 16 }, rhythm);
          if (gap === undefined) continue;
          memory.pass(meter, gap.time);
          keep(gap);
        }
        if (what !== "read" && what !== "fail") continue;
        const values: RegisterValue[] = [
          ...(shows.taken === undefined ? [] : [{ obis: taken, ...shows.taken }]),
          ...(shows.given === undefined ? [] : [{ obis: given, ...shows.given }]),
          ...shows.others.map(([obis, value]) => ({ obis, ...value })),
        ].filter(isCredible);
        const shown = { serial, profile, registers: billingOf(values) };
        const facts = { lastTime, clock: 16, quality: memory.judge(meter, shown) };
        const entry = entryOf({ time: now, values }, { ...facts, billingOnly: false });
        memory.take(meter, entry.time, shown);
        if (what === "fail") memory.forget();
        else keep(entry);
      }
      journal.seal(meter, 64);
      for (const { frame } of outbox.pending(meter, 1_000)) take(frame, latest);
      database.close();
    }),
    { numRuns: 150 },
  );
});
