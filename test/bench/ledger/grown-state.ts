import { micro } from "@busbar/protocol";
import { accountId, accounts } from "../../../aggregator/ledger/accounts.ts";
import { type Genesis, genesisHash } from "../../../aggregator/ledger/genesis.ts";
import { genesisState } from "../../../aggregator/ledger/genesis-state.ts";
import { emptyState, Overlay } from "../../../aggregator/ledger/state/overlay.ts";
import type { Store } from "../../../aggregator/ledger/store.ts";

/** Begins a ledger whose state holds so many accounts, as if it had grown so far. */
export function beginGrown(store: Store, genesis: Genesis, count: number): void {
  const state = new Overlay(emptyState);
  for (const [key, value] of genesisState(genesis)) if (value !== undefined) state.set(key, value);
  for (let n = 0; n < count / 2; n += 1) {
    for (const side of ["sales", "purchase"] as const) {
      // Two owners with one sum: what is sold is bought.
      const money = micro((side === "sales" ? 1 : -1) * 1_000_000_000);
      accounts.set(state, accountId(`owner-${n}`, side), { money, energyWh: 0 });
    }
  }
  store.begin(Buffer.from(genesisHash(genesis)).toString("hex"), state.changes);
}
