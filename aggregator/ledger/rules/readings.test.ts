import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, obis, quality, type ReadingEntry, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import type { LedgerEvent } from "../events.ts";
import { genesisState } from "../genesis-state.ts";
import { identityById } from "../identities.ts";
import { parametersTable } from "../parameters.ts";
import type { Outcome } from "../rule.ts";
import { boundaries, boundaryId, slotEnergy, slotHistory } from "../slots.ts";
import { emptyState, Overlay } from "../state/overlay.ts";
import { entry, MeterChain, machineFacts, startTime, testGenesis } from "../test-site.ts";
import { boundaryKeepMs, gapMsMax } from "./boundaries.ts";
import { meterStates } from "./meter-state.ts";
import { futureMsMax, readingsRule } from "./readings.ts";

const hour = 3_600_000;

/** A ledger's state with one meter's chain, and what the rule says to its batches. */
function site(owner = "user-a") {
  const state = new Overlay(emptyState);
  for (const [key, value] of genesisState(testGenesis())) if (value) state.set(key, value);
  const parameters = parametersTable.get(state, "current");
  assert.ok(parameters);
  const chain = new MeterChain(owner);
  const events: LedgerEvent[] = [];
  let now = startTime + 50 * 24 * hour;
  return {
    state,
    chain,
    events,
    setTime: (time: number) => {
      now = time;
    },
    take(message: Message<"readings">, signer = chain.device): Outcome {
      const identity = identityById(state, signer);
      assert.ok(identity);
      const own = new Overlay(state);
      const block = { height: 1, time: utcMs(now), seed: new Uint8Array(32), ...machineFacts };
      const context = { ...block, parameters };
      const heard: LedgerEvent[] = [];
      const emit = (event: LedgerEvent) => void heard.push(event);
      const outcome = readingsRule({ ...context, state: own, emit }, message, identity);
      if (outcome.ok) {
        own.applyTo(state);
        events.push(...heard);
      }
      return outcome;
    },
  };
}

const code = (outcome: Outcome) => ("code" in outcome ? outcome.code : "ok");
const expected = (outcome: Outcome) => ("expected" in outcome ? outcome.expected : undefined);
const slot = (s: ReturnType<typeof site>, n: number) =>
  slotEnergy(s.state, s.chain.meter, utcMs(startTime + n * hour), hour);

test("a batch that continues the chain is taken, all of it", () => {
  const s = site();
  assert.deepEqual(s.take(s.chain.batch(entry(startTime, 100), entry(startTime + hour, 160))), {
    ok: true,
  });
  assert.equal(meterStates.get(s.state, s.chain.meter)?.next, 3);
  assert.deepEqual(s.events, [
    {
      type: "readings-accepted",
      meter: "user-a-meter",
      device: "user-a-unit",
      owner: "user-a",
      first: 1,
      last: 2,
      from: startTime,
      to: startTime + hour,
      importWh: 160,
      exportWh: 0,
    },
  ]);
  assert.deepEqual(slot(s, 0), { importWh: 60, exportWh: 0, method: "exact" });
});

test("only the unit that reads a meter may send its readings", () => {
  const s = site();
  const batch = s.chain.batch(entry(startTime, 1));
  assert.equal(code(s.take(batch, "company-a-unit")), "readings.rights");
  assert.equal(code(s.take(batch, "user-a")), "readings.rights");
  assert.equal(code(s.take({ ...batch, meter: "nowhere" })), "readings.meter-unknown");
});

test("the same readings again exist; others under their numbers exist differently", () => {
  const s = site();
  const one = s.chain.batch(entry(startTime, 1));
  const two = s.chain.batch(entry(startTime + 1, 2));
  assert.equal(code(s.take(one)), "ok");
  assert.equal(code(s.take(two)), "ok");
  assert.equal(code(s.take(two)), "exists");
  assert.equal(code(s.take(one)), "exists");
  const both = { ...one, entries: [...one.entries, ...two.entries] };
  assert.equal(
    code(s.take(both)),
    "exists",
    "in other batches too, where the end is a batch's end",
  );
  const forged = s.take({ ...two, entries: [entry(startTime + 1, 3)] });
  assert.equal(code(forged), "readings.exists-different");
  assert.equal(expected(forged), 3);
});

