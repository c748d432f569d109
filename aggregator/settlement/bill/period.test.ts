import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimeZone, type TimeZone } from "@busbar/protocol";
import { daysOf, localTime, monthPeriod } from "./period.ts";

const hour = 3_600_000;

function zone(text: string): TimeZone {
  const parsed = parseTimeZone(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
const shanghai = zone("CST-8");

test("a month has the days of the site's clock, of 23 and 25 hours where it is turned", () => {
  for (const [text, at, days, hours, odd] of [
    ["2026-03", berlin, 31, 743, "2026-03-29 23"],
    ["2026-10", berlin, 31, 745, "2026-10-25 25"],
    ["2026-03", shanghai, 31, 744, undefined],
    ["2028-02", berlin, 29, 696, undefined],
    ["2026-12", shanghai, 31, 744, undefined],
  ] as const) {
    const period = monthPeriod(text, at);
    assert.ok(period !== undefined);
    const list = daysOf(period, at);
    assert.equal(list.length, days, text);
    assert.equal((period.to - period.from) / hour, hours, text);
    assert.deepEqual([list[0]?.from, list.at(-1)?.to], [period.from, period.to]);
    assert.equal(list[0]?.date, `${text}-01`);
    const turned = list.find((day) => day.hours !== 24);
    assert.equal(turned && `${turned.date} ${turned.hours}`, odd);
  }
});

test("each month begins where the one before ends, also over the year's", () => {
  for (const at of [berlin, shanghai, zone("EST5EDT,M3.2.0,M11.1.0"), zone("IST-5:30")]) {
    let end: number | undefined;
    for (let n = 0; n < 40; n++) {
      const text = `${2025 + Math.floor(n / 12)}-${String((n % 12) + 1).padStart(2, "0")}`;
      const period = monthPeriod(text, at);
      assert.ok(period !== undefined);
      if (end !== undefined) assert.equal(period.from, end, text);
      end = period.to;
    }
  }
});

test("the hour that comes twice is told apart by its offset", () => {
  const twice = Date.UTC(2026, 9, 25, 0, 15);
  assert.equal(localTime(twice, berlin), "2026-10-25 02:15 +02:00");
  assert.equal(localTime(twice + hour, berlin), "2026-10-25 02:15 +01:00");
  assert.equal(localTime(0, zone("EST5")), "1969-12-31 19:00 -05:00");
});

test("what names no month is none", () => {
  for (const text of [
    "",
    "2026",
    "2026-00",
    "2026-13",
    "2026-3",
    "2026-03-01",
    "1970-01",
    "März",
  ]) {
    assert.equal(monthPeriod(text, berlin), undefined, text);
  }
});
