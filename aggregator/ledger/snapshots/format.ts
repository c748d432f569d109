import {
  type BlockHeader,
  blockHash,
  CborError,
  type CborValue,
  type Certificate,
  compareBytes,
  decodeCbor,
  encodeCbor,
  type Refusal,
} from "@busbar/protocol";
import {
  array,
  blockHeader,
  bytes,
  certificate,
  encodeAs,
  field,
  optional,
  record,
  SchemaError,
} from "@busbar/protocol/schema";
import { refuse } from "../refuse.ts";
import { sha256 } from "../sha256.ts";

/** The only format there is: chunks of CBOR `[[key, value] …]`, sorted by key over all of them. */
export const snapshotFormat = 1;

/**
 * A chunk ends with the entry that brings it to this size. One value more is the most that a member
 * holds of a snapshot at a time; what others send is refused beyond twice of it.
 */
export const chunkBytes = 1024 * 1024;
export const chunkBytesMax = 2 * chunkBytes;

/** Most chunks: 64 GiB of state. */
const chunksMax = 65_536;

/** A snapshot as members list it (ABCI 2.0 `Snapshot`). One height has one `hash` on all members;
 * `metadata` may differ, for members hold other signatures of one block. */
export type Snapshot = {
  readonly height: number;
  readonly format: number;
  readonly chunks: number;
  readonly hash: Uint8Array;
  readonly metadata: Uint8Array;
};

/**
 * Most bytes of council steps in one manifest, the newest of them: more than two thousand changes of
 * seven voters. Whoever knows none of what is left out goes by blocks.
 */
export const stepsBytesMax = 4 * 1024 * 1024;

/** What `metadata` says: the block after which the state was taken, and each chunk's SHA-256. */
export type Manifest = {
  readonly header: BlockHeader;
  readonly certificate: Certificate;
  readonly chunks: readonly Uint8Array[];
  /** Proofs that lead from each council to the next up to the block's (`StateProof`s), in order;
   * left out where the voters never changed. */
  readonly steps?: readonly Uint8Array[];
};

/** Of one step: 128 voters' keys and signatures, and the path to their entry. */
const stepBytesMax = 64 * 1024;

const manifest = record("snapshot-manifest", {
  header: field(1, blockHeader),
  certificate: field(2, certificate),
  chunks: field(3, array(bytes(32), 1, chunksMax)),
  steps: optional(4, array(bytes(1, stepBytesMax), 1, 0xffff)),
});

/** One entry of the state. */
export type StateEntry = readonly [key: string, value: Uint8Array];

/** A snapshot's name: SHA-256 over its block and its chunks, and over nothing that members differ in. */
export function snapshotOf(made: Manifest): Snapshot {
  const { header, chunks } = made;
  return {
    height: header.height,
    format: snapshotFormat,
    chunks: chunks.length,
    hash: nameOf(made),
    metadata: encodeAs(manifest, made),
  };
}

/** The manifest of an offered snapshot. Codes, in order: `snapshot.format`, `snapshot.metadata`. */
export function manifestOf(offered: Snapshot): { ok: true; manifest: Manifest } | Refusal {
  if (offered.format !== snapshotFormat) {
    return refuse(
      "snapshot.format",
      `expected format ${snapshotFormat}, got ${offered.format}: upgrade the older of the two`,
    );
  }
  const read = decoded(() => manifest.decode(decodeCbor(offered.metadata), ""));
  if (!read.ok) return read;
  const { header, chunks } = read.value;
  const fits = header.height === offered.height && chunks.length === offered.chunks;
  if (fits && compareBytes(nameOf(read.value), offered.hash) === 0) {
    return { ok: true, manifest: read.value };
  }
  return refuse(
    "snapshot.metadata",
    "the manifest is not that of the snapshot; ask another member",
  );
}

export function encodeChunk(entries: readonly StateEntry[]): Uint8Array {
  return chunkOf(entries.map(encodeEntry));
}

export function encodeEntry([key, value]: StateEntry): Uint8Array {
  return encodeCbor([key, value]);
}

/** A chunk of entries that are encoded already: a CBOR array of them. */
export function chunkOf(entries: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([arrayHead(entries.length), ...entries]));
}

/** The head of a CBOR array (RFC 8949 §3), in the shortest form. */
function arrayHead(count: number): Uint8Array {
  if (count < 24) return Uint8Array.of(0x80 | count);
  if (count < 0x100) return Uint8Array.of(0x98, count);
  if (count < 0x1_0000) return Uint8Array.of(0x99, count >> 8, count & 0xff);
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(1, count);
  head[0] = 0x9a;
  return head;
}

/** Codes: `snapshot.chunk`. */
export function decodeChunk(chunk: Uint8Array): { ok: true; entries: StateEntry[] } | Refusal {
  const read = decoded(() => decodeCbor(chunk));
  if (!read.ok) return read;
  const entries = Array.isArray(read.value) ? read.value.map(entryOf) : [undefined];
  const good = entries.filter((entry) => entry !== undefined);
  if (good.length === entries.length) return { ok: true, entries: good };
  return refuse("snapshot.chunk", "expected pairs of a key and its value");
}

function entryOf(value: CborValue): StateEntry | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [key, bytes] = value as CborValue[];
  const fits = typeof key === "string" && /^[\x21-\x7e]+$/.test(key);
  return fits && bytes instanceof Uint8Array ? [key, bytes] : undefined;
}

function nameOf({ header, chunks }: Manifest): Uint8Array {
  return sha256(encodeCbor([snapshotFormat, blockHash(header), [...chunks]]));
}

function decoded<T>(read: () => T): { ok: true; value: T } | Refusal {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (!(error instanceof CborError) && !(error instanceof SchemaError)) throw error;
    return refuse("snapshot.metadata", `not a snapshot's: ${error.message}`);
  }
}