test("a batch that overlaps, leaves a gap or leaves the chain hears what comes next", () => {
  const s = site();
  const one = s.chain.batch(entry(startTime, 1), entry(startTime + 1, 1));
  s.take(one);
  const more = s.chain.batch(entry(startTime + 2, 2));
  const overlap = s.take({ ...one, entries: [...one.entries, ...more.entries] });
  assert.deepEqual([code(overlap), expected(overlap)], ["readings.overlap", 3]);
  const part = s.take({ ...one, entries: one.entries.slice(0, 1) });
  assert.deepEqual([code(part), expected(part)], ["readings.overlap", 3]);
  const late = s.chain.batch(entry(startTime + 3, 2));
  const gap = s.take(late);
  assert.deepEqual([code(gap), expected(gap)], ["readings.gap", 3]);
  const fork = s.take({ ...more, prev: one.prev });
  assert.deepEqual([code(fork), expected(fork)], ["readings.chain", 3]);
  assert.equal(code(s.take(more)), "ok");
  assert.equal(code(s.take(late)), "ok");
});

test("time goes forward, and not beyond the block's by more than five minutes", () => {
  const s = site();
  s.setTime(startTime + hour);
  const backward = s.chain.batch(entry(startTime + 5, 1), entry(startTime + 5, 1));
  const refused = s.take(backward);
  assert.deepEqual([code(refused), expected(refused)], ["readings.time-backward", 1]);
  const t = site();
  t.setTime(startTime);
  const future = t.chain.batch(entry(startTime + futureMsMax + 1, 1));
  assert.equal(code(t.take(future)), "readings.future");
  t.setTime(startTime + 1);
  assert.equal(code(t.take(future)), "ok", "the same batch is taken when its time has come");
});

test("a jump that no feeder could carry is on record and bills nobody", () => {
  const s = site();
  s.take(s.chain.batch(entry(startTime, 500)));
  assert.equal(code(s.take(s.chain.batch(entry(startTime + hour, 500 + 100_010_000)))), "ok");
  assert.equal(s.events.filter(({ type }) => type === "registers-restarted").length, 0);
  assert.equal(slot(s, 0)?.importWh, 100_010_000, "100 MW for an hour is just plausible");
  const torn = entry(startTime + 2 * hour, 9_000_000_000_000);
  assert.equal(code(s.take(s.chain.batch(torn))), "ok", "the chain of readings goes on");
  const [jump] = s.events.filter(({ type }) => type === "registers-restarted");
  assert.ok(jump?.type === "registers-restarted" && jump.quality === "implausible");
  assert.deepEqual(slot(s, 1), { importWh: 0, exportWh: 0, method: "reset" });
});

test("many small jumps are no more plausible than a large one", () => {
  const s = site();
  s.take(s.chain.batch(entry(startTime, 0)));
  for (let n = 1; n <= 40; n++) {
    const burst = entry(startTime + n, n * 10_000);
    assert.equal(code(s.take(s.chain.batch(burst))), "ok");
  }
  s.take(s.chain.batch(entry(startTime + hour, 400_000)));
  assert.ok((slot(s, 0)?.importWh ?? 0) <= 12_000, "one step of a coarse register, not forty");
});

test("a register that falls is refused unless it is said to begin anew", () => {
  const s = site();
  s.take(s.chain.batch(entry(startTime, 500, 7)));
  const before = { next: s.chain.next, head: s.chain.head };
  const fallen = s.chain.batch(entry(startTime + hour, 499, 7));
  assert.equal(code(s.take(fallen)), "readings.register-backward");
  Object.assign(s.chain, before);
  const reset = entry(startTime + 2 * hour + 1, 3, 0, { quality: quality.replaced });
  assert.equal(code(s.take(s.chain.batch(reset))), "ok");
  assert.equal(code(s.take(s.chain.batch(entry(startTime + 4 * hour, 13, 4)))), "ok");
  assert.equal(s.events.filter(({ type }) => type === "registers-restarted").length, 1);
  assert.deepEqual(slot(s, 0), { importWh: 0, exportWh: 0, method: "reset" });
  assert.deepEqual(slot(s, 2)?.method, "reset");
  assert.deepEqual(slot(s, 3)?.method, "interpolated");
  const state = meterStates.get(s.state, s.chain.meter);
  assert.deepEqual([state?.importWh, state?.exportWh], [510, 11], "energy goes on from before");
});

test("a boundary between two readings lies on their line, rounded down", () => {
  const s = site();
  const third = hour / 3;
  s.take(s.chain.batch(entry(startTime - third, 0, 0), entry(startTime + 2 * third, 5, 8)));
  const { method, gapMs, ...energy } =
    boundaries.get(s.state, boundaryId(s.chain.meter, startTime)) ?? {};
  assert.deepEqual([method, gapMs], ["interpolated", hour]);
  assert.deepEqual(energy, { importWh: 1, exportWh: 2, restarts: 0 });
});

