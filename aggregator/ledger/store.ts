import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { type BlockHeader, type Certificate, encodeHeader, Failure } from "@busbar/protocol";
import type { CommittedBlock, Result } from "./block.ts";
import { decodeCertificate, decodeHeader, encodeCertificate } from "./codecs.ts";
import { openDatabase, transaction } from "./database.ts";
import type { LedgerEvent } from "./events.ts";
import { applyProjection, openProjections, type Projection } from "./projection.ts";
import type { Changes } from "./state/overlay.ts";
import { SqliteState } from "./state/sqlite-state.ts";
import { type VoteRow, VoteTable } from "./vote-table.ts";

/** A frame's place in the chain. */
export type Place = { readonly height: number; readonly index: number };

/** A batch of readings that a block brought: which, and in which of its transactions. */
export type Batch = {
  readonly meter: string;
  readonly first: number;
  readonly last: number;
  readonly index: number;
};

/** A frame that waits for its block. `seq` is its order of arrival. */
export type Pending = {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly frame: Uint8Array;
};

/** The ledger's file: blocks, state, events, waiting frames, and what is projected from them. */
export class Store {
  readonly state: SqliteState;
  /** For readers of projections. Only a projection's `apply` writes through it, and who works off
   * the tables that a projection keeps. */
  readonly db: DatabaseSync;
  readonly #projections: readonly Projection[];
  readonly #sql: ReturnType<typeof statements>;
  readonly #votes: VoteTable;
  #height: number;

  /**
   * `snapshot`: for commands that look into a ledger which another process may be writing. All they
   * read is of one height; they write nothing to a ledger that has begun.
   * Throws: `Failure` `store.open`, `store.foreign`, `store.newer`.
   */
  constructor(
    path: string,
    projections: readonly Projection[] = [],
    { snapshot = false }: { readonly snapshot?: boolean } = {},
  ) {
    this.db = openDatabase(path);
    if (snapshot) beginSnapshot(this.db);
    this.#sql = statements(this.db);
    this.#votes = new VoteTable(this.db);
    this.state = new SqliteState(this.db);
    this.#height = Number(this.#sql.height.get()?.height ?? 0);
    this.#projections = projections;
    openProjections(this.db, projections, {
      height: this.#height,
      block: (height) => this.#existing(height),
    });
  }

  /** Height of the last committed block; 0 before the first. */
  get height(): number {
    return this.#height;
  }

  /** The hash of the genesis that this file began with, in hex; undefined for a new file. */
  get genesis(): string | undefined {
    const row = this.#sql.meta.get("genesis");
    return row === undefined ? undefined : String(row.value);
  }

