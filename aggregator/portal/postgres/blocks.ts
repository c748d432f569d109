import assert from "node:assert/strict";
import type { CommittedBlock } from "../../ledger/block.ts";
import type { Heights, OlderBlocks } from "../../ledger/projection.ts";
import type { Store } from "../../ledger/store.ts";

/** Blocks handed out at once, and bytes of their frames: they wait in memory for a server far away. */
const blocksMax = 64;
const bytesMax = 8 * 1024 * 1024;

/** The next blocks behind a height. */
export type NextBlocks = {
  /** They begin behind it; above what was asked for where blocks in between are nowhere. */
  readonly after: number;
  readonly missing: readonly Heights[];
  readonly blocks: readonly CommittedBlock[];
};

/** Where the read model's blocks come from. */
export type FedBlocks = {
  /** The ledger's. */
  height(): number;
  /** The hash of a block that is here, hex. */
  hashOf(height: number): string | undefined;
  /** Throws: `Failure` `archive.file`. */
  behind(height: number): NextBlocks;
};

/** A ledger's blocks, from its file and its archive. */
export function fedBlocks(
  store: Pick<Store, "base" | "height" | "block" | "header">,
  older: OlderBlocks,
): FedBlocks {
  const here = (height: number) => {
    const block = store.block(height);
    assert(block !== undefined, `the store holds every block above its base; ${height} is missing`);
    return block;
  };
  return {
    height: () => store.height,
    hashOf(height) {
      const hash = store.header(height)?.hash;
      return hash === undefined ? undefined : Buffer.from(hash).toString("hex");
    },
    behind(height) {
      const { base } = store;
      if (height >= base) {
        return { after: height, missing: [], blocks: taken(height, store.height, here) };
      }
      return older(base, ({ from, missing, block }) => {
        const after = Math.max(height, from);
        if (after >= base) return { after, missing, blocks: taken(after, store.height, here) };
        return { after, missing, blocks: taken(after, base, block) };
      });
    },
  };
}

function taken(
  after: number,
  to: number,
  block: (height: number) => CommittedBlock,
): readonly CommittedBlock[] {
  const blocks: CommittedBlock[] = [];
  let bytes = 0;
  for (let height = after + 1; height <= to; height += 1) {
    if (blocks.length >= blocksMax || bytes >= bytesMax) break;
    const one = block(height);
    blocks.push(one);
    bytes += one.frames.reduce((sum, { length }) => sum + length, 0);
  }
  return blocks;
}