test("a meter whose last and first registers are read in one instant loses nothing", () => {
  const s = site();
  s.take(s.chain.batch(entry(startTime, 0), entry(startTime + 10, 100)));
  const swap = entry(startTime + 10, 5000, 0, { quality: quality.replaced });
  assert.equal(code(s.take(s.chain.batch(swap, entry(startTime + hour, 5050)))), "ok");
  assert.deepEqual(slot(s, 0), { importWh: 150, exportWh: 0, method: "exact" });
});

test("a meter that was exchanged for one with fewer registers is counted from its first reading on", () => {
  const s = site();
  const only = (code: string, wh: number) => ({ registers: new Map([[code, [wh, 0] as const]]) });
  const taken = (time: number, wh: number, how: number = quality.measured) =>
    entry(time, 0, 0, { ...only(obis.importEnergy, wh), quality: how });
  const batch = s.chain.batch(
    entry(startTime, 1_000, 500),
    entry(startTime + hour, 1_040, 520),
    taken(startTime + hour, 7, quality.replaced),
    taken(startTime + 2 * hour, 37),
    // The export of the new one was only late: what it shows flowed at other times.
    entry(startTime + 3 * hour, 50, 3_000),
    entry(startTime + 4 * hour, 60, 3_011),
  );
  assert.equal(code(s.take(batch)), "ok");
  const slots = [0, 1, 2, 3].map((n) => slot(s, n));
  assert.deepEqual(
    slots.map((energy) => [energy?.importWh, energy?.exportWh]),
    [
      [40, 20],
      [30, 0],
      [13, 0],
      [10, 11],
    ],
  );
  const state = meterStates.get(s.state, s.chain.meter);
  assert.deepEqual([state?.importWh, state?.exportWh], [1_040 + 53, 520 + 11]);
});

test("a meter that was exchanged for one that shows more owes nothing of it", () => {
  const s = site();
  const before = { registers: new Map([[obis.importEnergy, [900, 0] as const]]) };
  const batch = s.chain.batch(
    entry(startTime, 0, 0, before),
    // A reading of the new one without any energy register settles nothing.
    entry(startTime + 1, 0, 0, { registers: new Map(), quality: quality.replaced }),
    entry(startTime + 2, 5_000, 70, { quality: quality.replaced }),
    entry(startTime + hour, 5_010, 71),
  );
  assert.equal(code(s.take(batch)), "ok");
  const state = meterStates.get(s.state, s.chain.meter);
  assert.deepEqual([state?.importWh, state?.exportWh], [910, 1]);
});

test("a register that cannot be is refused", () => {
  const strange = (mantissa: number, exponent: number): ReadingEntry => ({
    ...entry(startTime, 0),
    registers: new Map([[obis.importEnergy, [mantissa, exponent]]]),
  });
  for (const [mantissa, exponent] of [
    [-1, 0],
    [20_000, 9],
    [Number.MAX_SAFE_INTEGER, 9],
  ] as const) {
    const s = site();
    assert.equal(code(s.take(s.chain.batch(strange(mantissa, exponent)))), "readings.register");
  }
  const s = site();
  assert.equal(code(s.take(s.chain.batch(strange(123_456, -3)))), "ok");
  assert.equal(meterStates.get(s.state, s.chain.meter)?.importWh, 123, "Wh are rounded down");
});

test("a register that did not answer is no zero, and a gap entry says nothing of energy", () => {
  const s = site();
  const gap = entry(startTime + hour, 0, 0, { quality: quality.gap, registers: new Map() });
  const half = entry(startTime + hour + 1, 120, 0, {
    registers: new Map([[obis.importEnergy, [120, 0]]]),
  });
  const batch = s.chain.batch(
    entry(startTime, 100, 10),
    gap,
    half,
    entry(startTime + 2 * hour, 140, 30),
  );
  assert.equal(code(s.take(batch)), "ok");
  assert.deepEqual(slot(s, 0), { importWh: 20, exportWh: 10, method: "interpolated" });
  assert.deepEqual(slot(s, 1), { importWh: 20, exportWh: 10, method: "interpolated" });
});

test("a gap is shared out over the slots that are kept, what flowed before is unallocated, and a batch covers 31 days", () => {
  const s = site();
  s.take(s.chain.batch(entry(startTime, 0)));
  // Ten slots' energy lies before the first that is kept.
  const later = startTime + boundaryKeepMs + 10 * hour;
  const slots = boundaryKeepMs / hour + 10;
  s.setTime(later);
  assert.equal(code(s.take(s.chain.batch(entry(later, 9 * slots, slots)))), "ok");
  for (const n of [0, 9]) assert.equal(slot(s, n), undefined);
  for (const n of [10, slots - 1]) {
    assert.deepEqual(slot(s, n), { importWh: 9, exportWh: 1, method: "interpolated" });
  }
  const lost = s.events.find(({ type }) => type === "energy-unallocated");
  assert.deepEqual(lost, {
    type: "energy-unallocated",
    meter: s.chain.meter,
    owner: "user-a",
    from: startTime,
    to: startTime + 10 * hour,
    importWh: 90,
    exportWh: 10,
  });
  const [end, far] = [later + 1, later + 2 + gapMsMax].map((time) => entry(time, 9 * slots, slots));
  assert.ok(end && far);
  const wide = s.chain.batch(end, far);
  assert.equal(code(s.take(wide)), "readings.span");
});

