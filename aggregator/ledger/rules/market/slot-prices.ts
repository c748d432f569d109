import { gateReference } from "../../../market/colony/gate-reference.ts";
import type { Prices } from "../../../market/game/channels.ts";
import type { Player } from "../../../market/game/players.ts";
import type { SlotPrices } from "../../events.ts";
import type { BlockContext } from "../../rule.ts";
import { bureauOf } from "./parties.ts";

/**
 * The colony's prices and, as their certificate, the exact ones for the same energy: anybody sees
 * how far the search came (at most 0.001 currency/kWh, says the design).
 */
export type CertifiedPrices = { readonly prices: Prices; readonly exact: Prices };

/** A party of a slot with what it has to sell (above 0) or needs (below 0), in Wh. */
export type PartyNet = {
  readonly owner: string;
  readonly party: "company" | "user";
  readonly netWh: number;
};

/**
 * Reference prices of a slot among its parties (eq. 9 of Liu & Zhou), each with the weight and the band
 * that the parameters give it, and the bureau that takes and gives the rest. Users that generate more
 * than they need count as sellers.
 */
export function pricesFor(
  nets: readonly PartyNet[],
  { state, parameters, seed }: Pick<BlockContext, "state" | "parameters" | "seed">,
): CertifiedPrices {
  const terms = new Map(parameters.parties?.map((own) => [own.owner, own]));
  const player = (id: string, role: Player["role"], kwh: number): Player => {
    const { weight, band } = terms.get(id) ?? {};
    const own = {
      ...(weight === undefined ? {} : { weight }),
      ...(band === undefined ? {} : { band }),
    };
    return { id, role, kwh, ...own };
  };
  // A site without a bureau has prices too: what they are if one came. No owner's id is empty.
  const bureau = bureauOf(state) ?? "";
  // What the bureau itself quotes is part of what it delivers and takes.
  const players = nets
    .filter(({ owner }) => owner !== bureau)
    .map(({ owner, party, netWh }) => player(owner, party, netWh / 1000));
  return gateReference([...players, player(bureau, "bureau", 1)], parameters, seed);
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
