import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import {
  type BlockHeader,
  blockHash,
  blockHistoryKey,
  type Certificate,
  Failure,
} from "@busbar/protocol";
import type { CommittedBlock, StoredBlock } from "./block.ts";
import {
  type Batch,
  type BlockSource,
  BlockTable,
  type CertifiedHeader,
  type Place,
  type PlacedBatch,
  type PlacedFrame,
} from "./block-table.ts";
import {
  CouncilStepTable,
  entryNote,
  entryOfNote,
  type ProvenEntry,
  stepOf,
} from "./council-step-table.ts";
import { openDatabase, transaction } from "./database.ts";
import { historyOf } from "./history.ts";
import { HistoryTable } from "./history-table.ts";
import {
  applyProjection,
  type Lack,
  nothingOlder,
  type OlderBlocks,
  openProjections,
  type Projection,
  rebuildProjection,
  skipProjections,
} from "./projection.ts";
import { SnapshotTable } from "./snapshots/snapshot-table.ts";
import type { Changes } from "./state/overlay.ts";
import { SqliteState } from "./state/sqlite-state.ts";
import { type VoteRow, VoteTable } from "./vote-table.ts";

/** A frame that waits for its block. `seq` is its order of arrival. */
export type Pending = {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly frame: Uint8Array;
};

/** The ledger's file: blocks, state, events, waiting frames, and what is projected from them. */
export class Store implements BlockSource {
  readonly state: SqliteState;
  /** For readers of projections. Only a projection's `apply` writes through it, and who works off
   * the tables that a projection keeps. */
  readonly db: DatabaseSync;
  /** The tree over block hashes. */
  readonly history: HistoryTable;
  readonly snapshots: SnapshotTable;
  readonly councilSteps: CouncilStepTable;
  /** The file's name; `:memory:` for a ledger in memory. */
  readonly path: string;
  /** Projections that were made anew just now without blocks that are nowhere. */
  readonly lacks: readonly Lack[];
  readonly #projections: readonly Projection[];
  readonly #older: OlderBlocks;
  readonly #sql: ReturnType<typeof statements>;
  readonly #votes: VoteTable;
  readonly #blocks: BlockTable;
  #height: number;
  #genesis: string | undefined;

