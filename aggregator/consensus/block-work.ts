import assert from "node:assert/strict";
import { type Certificate, compareBytes, encodeHeader, merkleRoot, utcMs } from "@busbar/protocol";
import type { Application, FinalizedBlock } from "../ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import { decodeHeader } from "../ledger/codecs.ts";
import { sha256 } from "../ledger/sha256.ts";
import type { Store } from "../ledger/store.ts";
import type { DurablePool } from "./durable-pool.ts";
import { nameOf, namesOf } from "./frame-name.ts";
import { outvoted } from "./pbft/certifying.ts";
import { blocksPerAnswer } from "./pbft/limits.ts";
import type { Block, Proposal } from "./pbft/messages.ts";
import type { Event } from "./pbft/ports.ts";

/** Bytes of transactions sent in answer to one request for blocks, and at least one block. */
const answerBytesMax = 8 * 1024 * 1024;

type RanEvent = Extract<Event, { kind: "ran" }>;
type RanResult = NonNullable<RanEvent["result"]>;

/** What came of a block that is on disk now. */
export type Done = { readonly block: CommittedBlock; readonly refused: readonly RefusedFrame[] };

/** Runs ordered blocks in the application, and puts certified ones on disk. */
export class BlockWork {
  readonly #application: Application;
  readonly #store: Store;
  readonly #pool: DurablePool;
  #refused: readonly RefusedFrame[] = [];

  constructor(parts: { application: Application; store: Store; pool: DurablePool }) {
    this.#application = parts.application;
    this.#store = parts.store;
    this.#pool = parts.pool;
  }

  /** Runs what will be ordered at the next height if the others agree. */
  foresee(proposal: Proposal): RanEvent {
    try {
      return this.run(proposal);
    } catch {
      // Nobody has ordered it yet; if it is ordered, it fails again and ends the engine.
      return { kind: "ran", height: proposal.height, result: undefined };
    }
  }

  /** Runs what was ordered; what the rules refuse is left out, the same everywhere. */
  run(proposal: Proposal): RanEvent {
    return { kind: "ran", height: proposal.height, result: this.#run(proposal) };
  }

  #run({ height, time, proposer, view, frames }: Proposal): RanResult {
    assert(height === this.#store.height + 1, "blocks run one after the other");
    const application = this.#application;
    const prepared = application.prepareProposal({
      time: utcMs(Math.max(time, application.info().time)),
      proposer,
      view,
      frames: this.#asTheyWait(frames),
    });
    assert(prepared.left === 0, "members vote for no more than fits into a block");
    const finalized = application.finalizeBlock(prepared.proposal);
    this.#refused = prepared.refused;
    return resultOf(finalized);
  }

  /** The same frames, as this member opened them when they came to it. */
  #asTheyWait(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    const names = namesOf(frames);
    return frames.map((frame, i) => this.#pool.waiting.get(names[i] ?? "")?.frame ?? frame);
  }

  /** Puts the block that ran last on disk; its frames wait no more, nor do those it refused. */
  certify(height: number, certificate: Certificate): Done {
    return this.#commit(height, certificate, "ordered");
  }

  /**
   * Runs a block that others certified, and puts it on disk when it came to their header.
   * Throws: `Failure` `consensus.outvoted` when the same transactions came to another one.
   */
  apply(
    height: number,
    { header, certificate, frames }: Block,
  ): { readonly event: Extract<Event, { kind: "applied" }>; readonly done: Done | undefined } {
    const { time, proposer, view, txRoot } = decodeHeader(header);
    const proposal = { height, time, proposer, view, frames };
    // Transactions that are not the header's are the fault of who sent them.
    const root = merkleRoot(frames, sha256);
    const failed = { kind: "applied", height, result: undefined } as const;
    if (compareBytes(root, txRoot) !== 0) return { event: failed, done: undefined };
    const result = this.#run(proposal);
    if (compareBytes(result.header, header) !== 0) throw outvoted(result.header, header);
    this.#refused = [];
    const done = this.#commit(height, certificate, "fetched");
    return { event: { kind: "applied", height, result }, done };
  }

  /** Blocks above a height, for a member that lacks them. */
  *above(height: number): Iterable<Block> {
    let bytes = 0;
    const last = Math.min(this.#store.height, height + blocksPerAnswer);
    for (let at = height + 1; at <= last && bytes <= answerBytesMax; at += 1) {
      const stored = this.#store.header(at);
      if (stored === undefined) return;
      const frames = this.#store.framesOf(at);
      for (const frame of frames) bytes += frame.length;
      yield { header: encodeHeader(stored.header), certificate: stored.certificate, frames };
    }
  }

  #commit(height: number, certificate: Certificate, how: "ordered" | "fetched"): Done {
    const block = this.#application.commit(certificate);
    assert(block.header.height === height, "the block that ran is the one that was certified");
    const left = this.#refused.filter(({ hash }) => this.#pool.waiting.get(nameOf(hash)));
    this.#refused = [];
    this.#pool.committed(block.hashes, how);
    this.#pool.refused(left.map(({ hash }) => hash));
    // A frame that was ordered twice, around a change of view, stands in a block.
    const refused = left.filter(({ hash }) => this.#store.placeOf(hash) === undefined);
    return { block, refused };
  }
}

function resultOf({ header, nextEpoch, nextVoters }: FinalizedBlock): RanResult {
  return { header: encodeHeader(header), next: { epoch: nextEpoch, members: nextVoters } };
}
