import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeHash } from "@busbar/protocol";
import { sha256 } from "../../ledger/sha256.ts";
import { hashesJoined } from "./proved-nodes.ts";

/** Bytes of trees that are kept in memory: those of a month of 50 meters take a third of it. */
export const treeBytesMax = 64 * 1024 * 1024;

type Kept = { readonly size: number; readonly nodes: Uint8Array | number };

/**
 * The hash trees of blocks that were hashed once, for all bills that a run makes. What passes a limit goes to a
 * scratch file where one was asked for, so that memory stays the same however large the site is; without one the
 * trees are hashed again. The file has no name any more as soon as it is open: it is gone with the process.
 */
export class BlockTrees {
  readonly #known = new Map<number, Kept>();
  readonly #scratch: Scratch | undefined;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor({
    scratch = false,
    bytesMax = treeBytesMax,
  }: {
    readonly scratch?: boolean;
    readonly bytesMax?: number;
  } = {}) {
    this.#scratch = scratch ? new Scratch() : undefined;
    this.#bytesMax = bytesMax;
  }

  /** The audit path of a frame in its block; undefined where the block has no such frame. `framesOf` is asked for
   * all of the block's, where its tree is not known. */
  path(
    { height, index }: { readonly height: number; readonly index: number },
    framesOf: (height: number) => readonly Uint8Array[],
  ): { readonly size: number; readonly path: Uint8Array } | undefined {
    const { size, nodes } = this.#known.get(height) ?? this.#hash(height, framesOf(height));
    if (index >= size) return undefined;
    const places = pathPlaces(index, size);
    const path = new Uint8Array(32 * places.length);
    for (const [i, place] of places.entries()) {
      if (typeof nodes === "number") this.#scratch?.read(nodes + 32 * place, path, 32 * i);
      else path.set(nodes.subarray(32 * place, 32 * place + 32), 32 * i);
    }
    return { size, path };
  }

  close(): void {
    this.#scratch?.close();
  }

  #hash(height: number, frames: readonly Uint8Array[]): Kept {
    const nodes = treeNodes(frames);
    const isRoom = this.#bytes + nodes.length <= this.#bytesMax;
    if (!isRoom && this.#scratch === undefined) {
      this.#known.clear();
      this.#bytes = 0;
    }
    const inFile = isRoom ? undefined : this.#scratch?.write(nodes);
    if (inFile === undefined) this.#bytes += nodes.length;
    const kept = { size: frames.length, nodes: inFile ?? nodes };
    this.#known.set(height, kept);
    return kept;
  }
}

/** All nodes of a tree (RFC 6962 §2.1), level by level from the leaves' hashes up: of n leaves some 64 n bytes. The last of
 * an odd number moves up unhashed. */
function treeNodes(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves.map(leafHash);
  const levels = [level];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) next.push(right === undefined ? left : nodeHash(1, left, right));
    }
    levels.push(next);
    level = next;
  }
  return hashesJoined(levels.flat());
}

function leafHash(leaf: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length);
  bytes.set(leaf, 1);
  return sha256(bytes);
}

/** Where the nodes of a leaf's audit path stand among a tree's, from the leaf upwards (RFC 6962 §2.1.1). */
function pathPlaces(index: number, size: number): number[] {
  const places: number[] = [];
  let [node, count, start] = [index, size, 0];
  while (count > 1) {
    const sibling = node % 2 === 1 ? node - 1 : node + 1;
    if (sibling < count) places.push(start + sibling);
    start += count;
    [node, count] = [node >> 1, (count + 1) >> 1];
  }
  return places;
}

/** A file of no name. */
class Scratch {
  readonly #file: number;
  #length = 0;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "busbar-trees-"));
    this.#file = openSync(join(folder, "nodes"), "w+", 0o600);
    rmSync(folder, { recursive: true });
  }

  /** Returns where it begins. */
  write(bytes: Uint8Array): number {
    const start = this.#length;
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#file, bytes, at, bytes.length - at, start + at);
    }
    this.#length += bytes.length;
    return start;
  }

  read(position: number, into: Uint8Array, offset: number): void {
    const count = readSync(this.#file, into, offset, 32, position);
    assert(count === 32, "what was written to the scratch file is there");
  }

  close(): void {
    closeSync(this.#file);
  }
}