  /** Writes the state that genesis made. */
  begin(genesis: string, changes: Changes): void {
    assert(this.genesis === undefined, "a store begins once");
    this.#write(() => {
      this.#sql.setMeta.run("genesis", genesis);
      this.state.write(changes);
    });
    this.state.written(changes);
  }

  /** Writes a block and all that follows from it, and forgets its frames' waiting and the votes that
   * led to it, at once. */
  commit(block: CommittedBlock, changes: Changes, batches: readonly Batch[]): void {
    const { height } = block.header;
    assert(height === this.#height + 1, `block ${height} follows ${this.#height}`);
    this.#write(() => {
      this.#insertBlock(block);
      for (const { meter, first, last, index } of batches) {
        this.#sql.addReading.run(meter, last, first, height, index);
      }
      this.state.write(changes);
      for (const hash of block.hashes) this.#sql.dropPending.run(hash);
      this.#votes.dropUpTo(height);
      for (const projection of this.#projections) applyProjection(this.db, projection, block);
    });
    this.state.written(changes);
    this.#height = height;
  }

  block(height: number): CommittedBlock | undefined {
    const row = this.#sql.block.get(height);
    if (row === undefined) return undefined;
    const txs = this.#sql.txs.all(height);
    const events = this.#sql.events.all(height);
    return {
      header: decodeHeader(row.header as Uint8Array),
      hash: row.hash as Uint8Array,
      certificate: decodeCertificate(row.certificate as Uint8Array),
      frames: txs.map((tx) => tx.frame as Uint8Array),
      hashes: txs.map((tx) => tx.hash as Uint8Array),
      signers: txs.map((tx) => String(tx.signer)),
      results: txs.map((tx) => String(tx.code) as Result),
      events: events.map((event) => JSON.parse(String(event.json)) as LedgerEvent),
    };
  }

  /** A block's header, hash and certificate without its transactions. */
  header(
    height: number,
  ): { header: BlockHeader; hash: Uint8Array; certificate: Certificate } | undefined {
    const row = this.#sql.block.get(height);
    if (row === undefined) return undefined;
    return {
      header: decodeHeader(row.header as Uint8Array),
      hash: row.hash as Uint8Array,
      certificate: decodeCertificate(row.certificate as Uint8Array),
    };
  }

  /** Where a frame stands, by its SHA-256. */
  placeOf(hash: Uint8Array): Place | undefined {
    const row = this.#sql.place.get(hash);
    return row === undefined ? undefined : { height: Number(row.height), index: Number(row.idx) };
  }

  /** The frames of a block, in order. */
  framesOf(height: number): readonly Uint8Array[] {
    return this.#sql.frames.all(height).map((row) => row.frame as Uint8Array);
  }

  /** Where the batch stands that holds a meter's reading. */
  placeOfReading(meter: string, sequence: number): Place | undefined {
    const row = this.#sql.reading.get(meter, sequence);
    if (row === undefined || Number(row.first) > sequence) return undefined;
    return { height: Number(row.height), index: Number(row.idx) };
  }

  /** All frames that wait, in order of arrival. */
  pending(): Pending[] {
    return this.#sql.pending.all().map((row) => ({
      seq: Number(row.seq),
      hash: row.hash as Uint8Array,
      frame: row.frame as Uint8Array,
    }));
  }

  /** Writes frames that wait, with one fsync for all. Returns their `seq`s. */
  addPending(frames: readonly { hash: Uint8Array; frame: Uint8Array }[]): number[] {
    return this.#write(() =>
      frames.map(({ hash, frame }) =>
        Number(this.#sql.addPending.run(hash, frame).lastInsertRowid),
      ),
    );
  }

  /** Forgets frames that were refused. */
  dropPending(hashes: readonly Uint8Array[]): void {
    if (hashes.length === 0) return;
    this.#write(() => {
      for (const hash of hashes) this.#sql.dropPending.run(hash);
    });
  }

  /** What this member has said and is still bound by, in the order in which it was written. */
  votes(): VoteRow[] {
    return this.#votes.list();
  }

  /** Writes words of this member, with one fsync for all; they may be sent afterwards. */
  addVotes(rows: readonly VoteRow[]): void {
    this.#write(() => {
      for (const row of rows) this.#votes.add(row);
    });
  }

  close(): void {
    this.db.close();
  }

  #existing(height: number): CommittedBlock {
    const block = this.block(height);
    assert(
      block !== undefined,
      `the store holds every block up to its height; ${height} is missing`,
    );
    return block;
  }

  #insertBlock(block: CommittedBlock): void {
    const { header, certificate, hash, frames, hashes, signers, results, events } = block;
    const { height } = header;
    this.#sql.addBlock.run(height, encodeHeader(header), encodeCertificate(certificate), hash);
    for (const [i, frame] of frames.entries()) {
      this.#sql.addTx.run(
        height,
        i,
        frame,
        hashes[i] ?? null,
        signers[i] ?? null,
        results[i] ?? null,
      );
    }
    for (const [i, event] of events.entries()) {
      this.#sql.addEvent.run(height, i, event.type, JSON.stringify(event));
    }
  }

  #write<T>(body: () => T): T {
    try {
      return transaction(this.db, body);
    } catch (cause) {
      if (cause instanceof Error && "errcode" in cause) {
        throw new Failure("store.write", `cannot write the ledger's store: ${cause.message}`, {
          retry: "later",
          cause,
        });
      }
      throw cause;
    }
  }
}

/** SQLite's read transaction; a file in which no ledger has begun is left open to `begin`. */
function beginSnapshot(db: DatabaseSync): void {
  db.exec("BEGIN");
  const begun = db.prepare("SELECT 1 FROM meta WHERE key = 'genesis'").get() !== undefined;
  if (!begun) db.exec("COMMIT");
}

function statements(db: DatabaseSync) {
  return {
    height: db.prepare("SELECT max(height) AS height FROM block"),
    meta: db.prepare("SELECT value FROM meta WHERE key = ?"),
    setMeta: db.prepare("INSERT INTO meta (key, value) VALUES (?, ?)"),
    block: db.prepare("SELECT header, certificate, hash FROM block WHERE height = ?"),
    txs: db.prepare("SELECT frame, hash, signer, code FROM tx WHERE height = ? ORDER BY idx"),
    frames: db.prepare("SELECT frame FROM tx WHERE height = ? ORDER BY idx"),
    events: db.prepare("SELECT json FROM event WHERE height = ? ORDER BY idx"),
    place: db.prepare("SELECT height, idx FROM tx WHERE hash = ?"),
    reading: db.prepare(
      "SELECT first, height, idx FROM reading WHERE meter = ? AND last >= ? ORDER BY last LIMIT 1",
    ),
    addBlock: db.prepare(
      "INSERT INTO block (height, header, certificate, hash) VALUES (?, ?, ?, ?)",
    ),
    addTx: db.prepare(
      "INSERT INTO tx (height, idx, frame, hash, signer, code) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    addEvent: db.prepare("INSERT INTO event (height, idx, type, json) VALUES (?, ?, ?, ?)"),
    addReading: db.prepare(
      "INSERT INTO reading (meter, last, first, height, idx) VALUES (?, ?, ?, ?, ?)",
    ),
    pending: db.prepare("SELECT seq, hash, frame FROM pool ORDER BY seq"),
    addPending: db.prepare("INSERT INTO pool (hash, frame) VALUES (?, ?)"),
    dropPending: db.prepare("DELETE FROM pool WHERE hash = ?"),
  };
}
