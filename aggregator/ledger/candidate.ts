import assert from "node:assert/strict";
import {
  type BlockHeader,
  blockHash,
  type Certificate,
  type Council,
  councilTable,
  type UtcMs,
} from "@busbar/protocol";
import type { CommittedBlock, RefusedFrame } from "./block.ts";
import type { Batch } from "./block-table.ts";
import { councils } from "./council.ts";
import type { ProvenEntry } from "./council-step-table.ts";
import type { Execution } from "./execution.ts";
import { headerOf } from "./header.ts";
import type { StateTree } from "./state/tree.ts";

/** Most transactions and bytes of one block. They bound what a member must check at once. */
export const blockLimits = { transactions: 4096, bytes: 4 * 1024 * 1024 } as const;

/** A block as one member proposes it. */
export type Proposal = {
  readonly height: number;
  readonly time: UtcMs;
  readonly proposer: string;
  readonly view: number;
  readonly frames: readonly Uint8Array[];
};

/** A block that ran and is not on disk yet. */
export type FinalizedBlock = {
  readonly header: BlockHeader;
  readonly hash: Uint8Array;
  readonly refused: readonly RefusedFrame[];
  /** Who votes on the next height, sorted. */
  readonly nextVoters: readonly string[];
  /** The epoch of the next height: greater than this block's where voters or their keys change. */
  readonly nextEpoch: number;
  /** The same voters, with the keys they vote with. */
  readonly nextCouncil: Council;
};

/** The same with all that it would write. */
export type Candidate = FinalizedBlock & {
  readonly execution: Execution;
  readonly tree: StateTree;
};

/** What a block stands on: the state's tree before it, and who votes on it. */
export type Ground = {
  readonly chain: string;
  /** Hash of the block before. */
  readonly previous: Uint8Array;
  readonly tree: StateTree;
  readonly council: Council;
};

/** As many frames from the front as a block holds. */
export function fitting(list: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  const end = list.findIndex(({ length }, i) => {
    bytes += length;
    return i === blockLimits.transactions || bytes > blockLimits.bytes;
  });
  return end < 0 ? list : list.slice(0, end);
}

/** What running a proposal came to. */
export function candidateOf(proposal: Proposal, execution: Execution, ground: Ground): Candidate {
  const { height, time, proposer, view } = proposal;
  const { chain, previous, council } = ground;
  const tree = ground.tree.update(execution.changes);
  const about = { chain, height, time, previous, proposer, view };
  const header = headerOf(about, { execution, tree, council });
  const { refused } = execution;
  const hash = blockHash(header);
  return { header, hash, refused, ...nextOf(council, execution), execution, tree };
}

/** The block as it is kept. */
export function committedOf(candidate: Candidate, certificate: Certificate): CommittedBlock {
  const { header, hash, execution } = candidate;
  const { taken, ownEvents } = execution;
  return {
    header,
    hash,
    certificate,
    frames: taken.map(({ frame }) => frame),
    hashes: taken.map((tx) => tx.hash),
    signers: taken.map(({ signer }) => signer),
    results: taken.map(({ result }) => result),
    eventCounts: taken.map(({ events }) => events.length),
    events: [...taken.flatMap(({ events }) => events), ...ownEvents],
  };
}

/** Its events as JSON, in their order: they were put into words when they were hashed. */
export function eventTexts({ taken, ownTexts }: Execution): string[] {
  return [...taken.flatMap(({ texts }) => texts), ...ownTexts];
}

/** The readings that it brought. */
export function batchesOf({ taken }: Execution): Batch[] {
  return taken.flatMap(({ events }, index) =>
    events.flatMap((event) =>
      event.type === "readings-accepted"
        ? [{ meter: event.meter, first: event.first, last: event.last, index }]
        : [],
    ),
  );
}

/** Proves who votes on the next height, where that changes: by this block's own voters. */
export function stepOf(candidate: Candidate, council: Council): ProvenEntry | undefined {
  const { tree, execution, nextEpoch: epoch } = candidate;
  if (epoch === council.epoch) return undefined;
  const key = `${councilTable}/${epoch}`;
  const { siblings } = tree.prove(key);
  const value = execution.changes.get(key);
  assert(value !== undefined, "an epoch begins with its entry");
  return { epoch, key, siblings, value };
}

/** Who votes after a block ran. */
function nextOf(before: Council, { changes }: Execution) {
  const changed = { get: (key: string) => changes.get(key), scan: () => [] };
  const nextCouncil = councils.get(changed, "current") ?? before;
  const { epoch, voters } = nextCouncil;
  return { nextEpoch: epoch, nextVoters: voters.map(({ id }) => id), nextCouncil };
}
