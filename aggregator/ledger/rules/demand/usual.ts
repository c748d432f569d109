import { utcMs } from "@busbar/protocol";
import { demandSlotId, demandSlots } from "../../demand.ts";
import type { BlockContext } from "../../rule.ts";
import { meteredBy, partyInSlot } from "../market/parties.ts";
import { slotMs } from "../market/timetable.ts";

const dayMs = 86_400_000;
/** Days that are looked at, how many of them count, and how few are too few. */
export const usualDays = { looked: 10, counted: 5, least: 3 } as const;

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

/**
 * The baseline rule: what an owner draws usually in a slot is the mean, rounded down, of the same time of
 * the UTC day on the five newest of the last ten days on which it is known and no order changed it. It
 * is taken when an order is made, so nobody can move it once it knows of the order. Undefined where
 * fewer than three days are known.
 */
export function usualOf(context: BlockContext, owner: string, slot: number): number | undefined {
  const found: number[] = [];
  const firstDay = Math.max(
    1,
    Math.ceil((slot + slotMs(context.parameters) - context.time) / dayMs),
  );
  for (let day = 0; day < usualDays.looked && found.length < usualDays.counted; day += 1) {
    const at = slot - (firstDay + day) * dayMs;
    if (at < 0) break;
    if (demandSlots.get(context.state, demandSlotId(owner, at)) !== undefined) continue;
    const drawn = drawnBy(context, owner, at);
    if (drawn !== undefined) found.push(drawn);
  }
  if (found.length < usualDays.least) return undefined;
  return Math.floor(found.reduce((sum, one) => sum + one, 0) / found.length);
}
