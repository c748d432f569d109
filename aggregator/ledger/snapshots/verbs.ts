import assert from "node:assert/strict";
import type { Refusal } from "@busbar/protocol";
import { refuse } from "../refuse.ts";
import { NextState } from "../state/sqlite-state.ts";
import type { StateTree } from "../state/tree.ts";
import type { Store } from "../store.ts";
import { type Adopted, SnapshotAdoption } from "./adopting.ts";
import { manifestOf, type Snapshot, snapshotFormat } from "./format.ts";
import { SnapshotReceiving } from "./receiving.ts";
import { type Grounds, trustSnapshot } from "./trust.ts";

/** Which chunk somebody asks for. */
export type WantedChunk = {
  readonly height: number;
  readonly format: number;
  readonly chunk: number;
};

/** A chunk that came, and who sent it, in the engine's words. */
export type ArrivingChunk = {
  readonly index: number;
  readonly chunk: Uint8Array;
  readonly sender: string;
};

/** ABCI 2.0's results of OfferSnapshot; `refusal` says why. `next`: the first chunk to fetch, for a
 * fetching that goes on where it was. */
export type OfferAnswer =
  | { readonly result: "accept"; readonly next: number }
  | {
      readonly result: "reject" | "reject-format" | "reject-sender";
      readonly refusal: Refusal;
    };

/** ABCI 2.0's results of ApplySnapshotChunk. `retry-snapshot`: nothing is being fetched, offer one. */
export type ApplyAnswer =
  | { readonly result: "accept"; readonly done: boolean }
  | {
      readonly result: "retry" | "retry-snapshot" | "reject-snapshot";
      readonly refetchChunks: readonly number[];
      readonly rejectSenders: readonly string[];
      readonly refusal: Refusal;
    };

/** The four verbs of snapshots. */
export class SnapshotVerbs {
  readonly #store: Store;
  readonly #grounds: Grounds;
  #receiving: SnapshotReceiving | undefined;
  #adoption: { readonly of: SnapshotReceiving; readonly work: SnapshotAdoption } | undefined;

  constructor(store: Store, grounds: Grounds) {
    this.#store = store;
    this.#grounds = grounds;
  }

  list(): readonly Snapshot[] {
    return this.#store.snapshots.list();
  }

  load({ height, format, chunk }: WantedChunk): Uint8Array | undefined {
    const ready = this.list().some((snapshot) => snapshot.height === height);
    if (format !== snapshotFormat || !ready) return undefined;
    return Number.isSafeInteger(chunk) ? this.#store.snapshots.chunk(height, chunk) : undefined;
  }

  /** The state's hash as the chain's own voters certified it. */
  trusted(offered: Snapshot): Uint8Array | Refusal {
    const read = manifestOf(offered);
    if (!read.ok) return read;
    const trusted = trustSnapshot(read.manifest, this.#store, this.#grounds);
    return trusted.ok ? read.manifest.header.appHash : trusted;
  }

  offer(offered: Snapshot, appHash: Uint8Array): OfferAnswer {
    this.giveUp();
    const begun = SnapshotReceiving.begin(this.#store, offered, appHash);
    if (begun.ok) {
      this.#receiving = begun.receiving;
      // The last chunk brings the rest about, so it is fetched also where it is here.
      const next = Math.min(begun.receiving.next, offered.chunks - 1);
      return { result: "accept", next };
    }
    switch (begun.code) {
      case "snapshot.format":
        return { result: "reject-format", refusal: begun };
      case "snapshot.metadata":
        return { result: "reject-sender", refusal: begun };
      default:
        return { result: "reject", refusal: begun };
    }
  }

  /** Takes a chunk. After the last one the state is put in force by `goOn`, slice by slice. */
  apply({ index, chunk, sender }: ArrivingChunk): ApplyAnswer {
    const receiving = this.#receiving;
    if (receiving === undefined) {
      const refusal = refuse("snapshot.none", "no snapshot is being fetched; offer one first");
      return { result: "retry-snapshot", refetchChunks: [], rejectSenders: [], refusal };
    }
    const taken = receiving.take(index, chunk);
    if (!taken.ok) {
      const refetchChunks = index < receiving.snapshot.chunks ? [index] : [];
      return { result: "retry", refetchChunks, rejectSenders: [sender], refusal: taken };
    }
    if (!receiving.complete) return { result: "accept", done: false };
    this.#receiving = undefined;
    const work = new SnapshotAdoption(this.#store, receiving, this.#grounds);
    this.#adoption = { of: receiving, work };
    return { result: "accept", done: false };
  }

  /** Whether all chunks have come and the state is not in force yet. */
  get isAdopting(): boolean {
    return this.#adoption !== undefined;
  }

  /** A slice of what puts the state in force. */
  goOn(inForce: (tree: StateTree) => void): ApplyAnswer {
    const adoption = this.#adoption;
    assert(adoption !== undefined, "all chunks of a snapshot have come");
    const adopted: Adopted | undefined = adoption.work.step();
    if (adopted === undefined) return { result: "accept", done: false };
    if (!adopted.ok) this.giveUp();
    this.#adoption = undefined;
    if (adopted.ok) {
      inForce(adopted.tree);
      return { result: "accept", done: true };
    }
    // Every chunk was as announced, so the announcement was false.
    adoption.of.drop();
    return { result: "reject-snapshot", refetchChunks: [], rejectSenders: [], refusal: adopted };
  }

  /** Ends putting a state in force that is needed no more, also one that a process before left half done. */
  giveUp(): void {
    this.#adoption = undefined;
    this.#store.write(() => NextState.drop(this.#store.db));
  }
}
