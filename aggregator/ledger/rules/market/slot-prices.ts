import type { UtcMs } from "@busbar/protocol";
import { gateReference } from "../../../market/colony/gate-reference.ts";
import type { Prices } from "../../../market/game/channels.ts";
import type { Player } from "../../../market/game/players.ts";
import type { SlotPrices } from "../../events.ts";
import type { BlockContext } from "../../rule.ts";
import { bureaus } from "../../tables.ts";
import { suppliesOf } from "./supplies.ts";

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
 * that the parameters give it, and the bureaus that take and give the rest, by their capacities. Users that generate more
 * than they need count as sellers.
 */
export function pricesFor(
  nets: readonly PartyNet[],
  {
    state,
    parameters,
    seed,
    slot,
  }: Pick<BlockContext, "state" | "parameters" | "seed"> & { readonly slot: UtcMs },
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
  const supplies = suppliesOf(state, slot, parameters);
  // A site without a bureau has prices too: what they are if one came. No owner's id is empty.
  const some = supplies.length > 0 ? supplies : [{ bureau: "", capacity: 1000 }];
  // What a bureau itself quotes is part of what it delivers and takes.
  const players = nets
    .filter(({ owner }) => bureaus.get(state, owner) === undefined)
    .map(({ owner, party, netWh }) => player(owner, party, netWh / 1000));
  const delivering = some.map(({ bureau, capacity }) => player(bureau, "bureau", capacity / 1000));
  return gateReference([...players, ...delivering], parameters, seed);
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
