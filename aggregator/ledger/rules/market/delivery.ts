import type { UtcMs } from "@busbar/protocol";
import { netSold, type Sale } from "../../../settlement/position.ts";
import { judge } from "../../judged.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import type { PartyEnergy } from "./estimate.ts";

/** Below that a difference is a register's step and no promise broken. */
const deliveryWhMin = 100;

type Delivery = {
  readonly slot: UtcMs;
  readonly owner: string;
  readonly energy: PartyEnergy;
  /** All of the slot's that count. */
  readonly sales: readonly Sale[];
  /** Whether it was never judged before. */
  readonly isFirst: boolean;
};

/**
 * Judges whether who sold gave it, by its meters or the members' correction of them, and again when those or its
 * contracts say something else. An estimate, and energy that is shared out between readings too far apart, says nothing
 * about one slot: nobody is blamed for it, and nobody's blame is taken back by it.
 */
export function judgeDelivery(
  context: BlockContext,
  { slot, owner, energy, sales, isFirst }: Delivery,
): void {
  const { importWh, exportWh, method, apart } = energy;
  if (method !== undefined || apart === true) return;
  const soldWh = netSold(owner, sales);
  if (isFirst && soldWh <= 0) return;
  const { credit } = parametersOf(context.state, slot);
  if (credit === undefined) return;
  const missing = soldWh - (exportWh - importWh);
  const tolerated = Math.floor((soldWh * credit.tolerancePermille) / 1000);
  judge(context, {
    slot,
    owner,
    kind: "under-delivery",
    isBroken: soldWh > 0 && missing > Math.max(tolerated, deliveryWhMin),
    reason: `${soldWh} Wh sold, ${exportWh - importWh} Wh given`,
  });
}
