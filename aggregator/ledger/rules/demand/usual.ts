import { utcMs } from "@busbar/protocol";
import { demandSlotId, demandSlots, demands } from "../../demand.ts";
import type { BlockContext } from "../../rule.ts";
import { isApart } from "../../slots.ts";
import { meteredBy, partyInSlot } from "../market/parties.ts";
import { hex } from "../market/tables.ts";
import { slotMs } from "../market/timetable.ts";
import { spansOf } from "./span.ts";

const dayMs = 86_400_000;
/** Days that are looked at, how many of them count, how few are too few, and how many orders leave out. */
export const usualDays = { looked: 10, counted: 5, least: 3, leftOut: 3 } as const;
/** An order has changed a day where it moved this much of what was usual, thousandths. */
const changedPermille = 200;

/** What an owner drew from the feeder in a slot (import − export, Wh); undefined where that is not known. */
export function drawnBy(
  { state, parameters }: Pick<BlockContext, "state" | "parameters">,
  owner: string,
  slot: number,
): number | undefined {
  const lengthMs = slotMs(parameters);
  const party = partyInSlot(state, owner, { start: slot, end: slot + lengthMs });
  const metered = party && meteredBy(state, party.meters, { start: utcMs(slot), lengthMs });
  return metered === undefined ? undefined : metered.importWh - metered.exportWh;
}

/** Whether the readings around a slot lie further apart than it is long, of one of an owner's meters. */
export function isApartIn(
  { state, parameters }: Pick<BlockContext, "state" | "parameters">,
  owner: string,
  slot: number,
): boolean {
  const lengthMs = slotMs(parameters);
  const party = partyInSlot(state, owner, { start: slot, end: slot + lengthMs });
  return (party?.meters ?? []).some((meter) => isApart(state, meter, utcMs(slot), lengthMs));
}

/**
 * The baseline rule: what an owner draws usually in a slot is the mean, rounded down, of the same time of
 * the UTC day on the five newest of the last ten days on which it is known. At most three of them are
 * left out: those on which an order moved a fifth of it or more; so orders between friends choose no days. It
 * is taken when an order is made, so nobody can move it once it knows of the order. Undefined where
 * fewer than three days are known.
 */
export function usualOf(context: BlockContext, owner: string, slot: number): number | undefined {
  const found: number[] = [];
  let leftOut = 0;
  const firstDay = Math.max(
    1,
    Math.ceil((slot + slotMs(context.parameters) - context.time) / dayMs),
  );
  for (let day = 0; day < usualDays.looked && found.length < usualDays.counted; day += 1) {
    const at = slot - (firstDay + day) * dayMs;
    if (at < 0) break;
    const drawn = drawnBy(context, owner, at);
    if (drawn === undefined) continue;
    if (leftOut < usualDays.leftOut && isChanged(context, owner, { at, drawn })) leftOut += 1;
    else found.push(drawn);
  }
  if (found.length < usualDays.least) return undefined;
  return Math.floor(found.reduce((sum, one) => sum + one, 0) / found.length);
}

/** Whether an order is why a slot was another than usual: less in those that it is about, more where it shifted to. */
function isChanged(
  context: BlockContext,
  owner: string,
  { at, drawn }: { readonly at: number; readonly drawn: number },
): boolean {
  const mark = demandSlots.get(context.state, demandSlotId(owner, at));
  const demand = mark && demands.get(context.state, hex(mark.order));
  if (demand === undefined) return false;
  const [during = [], later = []] = spansOf(context, demand);
  const [usual, moved] = during.includes(at)
    ? [demand.usual[during.indexOf(at)] ?? 0, -1]
    : [demand.usualLater?.[later.indexOf(at)] ?? 0, 1];
  const change = (drawn - usual) * moved;
  return change > 0 && change * 1000 >= Math.abs(usual) * changedPermille;
}
