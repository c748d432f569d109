import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { blockHash, compareBytes, Failure, merkleRoot } from "@busbar/protocol";
import type { CommittedBlock } from "../block.ts";
import {
  type BlockSource,
  BlockTable,
  type CertifiedHeader,
  type Place,
  type PlacedBatch,
  type PlacedFrame,
} from "../block-table.ts";
import { resultsRootOfBlock } from "../prove.ts";
import { sha256 } from "../sha256.ts";

/** First and last height of an archive file. */
export type Range = { readonly from: number; readonly to: number };

/** `blocks-0000000001-0000004096.sqlite`: sorts by height. */
export function archiveName({ from, to }: Range): string {
  const digits = (height: number) => String(height).padStart(10, "0");
  return `blocks-${digits(from)}-${digits(to)}.sqlite`;
}

const namePattern = /^blocks-(\d{10})-(\d{10})\.sqlite$/;

/**
 * One file of old blocks, whole and with their certificates: an SQLite file with the tables of the
 * ledger's. Each block names the one before by hash, so files link to each other and to the store.
 * Throws: `Failure` `archive.file`.
 */
export class Archive implements Range {
  readonly from: number;
  readonly to: number;
  readonly path: string;
  readonly blocks: BlockTable;
  readonly #db: DatabaseSync;

  constructor(path: string, { from, to }: Range) {
    try {
      this.#db = new DatabaseSync(path, { readOnly: true });
      this.blocks = new BlockTable(this.#db);
    } catch (cause) {
      throw new Failure("archive.file", `${path}: not an archive of blocks, or a damaged one`, {
        retry: "never",
        cause,
      });
    }
    this.path = path;
    this.from = from;
    this.to = to;
  }

  /** The first height at which the file is not what its blocks say; undefined where it is sound. */
  check(): { readonly height: number; readonly message: string } | undefined {
    return faultsIn(this.blocks, this);
  }

  close(): void {
    this.#db.close();
  }
}

/** All files of an archive's folder, as one source of blocks. */
export class Archives implements BlockSource {
  readonly #files: readonly Archive[];

  /** A folder that is not there holds nothing. Throws: `Failure` `archive.file`. */
  constructor(folder: string) {
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    this.#files = names.flatMap((name) => {
      const found = namePattern.exec(name);
      if (found === null) return [];
      return [new Archive(join(folder, name), { from: Number(found[1]), to: Number(found[2]) })];
    });
  }

  get files(): readonly Archive[] {
    return this.#files;
  }

  block(height: number): CommittedBlock | undefined {
    return this.#of(height)?.blocks.block(height);
  }

  header(height: number): CertifiedHeader | undefined {
    return this.#of(height)?.blocks.header(height);
  }

  framesOf(height: number): readonly Uint8Array[] {
    return this.#of(height)?.blocks.framesOf(height) ?? [];
  }

  frame(place: Place): Uint8Array | undefined {
    return this.#of(place.height)?.blocks.frame(place);
  }

  placeOf(hash: Uint8Array): Place | undefined {
    return this.#first(({ blocks }) => blocks.placeOf(hash));
  }

  placeOfReading(meter: string, sequence: number): Place | undefined {
    return this.#first(({ blocks }) => blocks.placeOfReading(meter, sequence));
  }

  batchesOf(meter: string): readonly PlacedBatch[] {
    return this.#files.flatMap(({ blocks }) => blocks.batchesOf(meter));
  }

  framesBy(signer: string, range: { from: number; to: number }): readonly PlacedFrame[] {
    return this.#files.flatMap(({ blocks }) => blocks.framesBy(signer, range));
  }

  findEvent(type: string, fields: Readonly<Record<string, string | number>>): Place | undefined {
    return this.#first(({ blocks }) => blocks.findEvent(type, fields));
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  #of(height: number): Archive | undefined {
    return this.#files.find(({ from, to }) => from <= height && height <= to);
  }

  /** Newest files first. */
  #first<T>(find: (archive: Archive) => T | undefined): T | undefined {
    for (const file of [...this.#files].reverse()) {
      const found = find(file);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Blocks of the store and, where it does not hold them whole, of its archive. */
export function bothOf(store: BlockSource, archives: BlockSource): BlockSource {
  return {
    block: (height) => store.block(height) ?? archives.block(height),
    header: (height) => archives.header(height) ?? store.header(height),
    framesOf: (height) => {
      const frames = store.framesOf(height);
      return frames.length > 0 ? frames : archives.framesOf(height);
    },
    frame: (place) => store.frame(place) ?? archives.frame(place),
    batchesOf: (meter) => inOrder([...archives.batchesOf(meter), ...store.batchesOf(meter)]),
    framesBy: (signer, range) => [
      ...archives.framesBy(signer, range),
      ...store.framesBy(signer, range),
    ],
    placeOf: (hash) => store.placeOf(hash) ?? archives.placeOf(hash),
    placeOfReading: (meter, sequence) =>
      store.placeOfReading(meter, sequence) ?? archives.placeOfReading(meter, sequence),
    findEvent: (type, fields) => store.findEvent(type, fields) ?? archives.findEvent(type, fields),
  };
}

/** An archive that was written and not yet followed by the store's own clearing has some twice. */
function inOrder(batches: readonly PlacedBatch[]): readonly PlacedBatch[] {
  const byLast = new Map(batches.map((batch) => [batch.last, batch]));
  return [...byLast.values()].sort((a, b) => a.last - b.last);
}

/** The first of these blocks that is not what its header says, or does not follow the one before. */
export function faultsIn(
  blocks: Pick<BlockSource, "block">,
  { from, to }: Range,
): { readonly height: number; readonly message: string } | undefined {
  let before: CommittedBlock | undefined;
  for (let height = from; height <= to; height++) {
    const block = readBlock(blocks, height);
    const message = block === undefined ? "cannot be read" : faultOf(block, height, before);
    if (message !== undefined) return { height, message };
    before = block;
  }
  return undefined;
}

/** Whatever a damaged disk made of it, the caller names the block. */
function readBlock(blocks: Pick<BlockSource, "block">, height: number) {
  try {
    return blocks.block(height);
  } catch {
    return undefined;
  }
}

function faultOf(
  block: CommittedBlock,
  height: number,
  before: CommittedBlock | undefined,
): string | undefined {
  const { header, hash, frames, hashes } = block;
  if (header.height !== height) return `expected block ${height}, got ${header.height}`;
  if (compareBytes(blockHash(header), hash) !== 0) return "its hash is not its header's";
  if (before !== undefined && compareBytes(header.previous, before.hash) !== 0) {
    return "it does not follow the block before";
  }
  if (compareBytes(merkleRoot(frames, sha256), header.txRoot) !== 0) {
    return "its transactions are not what its header says";
  }
  if (frames.some((frame, i) => compareBytes(sha256(frame), hashes[i] ?? frame) !== 0)) {
    return "the hash of a transaction is not its own";
  }
  const same = compareBytes(resultsRootOfBlock(block), header.resultsRoot) === 0;
  return same ? undefined : "its results and events are not what its header says";
}
