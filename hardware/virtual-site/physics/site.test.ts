import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPlace, type Flows, makeSite, peakWatts, stepMs } from "./site.ts";
import { sunPosition } from "./sun.ts";

const start = Date.UTC(2026, 0, 1) / stepMs;
const stepsPerYear = 365 * 1440;
/** Every seventh minute of a year: no hour of the day is preferred. */
const sampled = Array.from({ length: Math.floor(stepsPerYear / 7) }, (_, i) => start + i * 7);

function yearMwh(site: (step: number) => Flows, of: (flows: Flows) => number): number {
  const mean = sampled.reduce((sum, step) => sum + of(site(step)), 0) / sampled.length;
  return (mean * 8760) / 1e6;
}

test("no power comes from the sun at night, and no flow leaves its range at any time", () => {
  const site = makeSite(1, defaultPlace);
  for (const step of sampled) {
    const flows = site(step);
    for (const key of ["pv", "wind", "ownLoad", "user1", "user2"] as const) {
      assert(Number.isInteger(flows[key]) && flows[key] >= 0 && flows[key] <= peakWatts[key]);
    }
    const { cosZenith } = sunPosition((step + 0.5) * stepMs, defaultPlace);
    if (cosZenith < 0) assert.equal(flows.pv, 0);
  }
});

test("a year's yields are those of such plants at such a place, for any seed", () => {
  for (const seed of [1, 2, 3]) {
    const site = makeSite(seed, defaultPlace);
    const perKilowatt = (yearMwh(site, ({ pv }) => pv) * 1000) / (peakWatts.pv / 1000);
    assert(perKilowatt > 1000 && perKilowatt < 1350, `${perKilowatt} kWh/kW of sun`);
    const capacity = yearMwh(site, ({ wind }) => wind) / ((peakWatts.wind * 8760) / 1e6);
    assert(capacity > 0.18 && capacity < 0.35, `wind at ${capacity} of its rating`);
  }
});

test("the market sees all three situations: the company short, long for some users, long for all", () => {
  const site = makeSite(1, defaultPlace);
  const counts = { short: 0, some: 0, all: 0 };
  for (const step of sampled) {
    const { pv, wind, ownLoad, user1, user2 } = site(step);
    const surplus = pv + wind - ownLoad;
    counts[surplus < 0 ? "short" : surplus < user1 + user2 ? "some" : "all"]++;
  }
  for (const count of Object.values(counts)) assert(count / sampled.length > 0.08);
});

test("works rest at the weekend and homes peak in the evening, by the place's own clock", () => {
  const site = makeSite(1, defaultPlace);
  const meanAt = (hour: number, weekend: boolean, of: (flows: Flows) => number) => {
    const days = Array.from({ length: 364 }, (_, day) => day).filter(
      // 2026-01-01 was a Thursday.
      (day) => [2, 3].includes(day % 7) === weekend,
    );
    const localStep = (day: number) => start + day * 1440 + (hour - 8) * 60;
    return days.reduce((sum, day) => sum + of(site(localStep(day))), 0) / days.length;
  };
  const own = ({ ownLoad }: Flows) => ownLoad;
  assert(meanAt(14, false, own) > 1.5 * meanAt(14, true, own));
  const homes = ({ user1 }: Flows) => user1;
  assert(meanAt(20, false, homes) > 1.8 * meanAt(3, false, homes));
});
