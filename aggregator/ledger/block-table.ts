import type { DatabaseSync } from "node:sqlite";
import { type Certificate, encodeHeader } from "@busbar/protocol";
import type { CommittedBlock, Result, StoredBlock } from "./block.ts";
import { decodeCertificate, decodeHeader, encodeCertificate } from "./codecs.ts";
import type { LedgerEvent } from "./events.ts";

/** A frame's place in the chain. */
export type Place = { readonly height: number; readonly index: number };

/** A batch of readings that a block brought: which, and in which of its transactions. */
export type Batch = {
  readonly meter: string;
  readonly first: number;
  readonly last: number;
  readonly index: number;
};

/** A batch of a meter with the block that brought it. */
export type PlacedBatch = Batch & Place;

/** A frame with its place. */
export type PlacedFrame = Place & { readonly frame: Uint8Array };

/** A block's header, hash and certificate without its transactions. */
export type CertifiedHeader = Pick<CommittedBlock, "header" | "hash" | "certificate">;

/** Where blocks lie whole: the ledger's store, or an archive of it. */
export type BlockSource = {
  /** Undefined for a block that is not here, or not whole. Throws for one that cannot be read. */
  block(height: number): CommittedBlock | undefined;
  header(height: number): CertifiedHeader | undefined;
  placeOf(hash: Uint8Array): Place | undefined;
  placeOfReading(meter: string, sequence: number): Place | undefined;
  /** The frames of a block, in order. */
  framesOf(height: number): readonly Uint8Array[];
  /** One frame of a block; undefined where it is not here. */
  frame(place: Place): Uint8Array | undefined;
  /** All batches of a meter's readings that are here, in the order of its chain. */
  batchesOf(meter: string): readonly PlacedBatch[];
  /** All frames that an owner or device signed in blocks of these heights, in order. */
  framesBy(signer: string, range: { from: number; to: number }): readonly PlacedFrame[];
  /** Where an event of a type lies, by what its JSON holds: the newest. */
  findEvent(type: string, fields: Readonly<Record<string, string | number>>): Place | undefined;
};

