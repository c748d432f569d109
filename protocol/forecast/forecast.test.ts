import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseTimeZone, utcOffsetMs } from "../time-zone/time-zone.ts";
import { forecast, models, type Outlook } from "./forecast.ts";
import { persistence, smoothing } from "./models.ts";
import { listOfDays } from "./neighbours.ts";
import { Past, type Series, targetsMax } from "./series.ts";
import { drawsOf, firstDay, house, wind } from "./test-series.ts";

const hour = 3_600_000;
const day = 24 * hour;

/** The next day, forecast at noon. */
function askAt(days: number, more = {}) {
  const now = firstDay + days * day + 12 * hour;
  return { now, from: firstDay + (days + 1) * day, count: 24, ...more };
}

function must(outlooks: readonly Outlook[] | undefined): readonly Outlook[] {
  assert.ok(outlooks !== undefined);
  return outlooks;
}

test("what comes after `now` never reaches a forecast: shuffled, changed or cut off, nothing changes", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.nat(23),
      fc.nat(1_000),
      fc.constantFrom(hour, hour / 4),
      (days, at, seed, slotMs) => {
        const series = house(45, { seed: 3, slotMs });
        const now = firstDay + days * day + at * hour + 7 * 60_000;
        const from = Math.ceil(now / slotMs) * slotMs;
        const ask = { now, from, count: 30 };
        const ended = Math.floor((now - firstDay) / slotMs);
        const draw = drawsOf(seed);
        const other = series.netWh.map((value, i) => (i < ended ? value : 9e6 * (draw() - 0.5)));
        const shuffled = series.netWh.slice();
        shuffled.set(shuffled.slice(ended).reverse(), ended);
        const expected = forecast(series, ask);
        for (const netWh of [other, shuffled, series.netWh.slice(0, ended)]) {
          assert.deepEqual(forecast({ ...series, netWh }, ask), expected);
        }
      },
    ),
    { numRuns: 20, seed: 5 },
  );
});

test("no model looks beyond the origin that it is asked from, also when it is tried out", () => {
  const series = house(26);
  const ask = askAt(25);
  const past = new Past(series, ask);
  // Beyond a day, too: the same time a day before such a slot comes after the origin.
  const leads = [0, 5, 12, 24, 30, 47, 60];
  for (const [name, model] of Object.entries(models)) {
    for (let days = 1; days <= 12; days += 1) {
      const early = past.origin - days * 24;
      const rows = model({ past, origins: [early, past.origin], leads }, listOfDays);
      const now = past.timeOf(early);
      const cut = new Past(series, { ...ask, now, from: now });
      const alone = model({ past: cut, origins: [cut.origin], leads }, listOfDays);
      assert.deepEqual(rows[0], alone[0], `${name}, ${days} days ago`);
    }
  }
});

test("each model with seasons, and the mix the most, is better than persistence on meters with days and weather", () => {
  let [mixed, still] = [0, 0];
  const alone = new Map(Object.keys(models).map((name) => [name, 0]));
  for (let seed = 1; seed <= 6; seed += 1) {
    const series = house(50, { seed });
    for (let days = 30; days < 48; days += 3) {
      const ask = askAt(days);
      const past = new Past(series, ask);
      const at = (ask.from - firstDay) / hour;
      const truth = (i: number) => series.netWh[at + i] ?? 0;
      must(forecast(series, ask)).forEach(({ p50 }, i) => {
        mixed += Math.abs(p50 - truth(i));
      });
      const leads = Array.from({ length: 24 }, (_, i) => 12 + i);
      const asked = { past, origins: [past.origin], leads };
      for (const [name, model] of Object.entries(models)) {
        const [row = []] = model(asked, listOfDays);
        const error = [...row].reduce((sum, value, i) => sum + Math.abs(value - truth(i)), 0);
        alone.set(name, (alone.get(name) ?? 0) + error);
      }
      const [row = []] = persistence(asked, listOfDays);
      still += [...row].reduce((sum, value, i) => sum + Math.abs(value - truth(i)), 0);
    }
  }
  for (const name of ["persistence", "drift"]) alone.delete(name);
  for (const [name, error] of alone) assert.ok(error < 0.6 * still, `${name}: ${error / still}`);
  const best = Math.min(...alone.values());
  assert.ok(mixed <= 1.02 * best, `mix ${mixed}, best alone ${best}`);
});

