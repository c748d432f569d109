import type { Verify } from "@busbar/protocol";
import { verify as verifyOnce } from "@busbar/protocol/node";
import type { AggregatorConfig } from "../config/schema.ts";
import { Application } from "../ledger/application.ts";
import { olderIn } from "../ledger/archive/older.ts";
import { type Genesis, readGenesis } from "../ledger/genesis.ts";
import type { Projection } from "../ledger/projection.ts";
import { Store } from "../ledger/store.ts";

/** A ledger that is open: its genesis, its file, and the machine over it. */
export type Ledger = {
  readonly genesis: Genesis;
  readonly store: Store;
  readonly application: Application;
};

type LedgerOptions = {
  readonly verify?: Verify;
  readonly projections?: (genesis: Genesis) => readonly Projection[];
  /** For commands that only look, also while the aggregator runs. */
  readonly snapshot?: boolean;
};

/** A ledger's file, opened without looking at whether it is sound: for whoever finds that out. */
export function openStore(config: AggregatorConfig): { genesis: Genesis; store: Store } {
  const genesis = readGenesis(config.genesis);
  const store = new Store(config.store, [], { snapshot: true });
  try {
    // A ledger that has not begun is begun, which writes no more than genesis says.
    if (store.genesis === undefined) {
      new Application({ genesis, store, verify: verifyOnce }).initChain();
    }
    return { genesis, store };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Opens the ledger that a configuration names, and begins it where it has not begun.
 * Throws: `Failure` `genesis.*`, `store.*`. */
export function openLedger(config: AggregatorConfig, options: LedgerOptions = {}): Ledger {
  const { verify = verifyOnce, projections = () => [], snapshot = false } = options;
  const genesis = readGenesis(config.genesis);
  const older = olderIn(config.archive.folder);
  const store = new Store(config.store, projections(genesis), { snapshot, older });
  try {
    const application = new Application({ genesis, store, verify });
    if (!application.info().begun) application.initChain();
    return { genesis, store, application };
  } catch (error) {
    store.close();
    throw error;
  }
}
