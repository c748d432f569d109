import { clockSource } from "@busbar/protocol";
import type { Problem } from "./shapes.ts";

export type Level = "good" | "warn" | "bad";

/** A meter as far as its health goes. Site ms. */
export type MeterFacts = {
  readonly time: number | null;
  readonly lagMs: number | null;
  readonly clock: number | null;
  readonly slots: {
    readonly measured: number;
    readonly estimated: number;
    readonly missing: number;
  } | null;
};

/** A unit as far as its health goes. */
export type UnitFacts = {
  readonly state: "active" | "suspended";
  readonly connected: boolean;
  /** Whether other members' brokers may hold it instead. */
  readonly elsewhere: boolean;
  readonly fight: { readonly older: string; readonly newer: string } | undefined;
  /** Days until the certificate ends that it came with; null where it came with none. */
  readonly certificateDays?: number | null;
};

/** A certificate that ends within so many days is told of. */
export const certificateDaysMin = 21;

/** Silence of more than this is told of: as long as a slot takes, in which nothing was measured then. */
const silentSlots = 1;
/** A clock that is further ahead than this signs readings that have not happened yet. */
const aheadMsMax = 5_000;
/** Readings that come later than this were held back by a broken link. */
const backlogMsMin = 15 * 60_000;

/** What is wrong with a meter, the worst first. */
export function meterProblems(
  { time, lagMs, clock, slots }: MeterFacts,
  { now, slotMs }: { readonly now: number; readonly slotMs: number },
): readonly Problem[] {
  if (time === null) return [problem("bad", "never")];
  const found: Problem[] = [];
  const silentMs = now - time;
  if (silentMs > silentSlots * slotMs) found.push(problem("bad", "silent", silentMs));
  if (lagMs !== null && lagMs < -aheadMsMax) found.push(problem("bad", "clock-ahead", -lagMs));
  if (lagMs !== null && lagMs > backlogMsMin && silentMs <= silentSlots * slotMs) {
    found.push(problem("warn", "backlog", lagMs));
  }
  const rests = clock === null ? undefined : clock & 0x70;
  if (rests === clockSource.unsynchronised || rests === clockSource.monotonicOnly) {
    found.push(problem("warn", "clock-unsynchronised"));
  }
  if (slots !== null && slots.missing > 0) found.push(problem("warn", "incomplete", slots.missing));
  return found;
}

/** What is wrong with a unit itself. */
export function unitProblems({
  state,
  connected,
  elsewhere,
  fight,
  certificateDays = null,
}: UnitFacts): readonly Problem[] {
  const found: Problem[] = [];
  if (fight !== undefined) {
    const detail = `${fight.older} and ${fight.newer}`;
    found.push(problem("bad", "duplicate-client", null, detail));
  }
  if (state === "suspended") found.push(problem("warn", "suspended"));
  if (!connected && !elsewhere) found.push(problem("warn", "offline"));
  if (certificateDays !== null && certificateDays < certificateDaysMin) {
    found.push(problem("warn", "certificate", certificateDays));
  }
  return found;
}

export function worst(problems: readonly { readonly level: Problem["level"] }[]): Level {
  if (problems.some(({ level }) => level === "bad")) return "bad";
  return problems.length > 0 ? "warn" : "good";
}

function problem(
  level: Problem["level"],
  code: Problem["code"],
  value: number | null = null,
  detail: string | null = null,
): Problem {
  return { level, code, value, detail };
}
