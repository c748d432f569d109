/** What `busbar-aggregator prices` prints: JSON for programs, a table for people. */
import type { Day } from "../market/day/day-file.ts";
import type { DayPlan } from "../market/day/day-plan.ts";
import { type DayOptions, type HourPrices, worstError } from "../market/day/day-prices.ts";
import { channels, type Prices } from "../market/game/channels.ts";

/** The day as one object; energies in kWh, prices in currency/kWh, null where nothing is traded. */
export function jsonOf(
  day: Day,
  hours: readonly HourPrices[],
  { rules, use, objective }: DayOptions,
) {
  const { company, bureau, user } = rules.weights;
  return {
    date: day.date || null,
    use,
    objective,
    weights: `${company}:${bureau}:${user}`,
    units: { energy: "kWh", price: "currency/kWh" },
    worstError: objective === "bargaining" ? worstError(hours) / 1e6 : null,
    hours: hours.map(({ hour, quantities, exact, colony }) => ({
      hour,
      kwh: Object.fromEntries(channels.map((channel) => [channel, quantities[channel] / 1000])),
      exact: decimals(exact),
      colony: colony === undefined ? null : decimals(colony),
    })),
  };
}

/** Prices in currency/kWh; null is "not traded". */
function decimals(prices: Prices) {
  const value = (price: number | undefined) => (price === undefined ? null : price / 1e6);
  return { cg: value(prices.cg), cu: value(prices.cu), gc: value(prices.gc), gu: value(prices.gu) };
}

/** The day as lines for people. */
export function tableOf(
  day: Day,
  hours: readonly HourPrices[],
  { rules, use, objective }: DayOptions,
): string[] {
  const { company, bureau, user } = rules.weights;
  const title = [day.date, `${use} values`, `weights ${company}:${bureau}:${user}`, objective];
  const head = [
    "hour",
    ...channels.map(arrow).flatMap((name) => [`${name} kWh`, "exact", "colony"]),
  ];
  const rows = hours.map(({ hour, quantities, exact, colony }) => [
    hour,
    ...channels.flatMap((channel) => [
      quantities[channel] === 0 ? "–" : (quantities[channel] / 1000).toFixed(1),
      shown(exact[channel]),
      shown(colony?.[channel]),
    ]),
  ]);
  const widths = head.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("  ");
  const end =
    objective === "bargaining"
      ? [`colony at most ${(worstError(hours) / 1e6).toFixed(6)} currency/kWh from exact`]
      : ["eq. 10–12 as printed, to compare only: nothing on the ledger uses them"];
  return [
    title.filter((part) => part !== "").join(", "),
    "prices in currency/kWh; – is not traded",
    line(head),
    ...rows.map(line),
    ...end,
  ];
}

const shown = (price: number | undefined) => (price === undefined ? "–" : (price / 1e6).toFixed(6));

/** `gu` as G→U. */
function arrow(channel: string): string {
  return `${channel[0]?.toUpperCase()}→${channel[1]?.toUpperCase()}`;
}

/** kWh by hour, as `Schedule` has them; gains in currency. */
export function planJson({ schedule, gain, exactGain }: DayPlan) {
  const rows = (all: readonly Float64Array[]) => all.map((row) => Array.from(row, round));
  const { drawKwh, charge, discharge, stored, extra, load } = schedule;
  return {
    gain: round(gain),
    exactGain: round(exactGain),
    drawnFromBureauKwh: Array.from(drawKwh, round),
    storages: { charge: rows(charge), discharge: rows(discharge), stored: rows(stored) },
    elastic: rows(extra),
    flexible: rows(load),
  };
}

/** Pheromone: a row of all ants for each iteration. */
export function historyOf({ hour, convergence }: HourPrices) {
  if (convergence === undefined) return { hour, gap: [], evaporation: [], pheromone: [] };
  const { gap, evaporation, pheromone } = convergence;
  const ants = gap.length === 0 ? 0 : pheromone.length / gap.length;
  const rows = Array.from(gap, (_, i) => [...pheromone.subarray(i * ants, (i + 1) * ants)]);
  return { hour, gap: [...gap], evaporation: [...evaporation], pheromone: rows };
}

/** The plan in one line. */
export const planLine = ({ gain, exactGain }: DayPlan) =>
  `planned by the colony: ${gain.toFixed(3)} currency more to share than without; exact ${exactGain.toFixed(3)}`;

const round = (value: number) => Math.round(value * 1e6) / 1e6;