test("wind, whose changes go on for a while, is forecast better than by persistence an hour or two ahead", () => {
  for (const lead of [0, 1]) {
    let [mixed, still] = [0, 0];
    for (const seed of [1, 2]) {
      const series = wind(8, seed);
      for (let at = 2 * 24; at < 8 * 24 - lead; at += 2) {
        const now = firstDay + at * hour;
        const [next] = must(forecast(series, { now, from: now + lead * hour, count: 1 }));
        const truth = series.netWh[at + lead] ?? 0;
        mixed += Math.abs((next?.p50 ?? 0) - truth);
        still += Math.abs((series.netWh[at - 1] ?? 0) - truth);
      }
    }
    assert.ok(mixed < 0.99 * still, `${lead}: ${mixed / still}`);
  }
});

test("what was never below 0 is not said to be: a plant by night, and in a band around it", () => {
  const sun = house(20).netWh.map((value) => Math.max(0, value));
  const outlooks = must(forecast({ slotMs: hour, start: firstDay, netWh: sun }, askAt(18)));
  assert.ok(outlooks.every(({ p10, p50 }) => p10 >= 0 && p50 >= 0));
  assert.ok(outlooks.some(({ p10, p90 }) => p10 > 0 && p90 > p10));
  const load = sun.map((value) => 0 - value);
  const other = must(forecast({ slotMs: hour, start: firstDay, netWh: load }, askAt(18)));
  assert.ok(other.every(({ p90 }) => p90 <= 0));
  // Hours of a first night say nothing of the day.
  const night = new Float64Array(5).fill(-300);
  const ask = { now: firstDay + 5 * hour, from: firstDay + 5 * hour, count: 1 };
  const [first] = must(forecast({ slotMs: hour, start: firstDay, netWh: night }, ask));
  assert.deepEqual(first, { p10: -450, p50: -300, p90: -150 });
});

test("about eight of ten values lie between P10 and P90, which never cross P50", () => {
  let [inside, below, all] = [0, 0, 0];
  for (let seed = 10; seed < 16; seed += 1) {
    const series = house(60, { seed });
    for (let days = 30; days < 58; days += 2) {
      const ask = askAt(days);
      must(forecast(series, ask)).forEach(({ p10, p50, p90 }, i) => {
        assert.ok(p10 <= p50 && p50 <= p90);
        const truth = series.netWh[(ask.from - firstDay) / hour + i] ?? 0;
        all += 1;
        if (truth >= p10 && truth <= p90) inside += 1;
        if (truth < p50) below += 1;
      });
    }
  }
  assert.ok(inside / all > 0.7 && inside / all < 0.92, `${inside / all} inside`);
  assert.ok(below / all > 0.35 && below / all < 0.65, `${below / all} below P50`);
});

test("after a few days the band is wider than their errors, which are alike", () => {
  let [inside, all] = [0, 0];
  for (let seed = 1; seed <= 40; seed += 1) {
    const series = house(8, { seed });
    for (const days of [3, 4, 5, 6]) {
      const ask = askAt(days);
      must(forecast(series, ask)).forEach(({ p10, p90 }, i) => {
        const truth = series.netWh[(ask.from - firstDay) / hour + i] ?? 0;
        all += 1;
        if (truth >= p10 && truth <= p90) inside += 1;
      });
    }
  }
  // 0.60; 0.47 if it were as wide as after many days.
  assert.ok(inside / all > 0.55, `${inside / all} inside`);
});

test("gaps and late readings cost accuracy, never an answer", () => {
  const whole = house(40);
  const draw = drawsOf(8);
  const gappy = whole.netWh.map((value) => (draw() < 0.3 ? Number.NaN : value));
  // The newest half day is late.
  const late = whole.netWh.map((value, i) => (i > 35 * 24 ? Number.NaN : value));
  const ask = askAt(35);
  const error = (netWh: Float64Array) => {
    const outlooks = must(forecast({ ...whole, netWh }, ask));
    return outlooks.reduce((sum, { p50 }, i) => {
      const truth = whole.netWh[(ask.from - firstDay) / hour + i] ?? 0;
      return sum + Math.abs(p50 - truth);
    }, 0);
  };
  const usual = error(whole.netWh);
  for (const netWh of [gappy, late]) assert.ok(error(netWh) < 2 * usual + 2_000);
});