test("boundaries are forgotten after two months, and none before", () => {
  const s = site();
  const day = 24 * hour;
  for (let n = 0; n * day <= boundaryKeepMs + 3 * day; n++) {
    s.setTime(startTime + n * day);
    assert.equal(code(s.take(s.chain.batch(entry(startTime + n * day, n * 24)))), "ok");
  }
  const times = [...boundaries.scan(s.state, `${s.chain.meter}/`)].map(([id]) =>
    Number(id.split("/")[1]),
  );
  const newest = Math.max(...times);
  assert.equal(Math.min(...times), newest - boundaryKeepMs);
  assert.equal(times.length, boundaryKeepMs / hour + 1);
  assert.ok(boundaries.get(s.state, boundaryId(s.chain.meter, newest)));
});

/** Steps of a meter: how long, how much, and whether its registers begin anew. */
const steps = fc.array(
  fc.record({
    ms: fc.integer({ min: 1, max: 5 * hour }),
    importWh: fc.nat(5000),
    exportWh: fc.nat(5000),
    restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 40 },
);

test("slots add up to the difference of the registers exactly, and none is negative", () => {
  fc.assert(
    fc.property(steps, fc.nat(2 * hour), fc.integer({ min: 1, max: 9 }), (list, offset, size) => {
      const s = site();
      let [time, a, b] = [startTime + offset, 700, 0];
      const entries = [entry(time, a, b)];
      for (const { ms, importWh, exportWh, restart } of list) {
        time += ms;
        a = restart ? importWh : a + importWh;
        b = restart ? exportWh : b + exportWh;
        entries.push(entry(time, a, b, { quality: restart ? quality.reset : quality.measured }));
      }
      for (let i = 0; i < entries.length; i += size) {
        assert.equal(code(s.take(s.chain.batch(...entries.slice(i, i + size)))), "ok");
      }
      const first = Math.ceil((startTime + offset) / hour) * hour;
      const count = Math.floor((time - first) / hour);
      if (count < 1) return;
      const history = slotHistory(s.state, s.chain.meter, utcMs(first), { count, slotMs: hour });
      const at = (t: number) => boundaries.get(s.state, boundaryId(s.chain.meter, t));
      const [from, to] = [at(first), at(first + count * hour)];
      assert.ok(from && to);
      let [sumImport, sumExport] = [0, 0];
      for (const energy of history) {
        assert.ok(energy, "no slot between two readings is unknown");
        assert.ok(energy.importWh >= 0 && energy.exportWh >= 0);
        sumImport += energy.importWh;
        sumExport += energy.exportWh;
      }
      assert.deepEqual(
        [sumImport, sumExport],
        [to.importWh - from.importWh, to.exportWh - from.exportWh],
      );
      const state = meterStates.get(s.state, s.chain.meter);
      const flowed = list.filter(({ restart }) => !restart);
      assert.equal(state?.importWh, 700 + flowed.reduce((sum, step) => sum + step.importWh, 0));
    }),
  );
});

test("how readings are cut into batches changes no boundary", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 41 }), (list, size) => {
      const run = (chunk: number) => {
        const s = site();
        let [time, a] = [startTime as number, 0];
        const entries = list.map(({ ms, importWh }) => {
          time += ms;
          a += importWh;
          return entry(time, a);
        });
        for (let i = 0; i < entries.length; i += chunk)
          s.take(s.chain.batch(...entries.slice(i, i + chunk)));
        return [...boundaries.scan(s.state)];
      };
      assert.deepEqual(run(size), run(1));
    }),
    { numRuns: 40 },
  );
});

test("readings of long ago make the ledger write no boundary that nobody would look at", () => {
  const s = site();
  const month = 31 * 24 * hour;
  const now = startTime + 1000 * 24 * hour;
  s.setTime(now);
  for (let n = 0, time = hour; time < now; n++, time += month) {
    assert.equal(code(s.take(s.chain.batch(entry(time, n)))), "ok");
  }
  const kept = [...boundaries.scan(s.state)].map(([id]) => Number(id.split("/")[1]));
  assert.ok(kept.length > 0 && kept.every((time) => time >= now - boundaryKeepMs));
  assert.ok(kept.length <= boundaryKeepMs / hour + 1);
});
