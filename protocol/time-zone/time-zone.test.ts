import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { daysFromDate, weekdayOf, yearOfDay } from "./calendar.ts";
import { localDayStart, parseTimeZone, type TimeZone, utcOffsetMs } from "./time-zone.ts";

const hour = 3_600_000;
const day = 24 * hour;
const utc = Date.UTC;

function zone(text: string): TimeZone {
  const parsed = parseTimeZone(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

/** Local time minus UTC by the platform's tables. */
function platformOffset(place: string, time: number): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: place,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(time);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const local = utc(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return local - Math.floor(time / 1000) * 1000;
}

const places = [
  ["UTC0", "UTC"],
  ["CST-8", "Asia/Shanghai"],
  ["IST-5:30", "Asia/Kolkata"],
  ["CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin"],
  ["GMT0BST,M3.5.0/1,M10.5.0", "Europe/London"],
  ["EST5EDT,M3.2.0,M11.1.0", "America/New_York"],
  ["AEST-10AEDT,M10.1.0,M4.1.0/3", "Australia/Sydney"],
  ["<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "Australia/Lord_Howe"],
] as const;

test("a zone's text gives the offset that the platform's tables give its place", () => {
  const [from, to] = [utc(2015, 0, 1), utc(2032, 0, 1)];
  for (const [text, place] of places) {
    const parsed = zone(text);
    for (let time = from; time < to; time += 5 * day + 7 * hour) {
      assert.equal(utcOffsetMs(parsed, time), platformOffset(place, time), `${place} ${time}`);
    }
  }
});

test("clocks are turned in the very millisecond", () => {
  const berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  for (const [at, before, after] of [
    [utc(2026, 2, 29, 1), hour, 2 * hour],
    [utc(2026, 9, 25, 1), 2 * hour, hour],
  ] as const) {
    assert.equal(utcOffsetMs(berlin, at - 1), before);
    assert.equal(utcOffsetMs(berlin, at), after);
  }
});

test("a day has 24 hours, 23 where clocks go forward and 25 where they go back", () => {
  const berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const lengthOf = (inside: number) => {
    const start = localDayStart(berlin, inside);
    return (localDayStart(berlin, start + 26 * hour) - start) / hour;
  };
  assert.equal(lengthOf(utc(2026, 2, 28, 12)), 24);
  assert.equal(lengthOf(utc(2026, 2, 29, 12)), 23);
  assert.equal(lengthOf(utc(2026, 9, 25, 12)), 25);
  assert.equal(localDayStart(berlin, utc(2026, 2, 29, 12)), utc(2026, 2, 28, 23));
  assert.equal(localDayStart(berlin, utc(2026, 9, 25, 12)), utc(2026, 9, 24, 22));
});

test("every instant lies in one day, of 22 to 26 hours, also where clocks are turned at midnight", () => {
  const midnight = "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1";
  const texts = [...places.map(([text]) => text), midnight, "EET-2EEST,M3.5.0/0,M10.5.0/0"];
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.integer({ min: 0, max: utc(2100, 0, 1) }),
      (text, time) => {
        const parsed = zone(text);
        const start = localDayStart(parsed, time);
        assert.ok(start <= time && time - start < 25 * hour, `${text} ${time}`);
        assert.equal(localDayStart(parsed, start), start);
      },
    ),
  );
});

test("dates count as the platform's do", () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 100_000 }), (days) => {
      const date = new Date(days * day);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
      assert.equal(daysFromDate({ year, month, day: date.getUTCDate() }), days);
      assert.equal(yearOfDay(days), year);
      assert.equal(weekdayOf(days), date.getUTCDay());
    }),
  );
});

test("what is no zone in this form is none, and nothing throws", () => {
  for (const text of [
    "",
    "Europe/Berlin",
    "CET",
    "CET-1CEST",
    "CET-1CEST,J60,J300",
    "CET-1CEST,M13.5.0,M10.5.0",
    "CET-1CEST,M3.6.0,M10.5.0",
    "CET-1CEST,M3.5.7,M10.5.0",
    "CET-1CEST,M3.5.0/200,M10.5.0",
    "UTC+99",
    `${"A".repeat(60)}0000`,
    "UTC0 ",
    "UTC0\n",
  ]) {
    assert.equal(parseTimeZone(text), undefined, text);
  }
  fc.assert(fc.property(fc.string(), (text) => void parseTimeZone(text)));
});
