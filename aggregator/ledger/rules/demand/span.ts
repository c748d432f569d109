import { type Refusal, utcMs } from "@busbar/protocol";
import {
  closeOffer,
  type Demand,
  demandSlotId,
  demandSlots,
  demands,
  putDemand,
} from "../../demand.ts";
import { expose } from "../../exposure.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { hex } from "../market/tables.ts";
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
  if (demands.get(state, order)?.status === "offered") closeOffer(state, ended.by);
  if (ended.status !== "settled") freeSlots(context, order, ended);
  putDemand(state, order, { ...ended, dueAt: utcMs(endOf(context, ended) + boundaryKeepMs) });
}

/** Refuses what is about a slot of the owner that is under another contract; an offer holds none. */
export function checkFree(
  context: BlockContext,
  span: Span,
  { owner, order }: { readonly owner: string; readonly order?: string },
): Refusal | undefined {
  const taken = spansOf(context, span)
    .flat()
    .find((start) => {
      const mark = demandSlots.get(context.state, demandSlotId(owner, start));
      return mark !== undefined && hex(mark.order) !== order;
    });
  if (taken === undefined) return undefined;
  return refuse("demand.taken", `the slot at ${taken} of ${owner} is under another order`);
}

/** Marks an order's slots: no other order is a contract there. */
export function takeSlots(context: BlockContext, order: string, demand: Demand): void {
  const mark = { order: new Uint8Array(Buffer.from(order, "hex")) };
  for (const start of spansOf(context, demand).flat()) {
    demandSlots.set(context.state, demandSlotId(demand.owner, start), mark);
  }
}

/** Takes an order's marks away. */
export function freeSlots(context: BlockContext, order: string, demand: Demand): void {
  for (const start of spansOf(context, demand).flat()) {
    const id = demandSlotId(demand.owner, start);
    const mark = demandSlots.get(context.state, id);
    if (mark !== undefined && hex(mark.order) === order) demandSlots.delete(context.state, id);
  }
}
