import type { BlockHeader } from "@busbar/protocol";
import type { BlockSource, Place } from "../../ledger/block-table.ts";
import { BlockTrees } from "./block-trees.ts";

/** A frame with its block's header and its path there. */
export type FramePath = {
  readonly header: BlockHeader;
  readonly index: number;
  readonly size: number;
  /** Hashes one behind the other, from below. */
  readonly path: Uint8Array;
  readonly frame: Uint8Array;
};

/** Frames by place, with their paths to the roots of their blocks. */
export class FramePaths {
  readonly #blocks: BlockSource;
  readonly #trees: BlockTrees;
  #last: BlockHeader | undefined;

  constructor(blocks: BlockSource, trees = new BlockTrees()) {
    this.#blocks = blocks;
    this.#trees = trees;
  }

  /** What a frame says, without what proves it. */
  frame(place: Place): Uint8Array | undefined {
    return this.#blocks.frame(place);
  }

  /** Undefined for a frame that is not here. */
  at(place: Place, known = this.frame(place)): FramePath | undefined {
    const header = this.header(place.height);
    if (header === undefined || known === undefined) return undefined;
    const found = this.#trees.path(place, (height) => this.#blocks.framesOf(height));
    return found && { header, index: place.index, ...found, frame: known };
  }

  /** Frames are asked for in the order of their blocks, and each block for its header more than once. */
  header(height: number): BlockHeader | undefined {
    if (this.#last?.height === height) return this.#last;
    const found = this.#blocks.header(height)?.header;
    this.#last = found;
    return found;
  }
}
