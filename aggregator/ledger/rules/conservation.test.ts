import assert from "node:assert/strict";
import { test } from "node:test";
import { obis, quality, type ReadingEntry, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import type { LedgerEvent } from "../events.ts";
import { genesisState } from "../genesis-state.ts";
import { identityById } from "../identities.ts";
import { parametersTable } from "../parameters.ts";
import { boundaries, registerEnergy, slotEnergy } from "../slots.ts";
import { emptyState, Overlay } from "../state/overlay.ts";
import { entry, MeterChain, machineFacts, startTime, testGenesis } from "../test-site.ts";
import { gapMsMax } from "./boundaries.ts";
import { carryOutCorrection } from "./cases/carry-out-correction.ts";
import { meterStates } from "./meter-state.ts";
import { readingsRule } from "./readings.ts";

const hour = 3_600_000;
const ways = ["importWh", "exportWh"] as const;
type Way = (typeof ways)[number];
type Registers = Partial<Record<Way, number>>;
const codes = { importWh: obis.importEnergy, exportWh: obis.exportEnergy } as const;

type Shown = { readonly time: number; readonly how: number; readonly shows: Registers };

/** What a meter does next. `leap`: a value that no feeder can have carried; `shows`: which registers
 * answer; `after`: which an exchanged meter has. */
const act = fc.record({
  kind: fc.constantFrom("read", "read", "gap", "leap", "reset", "replaced", "away" as const),
  ms: fc.integer({ min: 1_000, max: 5 * hour }),
  importWh: fc.nat(2_000),
  exportWh: fc.nat(2_000),
  shows: fc.constantFrom<readonly Way[]>(ways, ways, ways, ["importWh"], ["exportWh"], []),
  after: fc.constantFrom<readonly Way[]>(ways, ["importWh"], ["exportWh"]),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

const leapWh = 100_000_000_000;

/** A meter's life as entries, marked as a unit marks them: registers only count up within one life. */
function lifeOf(acts: readonly Act[]): Shown[] {
  const all: Shown[] = [];
  let wh = { importWh: 700, exportWh: 30 };
  let time: number = startTime;
  let has: readonly Way[] = ways;
  let known: readonly Way[] = [];
  let owed: number = quality.measured;
  let awayLeft = 1;
  const show = (seen: readonly Way[]) => {
    const shown = seen.filter((way) => has.includes(way));
    all.push({ time, how: owed, shows: Object.fromEntries(shown.map((way) => [way, wh[way]])) });
    const settled =
      owed === quality.replaced ? shown.length > 0 : known.every((way) => shown.includes(way));
    known = owed === quality.replaced && settled ? shown : [...new Set([...known, ...shown])];
    if (settled) owed = quality.measured;
  };
  show(ways);
  for (const { kind, ms, shows, after, ...flow } of acts) {
    time += ms;
    if (kind === "away" && awayLeft-- > 0) {
      // On boundaries, so that no slot is known by half.
      time = Math.ceil(time / hour) * hour;
      show(ways);
      time += gapMsMax + hour;
    }
    const anew = kind === "reset" || kind === "replaced";
    const leap = kind === "leap" ? leapWh : 0;
    wh = {
      importWh: (anew ? 0 : wh.importWh) + flow.importWh + leap,
      exportWh: (anew ? 0 : wh.exportWh) + flow.exportWh,
    };
    if (kind === "replaced") [owed, has] = [quality.replaced, after];
    else if (kind === "reset" && owed !== quality.replaced) owed = quality.reset;
    if (kind === "gap") all.push({ time, how: quality.gap, shows: {} });
    else show(kind === "away" ? ways : shows);
  }
  time = Math.ceil(time / hour) * hour + hour;
  show(ways);
  return all;
}

type Point = { readonly time: number } & Record<Way, number>;

/** By plain addition: the readings that count, with all energy that is known to have flowed before. */
function pointsOf(life: readonly Shown[]): Point[] {
  const points: Point[] = [];
  let last: Registers = {};
  const sum = { importWh: 0, exportWh: 0 };
  for (const { time, how, shows } of life) {
    const shown = ways.filter((way) => shows[way] !== undefined);
    if (how === quality.gap || shown.length === 0) continue;
    if (how === quality.replaced) last = {};
    if (ways.some((way) => last[way] !== undefined && shows[way] === undefined)) continue;
    const grown = ways.map((way) => {
      const [now, before] = [shows[way], last[way]];
      if (points.length === 0) return now ?? 0;
      return now === undefined || before === undefined || how === quality.reset ? 0 : now - before;
    });
    const leapt = points.length > 0 && grown.some((wh) => wh >= leapWh);
    for (const [i, way] of ways.entries()) sum[way] += leapt ? 0 : (grown[i] ?? 0);
    last = { ...last, ...shows };
    points.push({ time, ...sum });
  }
  return points;
}

/** The straight line between the readings around `t`; undefined where nobody knows. */
function lineAt(points: readonly Point[], t: number): Record<Way, number> | undefined {
  const exact = points.find(({ time }) => time === t);
  if (exact !== undefined) return exact;
  const after = points.findIndex(({ time }) => time > t);
  const [a, b] = [points[after - 1], points[after]];
  if (a === undefined || b === undefined) return undefined;
  const at = (way: Way) => {
    const part = (BigInt(b[way] - a[way]) * BigInt(t - a.time)) / BigInt(b.time - a.time);
    return a[way] + Number(part);
  };
  return { importWh: at("importWh"), exportWh: at("exportWh") };
}

function entryOf({ time, how, shows }: Shown): ReadingEntry {
  const registers = new Map(
    ways.flatMap((way) =>
      shows[way] === undefined ? [] : [[codes[way], [shows[way], 0]] as const],
    ),
  );
  return entry(time, 0, 0, { registers, quality: how });
}

/** The ledger's rule over a life, and what it said of energy that it could not share out. */
function ledgerOf(life: readonly Shown[]) {
  const state = new Overlay(emptyState);
  for (const [key, value] of genesisState(testGenesis())) if (value) state.set(key, value);
  const parameters = parametersTable.get(state, "current");
  const chain = new MeterChain("user-a");
  const identity = identityById(state, chain.device);
  assert.ok(parameters && identity);
  const events: LedgerEvent[] = [];
  const facts = { height: 1, seed: new Uint8Array(32), parameters, ...machineFacts };
  const emit = (event: LedgerEvent) => void events.push(event);
  for (const shown of life) {
    const time = utcMs(shown.time + 1);
    const outcome = readingsRule(
      { ...facts, time, state, emit },
      chain.batch(entryOf(shown)),
      identity,
    );
    assert.deepEqual(outcome, { ok: true });
  }
  return { state, meter: chain.meter, events };
}

test("what slots and unallocated energy hold is what the registers of each life moved, once", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
      const life = lifeOf(acts);
      const points = pointsOf(life);
      const { state, meter, events } = ledgerOf(life);
      const [first, last] = [points[0], points.at(-1)];
      assert.ok(first && last);

      const kept = new Map(
        [...boundaries.scan(state, `${meter}/`)].map(([id, value]) => [
          Number(id.split("/")[1]),
          value,
        ]),
      );
      const slots = { importWh: 0, exportWh: 0 };
      for (let t: number = startTime; t <= (life.at(-1)?.time ?? 0); t += hour) {
        const line = lineAt(points, t);
        const found = kept.get(t);
        assert.deepEqual(
          found && [found.importWh, found.exportWh],
          line && [line.importWh, line.exportWh],
          `boundary ${new Date(t).toISOString()}`,
        );
        const slot = slotEnergy(state, meter, utcMs(t), hour);
        for (const way of ways) {
          assert.ok((slot?.[way] ?? 0) >= 0);
          slots[way] += slot?.[way] ?? 0;
        }
      }
      const lost = events.flatMap((event) => (event.type === "energy-unallocated" ? [event] : []));
      for (const way of ways) {
        const unallocated = lost.reduce((sum, event) => sum + event[way], 0);
        assert.equal(slots[way] + unallocated, last[way] - first[way], way);
        assert.equal(meterStates.get(state, meter)?.[way], last[way], way);
      }
    }),
    { numRuns: 300 },
  );
});

