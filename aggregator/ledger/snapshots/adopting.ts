import {
  encodeHeader,
  membershipOf,
  type Refusal,
  type Verify,
  verifyCertificate,
} from "@busbar/protocol";
import { councilAt, hasCouncil } from "../council.ts";
import { type Genesis, genesisHash } from "../genesis.ts";
import { refuse } from "../refuse.ts";
import { siteTable } from "../site.ts";
import { SqliteState } from "../state/sqlite-state.ts";
import type { StateTree } from "../state/tree.ts";
import type { Store } from "../store.ts";
import type { Received, SnapshotReceiving } from "./receiving.ts";

/** Takes the transaction back and carries out why. */
class NotAdopted extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Puts a received state in the place of the store's, all at once. Everything follows from what the
 * engine knew: the app hash names the state, the state its members, their certificate the block.
 * Codes, in order: `snapshot.chunk`, `snapshot.root`, `snapshot.chain`, `snapshot.certificate`.
 */
export function adoptSnapshot(
  store: Store,
  receiving: SnapshotReceiving,
  grounds: { readonly genesis: Genesis; readonly verify: Verify },
): { readonly ok: true; readonly tree: StateTree } | Refusal {
  const genesis = Buffer.from(genesisHash(grounds.genesis)).toString("hex");
  try {
    const { tree } = store.restart(genesis, () => {
      const assembled = receiving.assemble();
      if (!assembled.ok) throw new NotAdopted(assembled);
      const refusal = check(store, assembled.received, grounds);
      if (refusal !== undefined) throw new NotAdopted(refusal);
      store.snapshots.put(receiving.snapshot, "ready");
      return assembled.received;
    });
    return { ok: true, tree };
  } catch (error) {
    if (error instanceof NotAdopted) return error.refusal;
    throw error;
  }
}

function check(
  { db }: Store,
  { header, certificate }: Received,
  { genesis, verify }: { readonly genesis: Genesis; readonly verify: Verify },
): Refusal | undefined {
  // Past the store's memory of the state that was.
  const state = new SqliteState(db);
  const site = siteTable.get(state, "genesis");
  const same = site !== undefined && Buffer.compare(site.hash, genesisHash(genesis)) === 0;
  if (!same || header.chain !== genesis.chain || !hasCouncil(state)) {
    return refuse("snapshot.chain", "the snapshot is of another chain");
  }
  const council = membershipOf(genesis.chain, councilAt(state, header.height));
  const checked = verifyCertificate(encodeHeader(header), certificate, council, verify);
  if (checked.ok) return undefined;
  return refuse("snapshot.certificate", `its block is not certified: ${checked.message}`);
}