/** The tables of blocks in a database. The caller's transaction surrounds what is written. */
export class BlockTable implements BlockSource {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
  }

  /** The newest; 0 where there is none. */
  get height(): number {
    return Number(this.#sql.height.get()?.height ?? 0);
  }

  block(height: number): CommittedBlock | undefined {
    const certified = this.header(height);
    if (certified === undefined) return undefined;
    const txs = this.#sql.txs.all(height);
    const events = this.#sql.events.all(height);
    return {
      ...certified,
      frames: txs.map((tx) => tx.frame as Uint8Array),
      hashes: txs.map((tx) => tx.hash as Uint8Array),
      signers: txs.map((tx) => String(tx.signer)),
      results: txs.map((tx) => String(tx.code) as Result),
      eventCounts: txs.map((tx) => Number(tx.events)),
      events: events.map((event) => JSON.parse(String(event.json)) as LedgerEvent),
    };
  }

  header(height: number): CertifiedHeader | undefined {
    const row = this.#sql.block.get(height);
    if (row === undefined) return undefined;
    return {
      header: decodeHeader(row.header as Uint8Array),
      hash: row.hash as Uint8Array,
      certificate: decodeCertificate(row.certificate as Uint8Array),
    };
  }

  placeOf(hash: Uint8Array): Place | undefined {
    const row = this.#sql.place.get(hash);
    return row === undefined ? undefined : { height: Number(row.height), index: Number(row.idx) };
  }

  framesOf(height: number): readonly Uint8Array[] {
    return this.#sql.frames.all(height).map((row) => row.frame as Uint8Array);
  }

  frame({ height, index }: Place): Uint8Array | undefined {
    return this.#sql.frame.get(height, index)?.frame as Uint8Array | undefined;
  }

  placeOfReading(meter: string, sequence: number): Place | undefined {
    const row = this.#sql.reading.get(meter, sequence);
    if (row === undefined || Number(row.first) > sequence) return undefined;
    return { height: Number(row.height), index: Number(row.idx) };
  }

  batchesOf(meter: string): readonly PlacedBatch[] {
    return this.#sql.batches.all(meter).map(({ first, last, height, idx }) => ({
      meter,
      first: Number(first),
      last: Number(last),
      height: Number(height),
      index: Number(idx),
    }));
  }

  framesBy(
    signer: string,
    { from, to }: { readonly from: number; readonly to: number },
  ): readonly PlacedFrame[] {
    return this.#sql.framesBy.all(from, to, signer).map(({ height, idx, frame }) => ({
      height: Number(height),
      index: Number(idx),
      frame: frame as Uint8Array,
    }));
  }

  findEvent(type: string, fields: Readonly<Record<string, string | number>>): Place | undefined {
    const names = Object.keys(fields);
    const wanted = names.map(() => " AND json_extract(json, ?) = ?").join("");
    const sql = `SELECT height, idx FROM event WHERE type = ?${wanted} ORDER BY height DESC LIMIT 1`;
    const values = names.flatMap((name) => [`$.${name}`, fields[name] ?? null]);
    const row = this.#db.prepare(sql).get(type, ...values);
    return row && { height: Number(row.height), index: Number(row.idx) };
  }

  insert(block: StoredBlock, batches: readonly Batch[]): void {
    const { frames, hashes, signers, results, eventCounts, events, texts } = block;
    const { height } = block.header;
    this.insertHeader(block);
    for (const [i, frame] of frames.entries()) {
      const about = [hashes[i] ?? null, signers[i] ?? null, results[i] ?? null];
      this.#sql.addTx.run(height, i, frame, ...about, eventCounts[i] ?? null);
    }
    for (const [i, event] of events.entries()) {
      this.#sql.addEvent.run(height, i, event.type, texts?.[i] ?? JSON.stringify(event));
    }
    for (const { meter, first, last, index } of batches) {
      this.#sql.addReading.run(meter, last, first, height, index);
    }
  }

  /** A block of which nothing else is here: the one that what follows stands on. */
  insertHeader({ header, hash, certificate }: CertifiedHeader): void {
    const bytes = encodeHeader(header);
    this.#sql.addBlock.run(header.height, bytes, encodeCertificate(certificate), hash);
  }

  certify(height: number, certificate: Certificate): void {
    this.#sql.certify.run(encodeCertificate(certificate), height);
  }

  /** Takes blocks away, the last one's header excepted. */
  drop({ from, to }: { readonly from: number; readonly to: number }): void {
    for (const table of ["tx", "event", "reading"] as const) {
      this.#db.prepare(`DELETE FROM ${table} WHERE height BETWEEN ? AND ?`).run(from, to);
    }
    this.#db.prepare("DELETE FROM block WHERE height BETWEEN ? AND ?").run(from, to - 1);
  }
}

function statements(db: DatabaseSync) {
  return {
    height: db.prepare("SELECT max(height) AS height FROM block"),
    block: db.prepare("SELECT header, certificate, hash FROM block WHERE height = ?"),
    txs: db.prepare(
      "SELECT frame, hash, signer, code, events FROM tx WHERE height = ? ORDER BY idx",
    ),
    frames: db.prepare("SELECT frame FROM tx WHERE height = ? ORDER BY idx"),
    frame: db.prepare("SELECT frame FROM tx WHERE height = ? AND idx = ?"),
    events: db.prepare("SELECT json FROM event WHERE height = ? ORDER BY idx"),
    place: db.prepare("SELECT height, idx FROM tx WHERE hash = ? ORDER BY height LIMIT 1"),
    reading: db.prepare(
      "SELECT first, height, idx FROM reading WHERE meter = ? AND last >= ? ORDER BY last LIMIT 1",
    ),
    batches: db.prepare(
      "SELECT first, last, height, idx FROM reading WHERE meter = ? ORDER BY last",
    ),
    framesBy: db.prepare(
      `SELECT height, idx, frame FROM tx WHERE height BETWEEN ? AND ? AND signer = ?
       ORDER BY height, idx`,
    ),
    addBlock: db.prepare(
      "INSERT OR REPLACE INTO block (height, header, certificate, hash) VALUES (?, ?, ?, ?)",
    ),
    certify: db.prepare("UPDATE block SET certificate = ? WHERE height = ?"),
    addTx: db.prepare(
      "INSERT INTO tx (height, idx, frame, hash, signer, code, events) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    addEvent: db.prepare("INSERT INTO event (height, idx, type, json) VALUES (?, ?, ?, ?)"),
    addReading: db.prepare(
      "INSERT OR REPLACE INTO reading (meter, last, first, height, idx) VALUES (?, ?, ?, ?, ?)",
    ),
  };
}