test("smoothing lets its last error fade over a gap", () => {
  const netWh = new Float64Array(12 * 24).fill(1_000);
  const odd = 10 * 24;
  netWh[odd] = 5_000;
  netWh.fill(Number.NaN, odd + 1, odd + 13);
  const series = { slotMs: hour, start: firstDay, netWh };
  const past = new Past(series, { ...askAt(12), now: firstDay + 12 * day });
  const asked = { past, origins: [odd + 1, odd + 13], leads: [0] };
  const [atOnce, after] = smoothing(asked, listOfDays);
  assert.ok((atOnce?.[0] ?? 0) > 4_000, `${atOnce?.[0]} after the odd slot`);
  assert.ok((after?.[0] ?? 9e9) < 2_200, `${after?.[0]} twelve unknown slots later`);
});

test("with little history the last slot that is known speaks, and with none nobody does", () => {
  const series = house(30);
  const few = { ...series, netWh: Float64Array.of(500, 700, Number.NaN) };
  const now = firstDay + 3 * hour;
  const [next] = must(forecast(few, { now, from: now, count: 1 }));
  assert.deepEqual(next, { p10: 350, p50: 700, p90: 1_050 });
  const none = { ...series, netWh: new Float64Array(100).fill(Number.NaN) };
  assert.equal(forecast(none, { now, from: now, count: 3 }), undefined);
  assert.equal(
    forecast({ ...series, netWh: new Float64Array() }, { now, from: now, count: 3 }),
    undefined,
  );
  // What ended months ago says nothing of today.
  const later = firstDay + 400 * day;
  assert.equal(forecast(series, { now: later, from: later, count: 3 }), undefined);
});

test("room before the first known slot changes nothing", () => {
  const series = house(12);
  const room = 31 * 24;
  const netWh = new Float64Array(room + series.netWh.length).fill(Number.NaN);
  netWh.set(series.netWh, room);
  const ask = askAt(11);
  const padded = { ...series, start: firstDay - room * hour, netWh };
  assert.deepEqual(forecast(padded, ask), forecast(series, ask));
});

test("habits follow the clock on the wall when it is turned", () => {
  const zone = parseTimeZone("CET-1CEST,M3.5.0,M10.5.0/3");
  assert.ok(zone !== undefined);
  const offsetMs = (time: number) => utcOffsetMs(zone, time);
  const start = Date.UTC(2026, 2, 1);
  // Somebody cooks at seven in the evening, by the clock.
  const netWh = Float64Array.from({ length: 40 * 24 }, (_, i) => {
    const local = (start + i * hour + offsetMs(start + i * hour)) / hour;
    return local % 24 === 19 ? -2_000 : -100;
  });
  const now = Date.UTC(2026, 2, 29, 12);
  const ask = { now, from: Date.UTC(2026, 2, 29, 15), count: 5, offsetMs };
  const said = must(forecast({ slotMs: hour, start, netWh }, ask)).map(({ p50 }) => p50);
  assert.ok((said[2] ?? 0) < -1_500, `17:00 UTC is 19:00: ${said}`);
  assert.ok((said[3] ?? 0) > -500, `18:00 UTC was 19:00 in winter: ${said}`);
});

test("any history in which anything is known gives finite whole numbers, and no history throws", () => {
  const value = fc.oneof(
    fc.constant(Number.NaN),
    fc.integer({ min: -1e9, max: 1e9 }),
    fc.double({ min: -1e12, max: 1e12, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 200 }), fc.nat(300), (values, at) => {
      const now = firstDay + at * hour;
      const outlooks = forecast(
        { slotMs: hour, start: firstDay, netWh: Float64Array.from(values) },
        { now, from: now + 5 * hour, count: 7 },
      );
      for (const { p10, p50, p90 } of outlooks ?? []) {
        assert.ok([p10, p50, p90].every(Number.isInteger) && p10 <= p50 && p50 <= p90);
        assert.ok(!Object.is(p50, -0) && !Object.is(p10, -0) && !Object.is(p90, -0));
      }
    }),
  );
});

test("a question that makes no sense is refused", () => {
  const series = house(10);
  const ask = askAt(5);
  const refused = (other: Partial<Series>, more: object) =>
    assert.throws(() => forecast({ ...series, ...other }, { ...ask, ...more }), RangeError);
  refused({ slotMs: 7_000_001 }, {});
  refused({ slotMs: 0 }, {});
  refused({}, { from: ask.from + 1 });
  refused({}, { from: ask.now - 5 * hour });
  refused({}, { count: 0 });
  refused({}, { count: targetsMax + 1 });
  refused({}, { now: Number.NaN });
  refused({ netWh: Float64Array.of(1, Number.POSITIVE_INFINITY) }, {});
});
