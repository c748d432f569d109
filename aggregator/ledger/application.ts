import assert from "node:assert/strict";
import {
  type BlockHeader,
  type Certificate,
  type Council,
  compareBytes,
  encodeHeader,
  Failure,
  type Frame,
  type Membership,
  membershipOf,
  type Refusal,
  type StatePath,
  type UtcMs,
  type Verify,
  verifyCertificate,
} from "@busbar/protocol";
import { authenticate } from "./authenticate.ts";
import type { CommittedBlock, RefusedFrame } from "./block.ts";
import {
  batchesOf,
  type Candidate,
  candidateOf,
  committedOf,
  eventTexts,
  type FinalizedBlock,
  fitting,
  type Proposal,
  stepOf,
} from "./candidate.ts";
import { hasContract, insistOnContracts } from "./contract/state.ts";
import { councilAt, councilOf, hasCouncil } from "./council.ts";
import { type Execution, execute, type Machine } from "./execution.ts";
import { type Genesis, genesisHash } from "./genesis.ts";
import { genesisState } from "./genesis-state.ts";
import { membersOf } from "./header.ts";
import { identityById, identityByKeyId, isActive } from "./identities.ts";
import { parametersTable } from "./parameters.ts";
import { refuse } from "./refuse.ts";
import type { Registry } from "./registry.ts";
import { rules as ledgerRules, type Rules } from "./rules/index.ts";
import type { Snapshot } from "./snapshots/format.ts";
import {
  type ApplyAnswer,
  type ArrivingChunk,
  type OfferAnswer,
  SnapshotVerbs,
  type WantedChunk,
} from "./snapshots/verbs.ts";
import { emptyState, Overlay } from "./state/overlay.ts";
import { StateTree } from "./state/tree.ts";
import type { Store } from "./store.ts";

export { blockLimits, type FinalizedBlock, type Proposal } from "./candidate.ts";

/**
 * The ledger as a state machine with ABCI 2.0's verbs. It knows no engine, no clock and no network:
 * whoever orders the transactions calls it, and all who call it alike get the same hashes.
 */
export class Application {
  readonly registry: Registry;
  readonly #store: Store;
  readonly #genesis: Genesis;
  readonly #machine: Machine;
  readonly #snapshots: SnapshotVerbs;
  #tree: StateTree;
  #last: { readonly height: number; readonly time: UtcMs; readonly hash: Uint8Array } | undefined;
  /** What each proposal at the next height came to, so that one block runs once. */
  #candidates = new WeakMap<Proposal, Candidate>();
  #finalized: Candidate | undefined;

