import { compareBytes, encodeHeader, type UtcMs } from "@busbar/protocol";
import type { BlockSource } from "./block-table.ts";
import { hasCouncil } from "./council.ts";
import type { Machine } from "./execution.ts";
import { type Genesis, genesisHash } from "./genesis.ts";
import { genesisState } from "./genesis-state.ts";
import { sha256 } from "./sha256.ts";
import { siteTable } from "./site.ts";
import { decodeChunk, manifestOf, type Snapshot } from "./snapshots/format.ts";
import { trustSnapshot } from "./snapshots/trust.ts";
import type { SqliteState } from "./state/sqlite-state.ts";
import { StateTree } from "./state/tree.ts";
import type { Store } from "./store.ts";

/** Behind which block a replay begins (0: genesis), and what its first block must follow. */
export type Beginning = {
  readonly height: number;
  readonly previous: Uint8Array;
  readonly time: UtcMs;
};

/** Why a replay cannot begin, or where it found a difference. */
export type Fault = { readonly code: string; readonly message: string };

type Grounds = {
  readonly store: Store;
  readonly blocks: BlockSource;
  readonly genesis: Genesis;
  readonly verify: Machine["verify"];
  /** The state of this height is wanted: the nearest beginning before it serves best. */
  readonly upTo?: number;
};

/**
 * Writes the state that a replay begins with: genesis' where every block is at hand, else that of the
 * oldest snapshot from which on they are, after everything was checked that a block certifies of it.
 */
export function beginReplay(
  state: SqliteState,
  grounds: Grounds,
): Beginning | (Fault & { readonly height: number }) {
  const { store, blocks, genesis, upTo } = grounds;
  const hasAll = isWhole(blocks, store.base);
  const usable = store.snapshots
    .list()
    .filter(({ height }) => height >= store.base && height <= (upTo ?? height));
  const chosen = upTo === undefined ? (hasAll ? undefined : usable.at(-1)) : usable[0];
  if (chosen !== undefined) return beginAt(chosen, state, grounds);
  if (hasAll) {
    state.write(genesisState(genesis));
    return { height: 0, previous: genesisHash(genesis), time: genesis.time };
  }
  const which = upTo === undefined ? "a later height" : `heights from there to ${upTo}`;
  const message = `blocks up to ${store.base} are not in the store, and no snapshot of ${which} is: name the folder of their archive`;
  return { code: "verify.missing", height: 1, message };
}

/** Whether every block up to `base` is at hand. One that leapt forward still has some of the oldest. */
function isWhole(blocks: BlockSource, base: number): boolean {
  for (let height = 1; height < base; height++) {
    if (blocks.header(height) === undefined) return false;
  }
  return base === 0 || blocks.block(base) !== undefined;
}

function beginAt(
  snapshot: Snapshot,
  state: SqliteState,
  grounds: Grounds,
): Beginning | (Fault & { readonly height: number }) {
  const fault = writeSnapshot(state, snapshot, grounds);
  const certified = grounds.store.header(snapshot.height);
  if (fault === undefined && certified !== undefined) {
    const { header, hash } = certified;
    return { height: header.height, previous: hash, time: header.time };
  }
  const message = fault ?? "the store does not hold the snapshot's block";
  return { code: "verify.snapshot", height: snapshot.height, message };
}

function writeSnapshot(
  state: SqliteState,
  snapshot: Snapshot,
  { store, genesis, verify }: Grounds,
): string | undefined {
  const { height } = snapshot;
  const read = manifestOf(snapshot);
  if (!read.ok) return read.message;
  for (const [index, expected] of read.manifest.chunks.entries()) {
    const chunk = store.snapshots.chunk(height, index);
    const decoded = chunk && decodeChunk(chunk);
    if (chunk === undefined || !decoded?.ok || compareBytes(sha256(chunk), expected) !== 0) {
      return `chunk ${index} of the snapshot is missing or was changed`;
    }
    state.write(new Map(decoded.entries));
  }
  const { header } = read.manifest;
  const { root } = StateTree.of(state.scan(""));
  if (compareBytes(root, header.appHash) !== 0)
    return "the snapshot is not what its block certified";
  const site = siteTable.get(state, "genesis");
  const same = site !== undefined && compareBytes(site.hash, genesisHash(genesis)) === 0;
  if (!same || !hasCouncil(state)) return "the snapshot is of another chain";
  const trusted = trustSnapshot(read.manifest, store, { genesis, verify });
  if (!trusted.ok) return trusted.message;
  const stored = store.header(height);
  const agrees =
    stored !== undefined && compareBytes(encodeHeader(stored.header), encodeHeader(header)) === 0;
  return agrees ? undefined : "the store's block of the snapshot's height is another one";
}
