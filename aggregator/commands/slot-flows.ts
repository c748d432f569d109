import { parametersOf } from "../ledger/parameters.ts";
import { contracts, slotKey, slots } from "../ledger/rules/market/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { Line } from "../market/routing/network.ts";
import type { Transport } from "../market/routing/route.ts";

/** The bus that feeders without a parent hang on. */
export const busbar = "busbar";

/** A slot's grid, and what its book sends over it. */
export type SlotFlows = { readonly lines: readonly Line[]; readonly trades: readonly Transport[] };

/** A slot of the ledger: the lines of its grid, and the contracts of its book; undefined where it had no grid. */
export function slotFlows(state: StateReader, slot: number): SlotFlows | undefined {
  const grid = parametersOf(state, slot).grid;
  if (slots.get(state, slotKey(slot)) === undefined || grid === undefined) return undefined;
  const lines = grid.map(({ feeder, parent = busbar, capacity, lossPermille = 0 }): Line => {
    const room = capacity === undefined ? {} : { capacity };
    return { id: feeder, from: feeder, to: parent, lossPermille, ...room };
  });
  const trades = Array.from(contracts.scan(state, `${slotKey(slot)}-`)).flatMap(
    ([id, { from = busbar, to = busbar, energy, settled, origin }]): Transport[] =>
      settled === 2 || origin === "residual" ? [] : [{ id, from, to, energy }],
  );
  return { lines, trades };
}
