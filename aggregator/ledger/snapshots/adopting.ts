import assert from "node:assert/strict";
import { compareBytes, type Refusal } from "@busbar/protocol";
import { hasCouncil } from "../council.ts";
import { genesisHash } from "../genesis.ts";
import { refuse } from "../refuse.ts";
import { siteTable } from "../site.ts";
import { NextState, SqliteState } from "../state/sqlite-state.ts";
import { type StateTree, TreeBuilder } from "../state/tree.ts";
import type { Store } from "../store.ts";
import { decodeChunk, type Manifest, type StateEntry, snapshotOf } from "./format.ts";
import type { SnapshotReceiving } from "./receiving.ts";
import { type Grounds, stepsToShow, trustSnapshot } from "./trust.ts";

/** Entries put in place at one go: some ten ms of work, between which a member does all else. */
const entriesPerSlice = 1_024;

export type Adopted = { readonly ok: true; readonly tree: StateTree } | Refusal;

/** Takes the transaction back and carries out why. */
class NotAdopted extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Puts a received state in the place of the store's, with the steps to its voters: some entries at a
 * step, beside the state that is in force, and at the end all of it at once. The app hash names the
 * state, a quorum certified the block, and the genesis leads to that quorum. What was put in place
 * when its process ends counts for nothing, and is begun anew.
 * Codes, in order: `snapshot.chunk`, `snapshot.root`, `snapshot.chain`, `snapshot.steps`,
 * `snapshot.council`, `snapshot.certificate`.
 */
export class SnapshotAdoption {
  readonly height: number;
  readonly #store: Store;
  readonly #receiving: SnapshotReceiving;
  readonly #grounds: Grounds;
  readonly #next: NextState;
  readonly #builder = new TreeBuilder();
  /** Of the chunk at work, those that are not in place. */
  #entries: readonly StateEntry[] = [];
  #chunk = 0;
  #last = "";
  #ended = false;

  constructor(store: Store, receiving: SnapshotReceiving, grounds: Grounds) {
    assert(receiving.complete, "all chunks have come");
    this.height = receiving.snapshot.height;
    this.#store = store;
    this.#receiving = receiving;
    this.#grounds = grounds;
    this.#next = store.write(() => new NextState(store.db));
  }

  /** Goes on for a slice; what came of it after the last one. */
  step(): Adopted | undefined {
    assert(!this.#ended, "it has come to its end");
    if (this.#entries.length > 0) {
      this.#place();
      return undefined;
    }
    if (this.#chunk < this.#receiving.snapshot.chunks) {
      const refusal = this.#open();
      return refusal === undefined ? undefined : this.#end(refusal);
    }
    const tree = this.#builder.step();
    return tree === undefined ? undefined : this.#end(this.#putInForce(tree));
  }

  #end(adopted: Adopted): Adopted {
    this.#ended = true;
    return adopted;
  }

  /** Takes up the next chunk. */
  #open(): Refusal | undefined {
    const { height } = this;
    const chunk = this.#store.snapshots.chunk(height, this.#chunk);
    const read = chunk === undefined ? undefined : decodeChunk(chunk);
    if (read === undefined || !read.ok) {
      return read ?? refuse("snapshot.chunk", `chunk ${this.#chunk} is missing`);
    }
    for (const [key] of read.entries) {
      if (key <= this.#last) return refuse("snapshot.chunk", `the keys are not sorted at ${key}`);
      this.#last = key;
    }
    this.#chunk += 1;
    this.#entries = read.entries;
    return undefined;
  }

  #place(): void {
    const slice = this.#entries.slice(0, entriesPerSlice);
    this.#entries = this.#entries.slice(entriesPerSlice);
    this.#store.write(() => {
      for (const [key, value] of slice) this.#next.put(key, value);
    });
    for (const [key, value] of slice) this.#builder.add(key, value);
  }

  #putInForce(tree: StateTree): Adopted {
    const { manifest } = this.#receiving;
    if (compareBytes(tree.root, manifest.header.appHash) !== 0) {
      return refuse("snapshot.root", "the snapshot's state is not what its block certified");
    }
    const store = this.#store;
    const genesis = Buffer.from(genesisHash(this.#grounds.genesis)).toString("hex");
    try {
      store.restart(genesis, () => {
        this.#next.putInForce();
        const refusal = check(store, manifest, this.#grounds);
        if (refusal !== undefined) throw new NotAdopted(refusal);
        // With steps that were checked here: those of old epochs may be anything.
        const { header, certificate, chunks } = manifest;
        const shown = snapshotOf({ header, certificate, chunks, ...stepsToShow(store) });
        store.snapshots.put(shown, "ready");
        return manifest;
      });
      return { ok: true, tree };
    } catch (error) {
      if (error instanceof NotAdopted) return error.refusal;
      throw error;
    }
  }
}

function check(store: Store, received: Manifest, grounds: Grounds): Refusal | undefined {
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
