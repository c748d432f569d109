import { compareBytes, type Refusal } from "@busbar/protocol";
import { hasCouncil } from "../council.ts";
import { genesisHash } from "../genesis.ts";
import { refuse } from "../refuse.ts";
import { siteTable } from "../site.ts";
import { SqliteState } from "../state/sqlite-state.ts";
import type { StateTree } from "../state/tree.ts";
import type { Store } from "../store.ts";
import { snapshotOf } from "./format.ts";
import type { Received, SnapshotReceiving } from "./receiving.ts";
import { type Grounds, stepsToShow, trustSnapshot } from "./trust.ts";

/** Takes the transaction back and carries out why. */
class NotAdopted extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Puts a received state in the place of the store's, all at once, with the steps to its voters. The
 * app hash names the state, a quorum certified the block, and the genesis leads to that quorum.
 * Codes, in order: `snapshot.chunk`, `snapshot.root`, `snapshot.chain`, `snapshot.steps`,
 * `snapshot.council`, `snapshot.certificate`.
 */
export function adoptSnapshot(
  store: Store,
  receiving: SnapshotReceiving,
  grounds: Grounds,
): { readonly ok: true; readonly tree: StateTree } | Refusal {
  const genesis = Buffer.from(genesisHash(grounds.genesis)).toString("hex");
  try {
    const { tree } = store.restart(genesis, () => {
      const assembled = receiving.assemble();
      if (!assembled.ok) throw new NotAdopted(assembled);
      const refusal = check(store, assembled.received, grounds);
      if (refusal !== undefined) throw new NotAdopted(refusal);
      // With steps that were checked here: those of old epochs may be anything.
      const { header, certificate, chunks } = assembled.received;
      const shown = snapshotOf({ header, certificate, chunks, ...stepsToShow(store) });
      store.snapshots.put(shown, "ready");
      return assembled.received;
    });
    return { ok: true, tree };
  } catch (error) {
    if (error instanceof NotAdopted) return error.refusal;
    throw error;
  }
}

function check(store: Store, received: Received, grounds: Grounds): Refusal | undefined {
  // Past the store's memory of the state that was.
  const state = new SqliteState(store.db);
  const site = siteTable.get(state, "genesis");
  const hash = genesisHash(grounds.genesis);
  if (site === undefined || compareBytes(site.hash, hash) !== 0 || !hasCouncil(state)) {
    return refuse("snapshot.chain", "the snapshot is of another chain");
  }
  const trusted = trustSnapshot(received, store, grounds);
  if (!trusted.ok) return trusted;
  for (const step of trusted.learned) store.councilSteps.put(step);
  return undefined;
}
