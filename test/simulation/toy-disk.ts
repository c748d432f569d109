import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import type { DurableRecord } from "../../aggregator/consensus/pbft/ports.ts";

/** A record on the disk is not what was written; a member that has lost its word must not speak. */
export class DamagedLog extends Error {
  override readonly name = "DamagedLog";
}

type Entry = { readonly record: DurableRecord; bytes: Uint8Array | undefined };

/** Length, its checksum, and the payload's. */
const headBytes = 12;

/**
 * A log of records as a disk keeps it. What a power cut leaves of the write under way is a torn tail,
 * which nobody relied on, since nothing was sent before the write was confirmed; anything else that does
 * not fit its checksum is damage.
 */
export class ToyLog {
  #entries: Entry[] = [];
  #torn: Uint8Array = new Uint8Array();
  #found: Uint8Array | undefined;

  get records(): readonly DurableRecord[] {
    return this.#entries.map(({ record }) => record);
  }

  /** The newest record for which something holds. */
  findLast(holds: (record: DurableRecord) => boolean): DurableRecord | undefined {
    return this.#entries.findLast(({ record }) => holds(record))?.record;
  }

  append(record: DurableRecord): void {
    this.#entries.push({ record, bytes: undefined });
  }

  /** Drops what is needed no more; this is a write that happens whole or not at all. */
  keep(needed: (record: DurableRecord) => boolean): void {
    this.#entries = this.#entries.filter(({ record }) => needed(record));
  }

  /** The process dies in the middle of writing this record: so much of it is there, 0 to 1. */
  tear(record: DurableRecord, part: number): void {
    const bytes = bytesOf({ record, bytes: undefined });
    this.#torn = bytes.subarray(0, Math.floor(part * bytes.length));
  }

  /** The disk as bytes; a test may put others in their place before the process starts. */
  get bytes(): Uint8Array {
    return this.#found ?? Buffer.concat([...this.#entries.map(bytesOf), this.#torn]);
  }

  set bytes(bytes: Uint8Array) {
    this.#found = bytes;
  }

  /** What a starting process finds; a torn tail is cut off. Throws: `DamagedLog`. */
  open(): readonly DurableRecord[] {
    if (this.#torn.length > 0 || this.#found !== undefined) {
      this.#entries = readLog(this.bytes).map((record) => ({ record, bytes: undefined }));
      this.#torn = new Uint8Array();
      this.#found = undefined;
    }
    return this.records;
  }
}

/** Reads records to the end or to a torn tail. Throws: `DamagedLog`. */
export function readLog(bytes: Uint8Array): DurableRecord[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const records: DurableRecord[] = [];
  for (let at = 0; data.length - at >= headBytes; ) {
    const length = data.readUInt32LE(at);
    if (crc32(data.subarray(at, at + 4)) !== data.readUInt32LE(at + 4)) {
      throw new DamagedLog(`record ${records.length} has another length than was written`);
    }
    const payload = data.subarray(at + headBytes, at + headBytes + length);
    if (payload.length < length) break;
    if (crc32(payload) !== data.readUInt32LE(at + 8)) {
      throw new DamagedLog(`record ${records.length} is not what was written`);
    }
    records.push(deserialize(payload) as DurableRecord);
    at += headBytes + length;
  }
  return records;
}

function bytesOf(entry: Entry): Uint8Array {
  if (entry.bytes !== undefined) return entry.bytes;
  const payload = serialize(entry.record);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(head.subarray(0, 4)), 4);
  head.writeUInt32LE(crc32(payload), 8);
  entry.bytes = Buffer.concat([head, payload]);
  return entry.bytes;
}
