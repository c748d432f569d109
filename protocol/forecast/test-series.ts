import type { Series } from "./series.ts";

/** Made-up meters for the tests of forecasts: sun by day, people in the morning and evening, weather. */

const hourMs = 3_600_000;
/** 2026-06-01T00:00:00Z, a Monday. */
export const firstDay = Date.UTC(2026, 5, 1);

/** Numbers in [0, 1) from a seed (an LCG's upper bits): the same in every run. */
export function drawsOf(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** A wind farm of 800 kW: its changes go on for a while, and it comes back to its mean in a day or so. */
export function wind(days: number, seed: number): Series {
  const draw = drawsOf(seed);
  const netWh = new Float64Array(days * 24);
  let [level, change] = [0, 0];
  for (let i = 0; i < netWh.length; i += 1) {
    change = 0.5 * change + 0.5 * (draw() + draw() + draw() - 1.5) - 0.02 * level;
    level += change;
    netWh[i] = Math.round(1000 * Math.max(0, Math.min(800, 300 + 150 * level)));
  }
  return { slotMs: hourMs, start: firstDay, netWh };
}

/** A house with a roof: net energy given to the feeder, with cloudy days and free weekends. */
export function house(days: number, { seed = 1, slotMs = hourMs } = {}): Series {
  const draw = drawsOf(seed);
  const perDay = (24 * hourMs) / slotMs;
  const netWh = new Float64Array(days * perDay);
  let cloud = 0.5;
  for (let i = 0; i < netWh.length; i += 1) {
    if (i % perDay === 0) cloud = 0.6 * cloud + 0.4 * draw();
    const hour = ((i % perDay) * 24) / perDay;
    const sun = Math.max(0, 1 - ((hour - 12.5) / 6.5) ** 2) * (1 - 0.7 * cloud);
    const weekend = Math.floor(i / perDay) % 7 >= 5 ? 1.4 : 1;
    const people =
      (0.3 + (hour > 6 && hour < 9 ? 0.5 : 0) + (hour > 17 && hour < 22 ? 0.8 : 0)) * weekend;
    const noise = 0.1 * (draw() + draw() - 1);
    netWh[i] = Math.round(((4_000 * sun - 1_200 * people + 900 * noise) * slotMs) / hourMs);
  }
  return { slotMs, start: firstDay, netWh };
}