  /** Throws: `Failure` `store.other-chain` for a store of another genesis, `store.older-rules` for a
   * chain that an older program began, `store.corrupt` for one whose state is not what its last block
   * certified, `contract.unknown-version` for slots whose rules this program does not have. */
  constructor(options: {
    readonly genesis: Genesis;
    readonly store: Store;
    readonly verify: Verify;
    readonly rules?: Rules;
  }) {
    const { genesis, store, verify, rules = ledgerRules } = options;
    this.#store = store;
    this.#genesis = genesis;
    this.#machine = { chain: genesis.chain, rules, verify };
    this.#snapshots = new SnapshotVerbs(store, { genesis, verify });
    const begun = store.genesis !== undefined;
    if (begun && !(hasCouncil(store.state) && hasContract(store.state))) throw olderRules();
    const hash = Buffer.from(genesisHash(genesis)).toString("hex");
    if (store.genesis !== undefined && store.genesis !== hash) {
      throw new Failure(
        "store.other-chain",
        `the store began with genesis ${store.genesis}, the file says ${hash}; take the right one of the two`,
        { retry: "never" },
      );
    }
    this.#tree = StateTree.of(store.state.scan(""));
    const certified = store.header(store.height)?.header.appHash;
    if (certified !== undefined && compareBytes(certified, this.#tree.root) !== 0) {
      throw new Failure(
        "store.corrupt",
        `the stored state is not what block ${store.height} certified; restore the store or verify it`,
        { retry: "never" },
      );
    }
    if (begun) insistOnContracts(store.state, rules.contracts);
    this.registry = {
      byId: (id) => {
        const identity = identityById(store.state, id);
        return identity && isActive(store.state, identity) ? identity : undefined;
      },
      byKeyId: (kid) => identityByKeyId(store.state, kid),
    };
  }

  /** The last block on disk; height 0 asks for `initChain` when `begun` is false. */
  info(): { height: number; time: UtcMs; hash: Uint8Array; appHash: Uint8Array; begun: boolean } {
    const { height, genesis } = this.#store;
    if (this.#last?.height !== height) {
      const stored = this.#store.header(height);
      const time = stored?.header.time ?? this.#genesis.time;
      this.#last = { height, time, hash: stored?.hash ?? genesisHash(this.#genesis) };
    }
    return { ...this.#last, appHash: this.#tree.root, begun: genesis !== undefined };
  }

  /** Writes the first state, once: an engine that was stopped before the first block asks again.
   * Returns its app hash. Throws: `Failure` `genesis.invalid`, `contract.unknown-version`. */
  initChain(): Uint8Array {
    assert(this.#store.height === 0, "a chain begins before its first block");
    if (this.#store.genesis !== undefined) return this.#tree.root;
    const changes = genesisState(this.#genesis);
    const first = new Overlay(emptyState);
    for (const [key, value] of changes) if (value !== undefined) first.set(key, value);
    insistOnContracts(first, this.#machine.rules.contracts);
    this.#store.begin(Buffer.from(genesisHash(this.#genesis)).toString("hex"), changes);
    this.#tree = StateTree.of(this.#store.state.scan(""));
    return this.#tree.root;
  }

  /** Whether a frame is worth keeping for a block; its rule looks at it only there. */
  checkTx(frame: Frame): { readonly ok: true; readonly signer: string } | Refusal {
    const opened = authenticate(frame.bytes, { ...this.#machine, state: this.#store.state });
    if (!opened.ok) return opened.refusal;
    if (this.#machine.rules.tx[opened.kind] === undefined) {
      return refuse("tx.kind", `a ${opened.kind} is no transaction`);
    }
    return { ok: true, signer: opened.signer.id };
  }

  /** Whether the ledger wants a block at this time for its own sake. */
  due(time: UtcMs): boolean {
    const { state } = this.#store;
    const parameters = parametersTable.get(state, "current");
    assert(parameters !== undefined, "genesis wrote the parameters");
    return this.#machine.rules.block.some((rule) => rule.due(state, time, parameters));
  }

  /**
   * Makes a proposal of waiting frames, in their order: those that the rules take, as many as fit
   * into a block. What it takes follows from the state and the frames alone, so that every member
   * takes the same of frames in one order, whatever it still has of older blocks. `left` counts the
   * frames at the end that were not looked at.
   */
  prepareProposal(input: Pick<Proposal, "time" | "proposer" | "view" | "frames">): {
    proposal: Proposal;
    refused: readonly RefusedFrame[];
    left: number;
  } {
    const frames = fitting(input.frames);
    const height = this.#store.height + 1;
    const execution = this.#execute({ ...input, height, frames });
    const taken = execution.taken.map(({ frame }) => frame);
    const proposal = { ...input, height, frames: taken };
    // What was refused left nothing behind, so the block without it runs to the same end.
    this.#candidates.set(proposal, this.#candidate(proposal, { ...execution, refused: [] }));
    return { proposal, refused: execution.refused, left: input.frames.length - frames.length };
  }

  /**
   * Whether a member's proposal may become a block. Codes, in order: `block.height`,
   * `block.proposer`, `block.time`, `block.limits`, `block.refused`.
   */
  processProposal(proposal: Proposal): { readonly ok: true } | Refusal {
    const info = this.info();
    const { height, time, proposer, frames } = proposal;
    if (height !== info.height + 1) {
      return refuse("block.height", `expected height ${info.height + 1}, got ${height}`);
    }
    if (!this.council().voters.some(({ id }) => id === proposer)) {
      return refuse("block.proposer", `${proposer} is no voting member`);
    }
    if (time < info.time) {
      return refuse("block.time", `expected a time from ${info.time} on, got ${time}`);
    }
    if (fitting(frames).length < frames.length) {
      return refuse("block.limits", "the block has more transactions or bytes than a block may");
    }
    const candidate = this.#run(proposal);
    const [first] = candidate.refused;
    if (first === undefined) return { ok: true };
    return refuse("block.refused", `the rules refuse a transaction: ${first.refusal.message}`);
  }

  /** Runs a decided block. Nothing is on disk before `commit`. */
  finalizeBlock(proposal: Proposal): FinalizedBlock {
    assert(proposal.height === this.#store.height + 1, "blocks are finalized in order");
    const candidate = this.#run(proposal);
    assert(candidate.refused.length === 0, "a decided block holds accepted transactions only");
    this.#finalized = candidate;
    return candidate;
  }

  /**
   * Puts the finalized block, with the members' signatures on it, and all it changed on disk. An
   * engine that keeps the proof of its decisions itself has no signatures to hand over: such a block
   * has no receipts and no proofs of ours.
   */
  commit(certificate: Certificate = []): CommittedBlock {
    const candidate = this.#finalized;
    assert(candidate !== undefined, "a block is finalized before it is committed");
    const { header, execution, tree } = candidate;
    if (certificate.length > 0) this.#checkCertificate(header, certificate);
    const block = committedOf(candidate, certificate);
    const step = stepOf(candidate, this.council());
    const stored = { ...block, texts: eventTexts(execution) };
    this.#store.commit(stored, execution.changes, batchesOf(execution), step);
    this.#last = { height: header.height, time: header.time, hash: block.hash };
    this.#tree = tree;
    this.#finalized = undefined;
    this.#candidates = new WeakMap();
    return block;
  }

  /** A key's value in the last committed state, with the path that proves it or its absence. */
  query(key: string): { value: Uint8Array | undefined; path: StatePath; height: number } {
    const { state, height } = this.#store;
    return { value: state.get(key), path: this.#tree.prove(key), height };
  }

  /** Snapshots that others can have, newest first. */
  listSnapshots(): readonly Snapshot[] {
    return this.#snapshots.list();
  }

  /** A chunk for somebody who fetches a snapshot; undefined where it is not here (any more). */
  loadSnapshotChunk(wanted: WantedChunk): Uint8Array | undefined {
    return this.#snapshots.load(wanted);
  }

  /**
   * What the state of an offered snapshot's height is, for an engine that knows no more than this
   * ledger does: a quorum certified it to whom the genesis leads, over the steps from voters to voters
   * that are here and those that come with it. Codes: those of `manifestOf` and `trustSnapshot`.
   */
  trustedAppHash(offered: Snapshot): Uint8Array | Refusal {
    return this.#snapshots.trusted(offered);
  }

  /** Whether to fetch a snapshot that was offered. `appHash`: what the engine knows, by a quorum that
   * it trusts, the state of that height to be. */
  offerSnapshot(offered: Snapshot, appHash: Uint8Array): OfferAnswer {
    return this.#snapshots.offer(offered, appHash);
  }

  /** Takes a chunk of the accepted snapshot; with the last one the ledger stands at its height. */
  applySnapshotChunk(chunk: ArrivingChunk): ApplyAnswer {
    let answer = this.takeSnapshotChunk(chunk);
    while (this.isAdoptingSnapshot) answer = this.adoptSnapshot();
    return answer;
  }

  /** The same for who has other work between: after the last chunk it calls `adoptSnapshot` as long as
   * `isAdoptingSnapshot`. */
  takeSnapshotChunk(chunk: ArrivingChunk): ApplyAnswer {
    return this.#snapshots.apply(chunk);
  }

  get isAdoptingSnapshot(): boolean {
    return this.#snapshots.isAdopting;
  }

  /** Some ms of the work that puts the snapshot in force; with the last of it the ledger stands at its height. */
  adoptSnapshot(): ApplyAnswer {
    return this.#snapshots.goOn((tree) => {
      this.#tree = tree;
      this.#finalized = undefined;
      this.#candidates = new WeakMap();
    });
  }

  /** Ends that work where blocks have led further in the meantime. */
  giveUpSnapshot(): void {
    this.#snapshots.giveUp();
  }

  /** The voters of the next height, with the keys they vote with. */
  council(): Council {
    return councilOf(this.#store.state);
  }

  /** Whom a block of this height, not beyond the next one, is checked against. */
  membershipAt(height: number): Membership {
    return membershipOf(this.#genesis.chain, councilAt(this.#store.state, height));
  }

  /** All members; who votes is who votes on the next height. */
  membership(): Membership {
    const voters = new Set(this.council().voters.map(({ id }) => id));
    const members = membersOf(this.#store.state).map(({ id, key }) => ({
      id,
      key,
      voting: voters.has(id),
    }));
    return { chain: this.#genesis.chain, members };
  }

  #run(proposal: Proposal): Candidate {
    const known = this.#candidates.get(proposal);
    if (known !== undefined) return known;
    const candidate = this.#candidate(proposal, this.#execute(proposal));
    this.#candidates.set(proposal, candidate);
    return candidate;
  }

  #execute({ height, time, frames }: Omit<Proposal, "proposer" | "view">): Execution {
    const previous = this.info().hash;
    return execute(this.#store.state, { height, time, previous, frames }, this.#machine);
  }

  #candidate(proposal: Proposal, execution: Execution): Candidate {
    const previous = this.info().hash;
    const { chain } = this.#genesis;
    return candidateOf(proposal, execution, {
      chain,
      previous,
      tree: this.#tree,
      council: this.council(),
    });
  }

  #checkCertificate(header: BlockHeader, certificate: Certificate): void {
    const council = membershipOf(this.#genesis.chain, this.council());
    const checked = verifyCertificate(
      encodeHeader(header),
      certificate,
      council,
      this.#machine.verify,
    );
    assert(
      checked.ok,
      `the engine hands over a good certificate: ${checked.ok || checked.message}`,
    );
  }
}

function olderRules(): Failure {
  return new Failure(
    "store.older-rules",
    "the chain in this store was begun by an older program, whose rules this one does not have; run it with the program that began it, or keep the store elsewhere and begin a new chain",
    { retry: "never" },
  );
}
