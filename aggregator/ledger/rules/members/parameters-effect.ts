import type { ParametersMotion, Refusal, UtcMs } from "@busbar/protocol";
import { whyNotParameters } from "../../genesis.ts";
import { type Parameters, parametersFrom, parametersTable } from "../../parameters.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { strayFeeder } from "../market/lines.ts";
import { marketParties } from "../market/parties.ts";
import { cursors } from "../market/tables.ts";
import { firstTradableSlot, isSlotStart } from "../market/timetable.ts";

/**
 * Why parameters cannot be those of the slots from `from` on; codes, in order: `parameters.slot`,
 * `parameters.open`, `parameters.length`, `parameters.unsound`, `parameters.feeder`.
 */
export function checkParameters(
  context: BlockContext,
  { from, parameters }: Pick<ParametersMotion, "from" | "parameters">,
): Refusal | undefined {
  const { parameters: now } = context;
  if (!isSlotStart(from, now)) {
    return refuse("parameters.slot", `expected the start of a slot, got ${from}`);
  }
  const next = firstUnopened(context);
  if (from < next) {
    const message = `slots before ${next} are open and keep their parameters, got ${from}; take a later start`;
    return refuse("parameters.open", message);
  }
  if (parameters.slotMinutes !== now.slotMinutes) {
    const message = `slots of this chain have ${now.slotMinutes} minutes, got ${parameters.slotMinutes}`;
    return refuse("parameters.length", message);
  }
  const why = whyNotParameters(parameters as Parameters);
  if (why !== undefined) return refuse("parameters.unsound", why);
  // Whoever stands where no line leads could not quote any more.
  for (const { owner } of marketParties(context.state)) {
    const stray = strayFeeder(context.state, owner, parameters);
    if (stray === undefined) continue;
    const message = `expected a line of the grid to feeder ${stray}, where ${owner} has a meter`;
    return refuse("parameters.feeder", message);
  }
  return undefined;
}

/** The first slot that is not open yet. */
export function firstUnopened({ state, time, parameters }: BlockContext): UtcMs {
  return cursors.get(state, "open")?.next ?? firstTradableSlot(time, parameters);
}

/** Lets parameters be those of the slots from a later one on. */
export function enactParametersMotion(
  context: BlockContext,
  { from, parameters }: ParametersMotion,
): Refusal | undefined {
  const refusal = checkParameters(context, { from, parameters });
  if (refusal !== undefined) return refusal;
  const { state, emit } = context;
  const before = parametersTable.get(state, "current");
  // What all slots before have had: it stays theirs when others are in force.
  if (before !== undefined && parametersFrom.get(state, slotKey(0)) === undefined) {
    parametersFrom.set(state, slotKey(0), before);
  }
  parametersFrom.set(state, slotKey(from), parameters as Parameters);
  emit({ type: "parameters-decided", from });
  return undefined;
}
