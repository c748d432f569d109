import { wh } from "@busbar/protocol";
import { referencePrices } from "../../../market/colony/reference.ts";
import { bargain, publishedPrices } from "../../../market/game/bargaining.ts";
import type { Prices } from "../../../market/game/channels.ts";
import { allocateQuantities } from "../../../market/game/quantities.ts";
import type { SlotPrices } from "../../events.ts";
import type { BlockContext } from "../../rule.ts";

/**
 * The colony's prices and, as their certificate, the closed form's for the same energy: anybody sees
 * how far the search came (at most 0.001 currency/kWh, says the design).
 */
export type CertifiedPrices = { readonly prices: Prices; readonly exact: Prices };

/** Reference prices where companies together have `surplusWh` to sell and users need `usersWh`;
 * users that generate more than they need count as sellers. */
export function pricesFor(
  { surplusWh, usersWh }: { readonly surplusWh: number; readonly usersWh: number },
  parameters: BlockContext["parameters"],
  seed: Uint8Array,
): CertifiedPrices {
  const net = surplusWh + Math.max(0, -usersWh);
  const quantities = allocateQuantities({
    generationWh: wh(Math.max(0, net)),
    ownLoadWh: wh(Math.max(0, -net)),
    usersLoadWh: wh(Math.max(0, usersWh)),
  });
  return {
    prices: referencePrices(quantities, parameters, seed).prices,
    exact: publishedPrices(bargain(quantities, parameters), parameters),
  };
}

/** Prices as events and JSON carry them: null is "not traded". */
export function orNull({ cg, cu, gc, gu }: Prices): SlotPrices {
  return { cg: cg ?? null, cu: cu ?? null, gc: gc ?? null, gu: gu ?? null };
}

/** Prices as the state carries them: what is not traded is absent. */
export function known({ cg, cu, gc, gu }: Prices) {
  return {
    ...(cg === undefined ? {} : { cg }),
    ...(cu === undefined ? {} : { cu }),
    ...(gc === undefined ? {} : { gc }),
    ...(gu === undefined ? {} : { gu }),
  };
}
