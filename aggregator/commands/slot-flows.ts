import { parametersOf } from "../ledger/parameters.ts";
import { placeOf } from "../ledger/rules/market/lines.ts";
import { contracts, slotKey, slots } from "../ledger/rules/market/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { Line } from "../market/routing/network.ts";
import type { Transport } from "../market/routing/route.ts";

/** The bus that feeders without a parent hang on. */
export const busbar = "busbar";

/** A slot's grid, and what its contracts send over it. */
export type SlotFlows = { readonly lines: readonly Line[]; readonly trades: readonly Transport[] };

/**
 * A slot of the ledger: the lines of its grid, and its contracts; undefined where it had no grid. What a bureau takes and
 * gives goes between the busbar and the other side's feeder, and is the rest: no capacity bounds it, and
 * what is lost of it on the way is the bureau's own.
 */
export function slotFlows(state: StateReader, slot: number): SlotFlows | undefined {
  const parameters = parametersOf(state, slot);
  const { grid } = parameters;
  if (slots.get(state, slotKey(slot)) === undefined || grid === undefined) return undefined;
  const lines = grid.map(({ feeder, parent = busbar, capacity, lossPermille = 0 }): Line => {
    const room = capacity === undefined ? {} : { capacity };
    return { id: feeder, from: feeder, to: parent, lossPermille, ...room };
  });
  const trades = Array.from(contracts.scan(state, `${slotKey(slot)}-`)).flatMap(
    ([id, { from, to, seller, buyer, energy, isVoid, origin }]): Transport[] => {
      if (isVoid === 1) return [];
      if (origin === "book") return [{ id, from: from ?? busbar, to: to ?? busbar, energy }];
      const at = (owner: string) => placeOf(state, owner, parameters) ?? busbar;
      return [{ id, from: at(seller), to: at(buyer), energy, isRest: true }];
    },
  );
  return { lines, trades };
}
