import type { Gate } from "@busbar/protocol";
import { z } from "zod";
import { dayMinutes } from "./parameters.ts";

const minutes = z.int().min(0).max(2880);

const gate = z.strictObject({
  scale: z.enum(["day-ahead", "intraday", "real-time"]).describe("How it is called"),
  periodMinutes: z
    .int()
    .min(1)
    .max(dayMinutes)
    .describe("Length of what one gate is for; 1440: a local day"),
  openMinutesBefore: minutes.describe("Quoting opens, before the period begins"),
  gateMinutesBefore: minutes.describe("The gate closes"),
  clearMinutesBefore: minutes.describe("The period's slots are cleared"),
  rounds: z.int().min(1).max(24).default(1).describe("How many such gates a period has"),
  everyMinutes: z.int().min(0).max(dayMinutes).default(0).describe("From one round to the next"),
});

/**
 * Day-ahead until noon of the day before; intraday for each hour of delivery at three hourly gates;
 * and a last gate for each slot by itself.
 */
const usual = [
  {
    scale: "day-ahead",
    periodMinutes: dayMinutes,
    openMinutesBefore: 900,
    gateMinutesBefore: 720,
    clearMinutesBefore: 690,
    rounds: 1,
    everyMinutes: 0,
  },
  {
    scale: "intraday",
    periodMinutes: 60,
    openMinutesBefore: 115,
    gateMinutesBefore: 80,
    clearMinutesBefore: 60,
    rounds: 3,
    everyMinutes: 60,
  },
] as const;

/** The last gate of a site that says nothing else; one for each slot. */
const lastUsual = {
  scale: "real-time",
  openMinutesBefore: 50,
  gateMinutesBefore: 20,
  clearMinutesBefore: 10,
  rounds: 1,
  everyMinutes: 0,
} as const;

/** `gates` of the parameters. */
export const gatesSchema = z.array(gate).min(1).max(8);

/** Those of a community that says nothing else. */
export function usualGates(slotMinutes: number): Gate[] {
  return [...usual, { ...lastUsual, periodMinutes: slotMinutes }];
}

/** Most gates that one slot passes through. */
const passesMax = 32;
/** No slot opens for quotes earlier: what is open lies in every member's state. */
const openMinutesMax = 2880;

/**
 * Why gates cannot be those of a market; undefined where they can. A slot has to pass through one
 * after the other, for each trades the change against what the one before brought.
 */
export function whyNotGates(
  gates: readonly Gate[],
  { slotMinutes }: { readonly slotMinutes: number },
): string | undefined {
  const passes = gates.reduce((sum, { rounds }) => sum + rounds, 0);
  if (passes > passesMax) {
    return `gates: a slot would pass through ${passes} of them, expected at most ${passesMax}`;
  }
  for (const [i, gate] of gates.entries()) {
    const why = whyNotAlone(gate, slotMinutes) ?? whyNotAfter(gates[i - 1], gate, slotMinutes);
    if (why !== undefined) return `gates.${i} (${gate.scale}): ${why}`;
  }
  return undefined;
}

function whyNotAlone(gate: Gate, slotMinutes: number): string | undefined {
  const { periodMinutes, openMinutesBefore, gateMinutesBefore, clearMinutesBefore } = gate;
  if (!(openMinutesBefore > gateMinutesBefore && gateMinutesBefore > clearMinutesBefore)) {
    return `expected openMinutesBefore > gateMinutesBefore > clearMinutesBefore, got ${openMinutesBefore}, ${gateMinutesBefore}, ${clearMinutesBefore}`;
  }
  if (periodMinutes % slotMinutes !== 0 || dayMinutes % periodMinutes !== 0) {
    return `periodMinutes: expected whole slots of ${slotMinutes} minutes that share a day evenly, got ${periodMinutes}`;
  }
  const { rounds, everyMinutes } = gate;
  if (rounds === 1) {
    return everyMinutes === 0
      ? undefined
      : `everyMinutes: expected 0 where there is one round, got ${everyMinutes}`;
  }
  const least = openMinutesBefore - clearMinutesBefore;
  if (everyMinutes < least) {
    return `everyMinutes: expected at least ${least}, so that a round begins when the one before is cleared, got ${everyMinutes}`;
  }
  return undefined;
}

function whyNotAfter(
  before: Gate | undefined,
  gate: Gate,
  slotMinutes: number,
): string | undefined {
  const first = gate.openMinutesBefore + (gate.rounds - 1) * gate.everyMinutes;
  if (first > openMinutesMax) {
    return `expected its first round to open at most ${openMinutesMax} minutes before, got ${first}`;
  }
  if (before === undefined) return undefined;
  // The last slot of a period is that much nearer to it than the first; a day may have 25 hours.
  const period = gate.periodMinutes === dayMinutes ? dayMinutes + 60 : gate.periodMinutes;
  const least = first + period - slotMinutes;
  if (before.clearMinutesBefore >= least) return undefined;
  return `expected the gate before it to be cleared at least ${least} minutes before, got ${before.clearMinutesBefore}`;
}