test("slots corrected by the members differ from the registers by what was corrected, and no others", () => {
  const change = fc.record({
    slot: fc.nat(200),
    importWh: fc.nat(50_000),
    exportWh: fc.nat(50_000),
  });
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 5, maxLength: 20 }),
      fc.array(change, { maxLength: 8 }),
      (acts, changes) => {
        const life = lifeOf(acts);
        const { state, meter, events } = ledgerOf(life);
        const parameters = parametersTable.get(state, "current");
        assert.ok(parameters);
        const emit = (event: LedgerEvent) => void events.push(event);
        const facts = { height: 2, time: utcMs(0), seed: new Uint8Array(32), parameters };
        const context = { ...facts, chain: "testsite", verify: () => false, state, emit };
        const truth = new Map<number, Record<Way, number>>();
        const versions = new Map<number, number>();
        for (const { slot: n, ...energy } of changes) {
          const slot = utcMs(startTime + n * hour);
          const version = (versions.get(slot) ?? 0) + 1;
          versions.set(slot, version);
          truth.set(slot, energy);
          const { importWh, exportWh } = energy;
          const terms = {
            importWh: wh(importWh),
            exportWh: wh(exportWh),
            reason: "meter-error",
          } as const;
          const correction = { member: "member-a", meter, slot, version, ...terms };
          carryOutCorrection(context, correction, "upheld");
        }
        const corrected = events.flatMap((event) =>
          event.type === "slot-corrected" ? [event] : [],
        );
        for (let n = 0; n <= 200; n++) {
          const slot = utcMs(startTime + n * hour);
          const registers = registerEnergy(state, meter, slot, hour);
          const energy = slotEnergy(state, meter, slot, hour);
          const known = truth.get(slot);
          assert.deepEqual(
            energy && [energy.importWh, energy.exportWh],
            (known ?? registers) && [
              (known ?? registers)?.importWh,
              (known ?? registers)?.exportWh,
            ],
          );
          // The events of a slot lead from the registers to what stands, step by step.
          const steps = corrected.filter((event) => event.slot === slot);
          const last = steps.reduce<unknown>(
            (before, event) => {
              assert.deepEqual(event.before, before);
              return { importWh: event.importWh, exportWh: event.exportWh };
            },
            registers === undefined
              ? null
              : { importWh: registers.importWh, exportWh: registers.exportWh },
          );
          const stands =
            energy === undefined ? null : { importWh: energy.importWh, exportWh: energy.exportWh };
          assert.deepEqual(last, stands);
        }
      },
    ),
    { numRuns: 60 },
  );
});
