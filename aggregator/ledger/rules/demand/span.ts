import { utcMs } from "@busbar/protocol";
import { type Demand, demandSlotId, demandSlots, putDemand } from "../../demand.ts";
import { expose } from "../../exposure.ts";
import type { BlockContext } from "../../rule.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { slotMs } from "../market/timetable.ts";

type Span = Pick<Demand, "slot" | "slots" | "toSlot">;

/** Starts of the slots of an order: those that it changes, and those that it shifts to. */
export function spansOf(
  { parameters }: Pick<BlockContext, "parameters">,
  { slot, slots, toSlot }: Span,
): number[][] {
  const length = slotMs(parameters);
  const from = (start: number) => Array.from({ length: slots }, (_, i) => start + i * length);
  return toSlot === undefined ? [from(slot)] : [from(slot), from(toSlot)];
}

/** When the last of its slots ends. */
export function endOf(context: Pick<BlockContext, "parameters">, span: Span) {
  const last = spansOf(context, span).flat().at(-1) ?? span.slot;
  return utcMs(last + slotMs(context.parameters));
}

/**
 * Ends an order: nobody is bound by it any more. Its slots stay marked where it changed what was drawn,
 * so that they count in no baseline; it is forgotten with them.
 */
export function endDemand(
  context: BlockContext,
  order: string,
  ended: Demand & { readonly status: "refused" | "lapsed" | "settled" },
): void {
  const { state } = context;
  expose(state, ended.by, -ended.bound);
  if (ended.status !== "settled") freeSlots(context, ended);
  putDemand(state, order, { ...ended, dueAt: utcMs(endOf(context, ended) + boundaryKeepMs) });
}

/** Takes the marks of an order's slots away. */
export function freeSlots(context: BlockContext, demand: Demand): void {
  for (const start of spansOf(context, demand).flat()) {
    demandSlots.delete(context.state, demandSlotId(demand.owner, start));
  }
}
