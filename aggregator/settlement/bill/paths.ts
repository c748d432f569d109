import { inclusionProofs } from "@busbar/protocol";
import type { BlockSource, CertifiedHeader, Place } from "../../ledger/block-table.ts";
import { sha256 } from "../../ledger/sha256.ts";

/** A frame with its block's header and its path there. */
export type FramePath = Pick<CertifiedHeader, "header"> & {
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
  readonly frame: Uint8Array;
};

type Block = Pick<CertifiedHeader, "header"> & {
  readonly frames: readonly Uint8Array[];
  readonly paths: readonly (readonly Uint8Array[])[];
};

/** Blocks kept: a month's of a small site, so that the bills of all owners hash each block once. */
const blocksMax = 8_192;

/** Frames by place, with their paths to the roots of their blocks. */
export class FramePaths {
  readonly #blocks: BlockSource;
  readonly #known = new Map<number, Block>();

  constructor(blocks: BlockSource) {
    this.#blocks = blocks;
  }

  /** Undefined for a frame that is not here. */
  at({ height, index }: Place): FramePath | undefined {
    const block = this.#block(height);
    const [frame, path] = [block?.frames[index], block?.paths[index]];
    if (block === undefined || frame === undefined || path === undefined) return undefined;
    const { header, frames } = block;
    return { header, index, size: frames.length, path, frame };
  }

  #block(height: number): Block | undefined {
    const known = this.#known.get(height);
    if (known !== undefined) return known;
    const certified = this.#blocks.header(height);
    if (certified === undefined) return undefined;
    const frames = this.#blocks.framesOf(height);
    const block = { header: certified.header, frames, paths: inclusionProofs(frames, sha256) };
    if (this.#known.size >= blocksMax) this.#known.clear();
    this.#known.set(height, block);
    return block;
  }
}
