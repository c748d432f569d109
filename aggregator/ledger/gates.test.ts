import assert from "node:assert/strict";
import { test } from "node:test";
import type { Gate } from "@busbar/protocol";
import fc from "fast-check";
import { usualGates, whyNotGates } from "./gates.ts";
import { whyNotParameters } from "./genesis.ts";
import { timetable } from "./rules/market/timetable.ts";
import { testGenesis } from "./test-site.ts";

const { parameters } = testGenesis();
const minute = 60_000;
const hour = 60 * minute;
const [dayAhead, intraday, realTime] = usualGates(60) as [Gate, Gate, Gate];

test("slots of an hour, half, a quarter and a twelfth of it all pass the usual gates", () => {
  for (const slotMinutes of [60, 30, 15, 5]) {
    const gates = usualGates(slotMinutes);
    assert.equal(whyNotGates(gates, { slotMinutes }), undefined);
    assert.equal(whyNotParameters({ ...parameters, slotMinutes, gates }), undefined);
  }
});

const wrong: readonly (readonly [string, readonly Gate[], RegExp])[] = [
  ["that close before they open", [{ ...realTime, openMinutesBefore: 20 }], /openMinutesBefore >/],
  ["that clear as they close", [{ ...realTime, clearMinutesBefore: 20 }], /> clearMinutesBefore/],
  ["for part of a slot", [{ ...realTime, periodMinutes: 30 }], /whole slots of 60 minutes/],
  ["for periods that no day has evenly", [{ ...realTime, periodMinutes: 420 }], /share a day/],
  ["whose rounds overlap", [{ ...intraday, everyMinutes: 30 }], /everyMinutes: .*at least 55/],
  ["of one round that comes again", [{ ...realTime, everyMinutes: 60 }], /expected 0 where/],
  ["in the wrong order", [realTime, dayAhead], /gates\.1 \(day-ahead\).*cleared at least/],
  [
    "that begin before the one before is over",
    [intraday, { ...realTime, openMinutesBefore: 61 }],
    /at least 61/,
  ],
  ["that open days before", [{ ...dayAhead, rounds: 3, everyMinutes: 1000 }], /at most 2880/],
  [
    "of which a slot would pass a hundred",
    Array.from({ length: 5 }, () => ({ ...intraday, rounds: 20 })),
    /at most 32/,
  ],
];
for (const [name, gates, message] of wrong) {
  test(`gates ${name} are refused`, () => {
    const why = whyNotGates(gates, { slotMinutes: 60 });
    assert.match(why ?? "", message);
    assert.ok(whyNotParameters({ ...parameters, gates }) !== undefined);
  });
}

const gate = fc
  .record({
    scale: fc.constantFrom("day-ahead" as const, "intraday" as const, "real-time" as const),
    periodMinutes: fc.constantFrom(5, 15, 30, 60, 120, 360, 1440),
    clearMinutesBefore: fc.nat(1000),
    reveal: fc.integer({ min: 1, max: 60 }),
    quoting: fc.integer({ min: 1, max: 120 }),
    rounds: fc.integer({ min: 1, max: 4 }),
    pause: fc.nat(60),
  })
  .map(({ reveal, quoting, pause, ...rest }): Gate => {
    const gateMinutesBefore = rest.clearMinutesBefore + reveal;
    const openMinutesBefore = gateMinutesBefore + quoting;
    const everyMinutes = rest.rounds === 1 ? 0 : reveal + quoting + pause;
    return { ...rest, gateMinutesBefore, openMinutesBefore, everyMinutes };
  });

test("whatever gates are taken, no slot of any length is at two of them at once, also on days of 23 and 25 hours", () => {
  const days = [Date.UTC(2026, 2, 28), Date.UTC(2026, 9, 24), Date.UTC(2026, 5, 1)];
  let taken = 0;
  fc.assert(
    fc.property(
      fc.array(gate, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(60, 30, 15, 5),
      fc.constantFrom("UTC0", "CST-8", "IST-5:30", "CET-1CEST,M3.5.0,M10.5.0/3"),
      fc.constantFrom(...days),
      fc.nat(600),
      (unsorted, slotMinutes, timeZone, day, number) => {
        const gates = unsorted.toSorted((a, b) => b.clearMinutesBefore - a.clearMinutesBefore);
        if (whyNotGates(gates, { slotMinutes }) !== undefined) return;
        taken += 1;
        const slot = day + number * slotMinutes * minute;
        const own = { ...parameters, slotMinutes, gates, timeZone };
        const { passes, start } = timetable(slot as never, own);
        for (const [i, { opening, gate: closes, clearing }] of passes.entries()) {
          assert.ok(opening < closes && closes < clearing && clearing <= start);
          const next = passes[i + 1];
          if (next !== undefined) assert.ok(clearing <= next.opening, `${i} of ${start}`);
        }
      },
    ),
    { numRuns: 3_000, seed: 7 },
  );
  assert.ok(taken > 100, `${taken} were taken`);
});

test("a day-ahead gate closes once for a local day: 23 slots of an hour, or 25, where clocks are turned", () => {
  const own = { ...parameters, gates: usualGates(60), timeZone: "CET-1CEST,M3.5.0,M10.5.0/3" };
  const slotsOf = (from: number) => {
    const counts = new Map<number, number>();
    for (let slot = from; slot < from + 72 * hour; slot += hour) {
      const [first] = timetable(slot as never, own).passes;
      counts.set(first?.gate ?? 0, (counts.get(first?.gate ?? 0) ?? 0) + 1);
    }
    return counts;
  };
  // Noon in winter is 11:00 UTC; the gate of the day on which clocks go forward is the day before's.
  const spring = slotsOf(Date.UTC(2026, 2, 27, 23));
  assert.equal(spring.get(Date.UTC(2026, 2, 28, 11)), 23);
  const autumn = slotsOf(Date.UTC(2026, 9, 23, 22));
  assert.equal(autumn.get(Date.UTC(2026, 9, 24, 10)), 25);
});