  /**
   * `snapshot`: for commands that look into a ledger which another process may be writing. All they
   * read is of one height; they write nothing to a ledger that has begun.
   * `older`: blocks that were pruned, for projections that are made anew.
   * Throws: `Failure` `store.open`, `store.foreign`, `store.newer`, `archive.file`.
   */
  constructor(
    path: string,
    projections: readonly Projection[] = [],
    {
      snapshot = false,
      older = nothingOlder,
    }: { readonly snapshot?: boolean; readonly older?: OlderBlocks } = {},
  ) {
    this.path = path;
    this.db = openDatabase(path);
    if (snapshot) beginSnapshot(this.db);
    this.#sql = statements(this.db);
    this.#votes = new VoteTable(this.db);
    this.#blocks = new BlockTable(this.db);
    this.snapshots = new SnapshotTable(this.db);
    this.councilSteps = new CouncilStepTable(this.db);
    this.history = new HistoryTable(this.db);
    this.state = new SqliteState(this.db);
    this.#height = this.#blocks.height;
    this.#projections = projections;
    this.#older = older;
    this.lacks = openProjections(this.db, projections, {
      base: this.base,
      older,
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
    this.#genesis ??= this.meta("genesis");
    return this.#genesis;
  }

  /** Writes the state that genesis made. */
  begin(genesis: string, changes: Changes): void {
    assert(this.genesis === undefined, "a store begins once");
    this.write(() => {
      this.setMeta("genesis", genesis);
      this.state.write(changes);
    });
    this.state.written(changes);
  }

  /** Writes a block and all that follows from it, and forgets its frames' waiting and the votes that
   * led to it, at once. */
  commit(
    block: StoredBlock,
    changes: Changes,
    batches: readonly Batch[],
    step?: ProvenEntry,
  ): void {
    const { height } = block.header;
    assert(height === this.#height + 1, `block ${height} follows ${this.#height}`);
    this.write(() => {
      this.#blocks.insert(block, batches);
      this.state.write(changes);
      this.#appendHistory(block.header, changes);
      if (step !== undefined) this.#keepStep(block, step);
      for (const hash of block.hashes) this.#sql.dropPending.run(hash);
      this.#votes.dropUpTo(height);
      for (const projection of this.#projections) applyProjection(this.db, projection, block);
    });
    this.state.written(changes);
    this.#height = height;
  }

  /** Puts the certificate of a block that was committed without one where it belongs. */
  certify(height: number, certificate: Certificate): void {
    this.write(() => {
      this.#blocks.certify(height, certificate);
      const note = this.meta(openStep(height));
      const block = this.header(height);
      if (note === undefined || block === undefined) return;
      this.councilSteps.put(stepOf(entryOfNote(note), block));
      this.setMeta(openStep(height), undefined);
    });
  }

  /** A block that is here and whole; see `base`. */
  block(height: number): CommittedBlock | undefined {
    return height === this.base ? undefined : this.#blocks.block(height);
  }

  header(height: number): CertifiedHeader | undefined {
    return this.#blocks.header(height);
  }

  placeOf(hash: Uint8Array): Place | undefined {
    return this.#blocks.placeOf(hash);
  }

  framesOf(height: number): readonly Uint8Array[] {
    return this.#blocks.framesOf(height);
  }

  frame(place: Place): Uint8Array | undefined {
    return this.#blocks.frame(place);
  }

  placeOfReading(meter: string, sequence: number): Place | undefined {
    return this.#blocks.placeOfReading(meter, sequence);
  }

  batchesOf(meter: string): readonly PlacedBatch[] {
    return this.#blocks.batchesOf(meter);
  }

  framesBy(signer: string, range: { from: number; to: number }): readonly PlacedFrame[] {
    return this.#blocks.framesBy(signer, range);
  }

  findEvent(type: string, fields: Readonly<Record<string, string | number>>): Place | undefined {
    return this.#blocks.findEvent(type, fields);
  }

  /**
   * All blocks above this height are here and whole, its own header too: 0, or where a snapshot began
   * or an archive ends.
   */
  get base(): number {
    return Number(this.meta("base") ?? 0);
  }

  /** A note about this file. */
  meta(key: string): string | undefined {
    const row = this.#sql.meta.get(key);
    return row === undefined ? undefined : String(row.value);
  }

  /** Writes a note; undefined deletes it. */
  setMeta(key: string, value: string | undefined): void {
    if (value === undefined) this.#sql.dropMeta.run(key);
    else this.#sql.setMeta.run(key, value);
  }

  /**
   * Goes on from a state that came as a snapshot: `assemble` writes it and says after which block it
   * was. Throws what `assemble` throws, with everything as it was before.
   */
  restart<T extends Omit<CertifiedHeader, "hash">>(genesis: string, assemble: () => T): T {
    const made = this.write(() => {
      const state = assemble();
      const { height } = state.header;
      assert(height > this.#height, "a snapshot leads forward");
      this.setMeta("genesis", genesis);
      this.setMeta("base", String(height));
      this.#blocks.insertHeader({ ...state, hash: blockHash(state.header) });
      this.history.restart(historyOf(new SqliteState(this.db)));
      this.#votes.dropUpTo(height);
      skipProjections(this.db, height);
      return state;
    });
    this.state.forget();
    this.#height = made.header.height;
    return made;
  }

  /** Takes blocks from `base + 1` to `to` away, which lie in an archive; the caller's transaction. */
  drop(to: number): void {
    this.#blocks.drop({ from: this.base, to });
    this.setMeta("base", String(to));
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
    return this.write(() =>
      frames.map(({ hash, frame }) =>
        Number(this.#sql.addPending.run(hash, frame).lastInsertRowid),
      ),
    );
  }

  /** Forgets frames that were refused. */
  dropPending(hashes: readonly Uint8Array[]): void {
    if (hashes.length === 0) return;
    this.write(() => {
      for (const hash of hashes) this.#sql.dropPending.run(hash);
    });
  }

  /** What this member has said and is still bound by, in the order in which it was written. */
  votes(): VoteRow[] {
    return this.#votes.list();
  }

  /** Writes words of this member, with one fsync for all; they may be sent afterwards. */
  addVotes(rows: readonly VoteRow[]): void {
    this.write(() => {
      for (const row of rows) this.#votes.add(row);
    });
  }

  /**
   * Makes what is projected anew from the blocks that are here and in the archive. Nobody else may have the
   * file open. Returns what it lacks of them.
   */
  rebuild(projection: Projection): Lack {
    return rebuildProjection(this.db, projection, {
      base: this.base,
      older: this.#older,
      height: this.#height,
      block: (height) => this.#existing(height),
    });
  }

  close(): void {
    this.db.close();
  }

  /** A step counts once its block is certified: until then it waits where nobody reads it. */
  #keepStep(block: CommittedBlock, entry: ProvenEntry): void {
    const { header, certificate } = block;
    if (certificate.length > 0) this.councilSteps.put(stepOf(entry, block));
    else this.setMeta(openStep(header.height), entryNote(entry));
  }

  #appendHistory({ height, previous }: BlockHeader, changes: Changes): void {
    if (!changes.has(blockHistoryKey)) return;
    // Written just before, and read past the memory of what was committed.
    const { size } = historyOf({ get: (key) => changes.get(key), scan: () => [] });
    this.history.append(previous, { size, height: height - 1 });
  }

  #existing(height: number): CommittedBlock {
    const block = this.block(height);
    assert(
      block !== undefined,
      `the store holds every block up to its height; ${height} is missing`,
    );
    return block;
  }

  /** Runs `body` in one transaction. Throws: `Failure` `store.write` where the disk does not take it. */
  write<T>(body: () => T): T {
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

/** Where the step of a block that lacks its certificate waits. */
const openStep = (height: number) => `open-step/${height}`;

/** SQLite's read transaction; a file in which no ledger has begun is left open to `begin`. */
function beginSnapshot(db: DatabaseSync): void {
  db.exec("BEGIN");
  const begun = db.prepare("SELECT 1 FROM meta WHERE key = 'genesis'").get() !== undefined;
  if (!begun) db.exec("COMMIT");
}

function statements(db: DatabaseSync) {
  return {
    meta: db.prepare("SELECT value FROM meta WHERE key = ?"),
    setMeta: db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"),
    dropMeta: db.prepare("DELETE FROM meta WHERE key = ?"),
    pending: db.prepare("SELECT seq, hash, frame FROM pool ORDER BY seq"),
    addPending: db.prepare("INSERT INTO pool (hash, frame) VALUES (?, ?)"),
    dropPending: db.prepare("DELETE FROM pool WHERE hash = ?"),
  };
}
