import type { DatabaseSync } from "node:sqlite";
import {
  batchEntriesMax,
  chainHead,
  chainStart,
  Failure,
  type ReadingEntry,
  type Signer,
  type UtcMs,
} from "@busbar/protocol";
import { damageRemedy, transaction } from "./database.ts";
import { sha256 } from "./hash.ts";
import { dropHeld, type HeldReading } from "./held.ts";
import { changed, prepared } from "./prepared.ts";
import { type Rechaining, rechain } from "./rechain.ts";
import { decodeRow, encodeRow, type Tip } from "./row.ts";
import { headIn, noteIn } from "./rows.ts";
import { type Row, sealRows } from "./seal.ts";

/** Batches that are signed in one commit: a month of readings that were made anew, or waited for the
 * time, takes no more memory than these. */
const batchesPerSeal = 16;

/** What one meter showed at one moment. */
export type Sample = { readonly meter: string; readonly entry: ReadingEntry };

/** Readings of a meter that no batch holds yet. */
export type Unsealed = { readonly count: number; readonly oldest: UtcMs | undefined };

/**
 * Every reading of the unit, in order, by meter. Appended before anything is sent; signed batches are
 * frozen, so that a resend is the same bytes.
 */
export class Journal {
  readonly database: DatabaseSync;
  readonly #chain: string;
  readonly #signer: Signer;
  readonly #tips = new Map<string, Tip>();

  constructor(
    database: DatabaseSync,
    { chain, signer }: { readonly chain: string; readonly signer: Signer },
  ) {
    this.database = database;
    this.#chain = chain;
    this.#signer = signer;
  }

  /**
   * Appends samples in one commit and returns their sequence numbers after it is on the disk. Notes
   * that differ from what is noted are in the same commit, and so is the end of the waiting of held
   * readings that the samples were made of.
   */
  append(
    samples: readonly Sample[],
    notes: ReadonlyMap<string, string> = new Map(),
    held: readonly HeldReading[] = [],
  ): number[] {
    if (samples.length === 0) return [];
    const tips = new Map<string, Tip>();
    const seqs: number[] = [];
    const insert = prepared(this.database, "INSERT INTO reading VALUES (?, ?, ?, ?, ?)");
    transaction(this.database, () => {
      for (const { meter, entry } of samples) {
        const { seq: last, head: prev } = tips.get(meter) ?? this.tip(meter);
        const seq = last + 1;
        const head = chainHead(prev, entry, sha256);
        insert.run(meter, seq, entry.time, encodeRow({ meter, seq, prev }, entry), head);
        tips.set(meter, { seq, head });
        seqs.push(seq);
      }
      for (const [key, value] of notes) if (this.note(key) !== value) this.setNote(key, value);
      dropHeld(this.database, held);
    });
    // Only now: a commit that failed leaves memory as it leaves the disk.
    for (const [meter, tip] of tips) this.#tips.set(meter, tip);
    return seqs;
  }

  /** Sequence number and head of the newest reading; seq 0 and the chain's start before the first. */
  tip(meter: string): Tip {
    const known = this.#tips.get(meter);
    if (known !== undefined) return known;
    const tip = readTip(this.database, this.#chain, meter);
    this.#tips.set(meter, tip);
    return tip;
  }

  unsealed(meter: string): Unsealed {
    const row = prepared(
      this.database,
      "SELECT count(*) AS n, min(time) AS oldest FROM reading WHERE meter = ? AND seq > ?",
    ).get(meter, this.#sealedUpTo(meter));
    const oldest = row?.oldest === null ? undefined : (Number(row?.oldest) as UtcMs);
    return { count: Number(row?.n ?? 0), oldest };
  }

  /** Signs all readings of a meter that no batch holds yet; returns how many batches that made. */
  seal(meter: string, entriesMax: number): number {
    const insert = prepared(
      this.database,
      "INSERT INTO batch (meter, first, last, time, frame, ref, state) VALUES (?, ?, ?, ?, ?, ?, 'signed')",
    );
    const rowsMax = batchesPerSeal * Math.min(entriesMax, batchEntriesMax);
    for (let sealed = 0; ; ) {
      const rows = this.#unsealedRows(meter, rowsMax);
      const batches = sealRows(rows, entriesMax, { chain: this.#chain, signer: this.#signer });
      transaction(this.database, () => {
        for (const { first, last, time, frame } of batches) {
          insert.run(meter, first, last, time, frame, sha256(frame));
        }
      });
      sealed += batches.length;
      if (rows.length < rowsMax) return sealed;
    }
  }

  /** The first entry of a meter at or after an instant, and before `until`; undefined where there is
   * none, or one that the disk has spoilt. */
  firstAt(meter: string, from: UtcMs, until: UtcMs): ReadingEntry | undefined {
    const row = prepared(
      this.database,
      "SELECT payload FROM reading WHERE meter = ? AND time >= ? AND time < ? ORDER BY time, seq LIMIT 1",
    ).get(meter, from, until);
    return row && decodeRow(row.payload as Uint8Array)?.entry;
  }

  /** As `firstAt`. */
  newest(meter: string): ReadingEntry | undefined {
    const row = prepared(
      this.database,
      "SELECT payload FROM reading WHERE meter = ? ORDER BY seq DESC LIMIT 1",
    ).get(meter);
    return row && decodeRow(row.payload as Uint8Array)?.entry;
  }

  /** What was noted under a name; notes outlive pruning. */
  note(key: string): string | undefined {
    return noteIn(this.database, key);
  }

  /** The chain's head after a reading; undefined where the journal does not hold it. */
  headAt(meter: string, seq: number): Uint8Array | undefined {
    if (seq === 0) return chainStart(this.#chain, meter, sha256);
    return headIn(this.database, meter, seq);
  }

  /**
   * Puts a meter's readings behind another tip, in one commit: each gets the next number there, with
   * what `change` makes of it; the ones it gives back nothing for are set aside. Batches that were
   * signed under the old numbers go; the readings are signed anew.
   */
  rechain(meter: string, tip: Tip, change: Rechaining): { moved: number; aside: number } {
    const result = rechain(this.database, { meter, tip, change, note: this.setNote.bind(this) });
    this.#tips.delete(meter);
    return result;
  }

  /** A number beyond `last` that grows with each call, over restarts too: of an MQTT birth. */
  nextSession(last = 0): number {
    const insert = prepared(
      this.database,
      `INSERT INTO meta VALUES ('session', ? + 1) ON CONFLICT (key)
       DO UPDATE SET value = max(value, excluded.value - 1) + 1 RETURNING value`,
    );
    const row = changed(insert, last);
    return Number(row?.value);
  }

  /** The last of these numbers, 0 before the first. */
  session(): number {
    const row = prepared(this.database, "SELECT value FROM meta WHERE key = 'session'").get();
    return Number(row?.value ?? 0);
  }

  close(): void {
    this.database.close();
  }

  /** Notes a value under a name, on the disk before the call returns. */
  setNote(key: string, value: string): void {
    prepared(
      this.database,
      "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    ).run(`note/${key}`, value);
  }

  #unsealedRows(meter: string, limit: number): Row[] {
    const rows = prepared(
      this.database,
      "SELECT seq, payload FROM reading WHERE meter = ? AND seq > ? ORDER BY seq LIMIT ?",
    ).all(meter, this.#sealedUpTo(meter), limit);
    return rows.map(({ seq, payload }) => rowOf(Number(seq), payload as Uint8Array));
  }

  #sealedUpTo(meter: string): number {
    // By the primary key: max(last) would look at every batch there is, at each poll.
    const row = prepared(
      this.database,
      "SELECT last FROM batch WHERE meter = ? ORDER BY first DESC LIMIT 1",
    ).get(meter);
    if (row !== undefined) return Number(row.last);
    const anchor = prepared(this.database, "SELECT seq FROM anchor WHERE meter = ?").get(meter);
    return Number(anchor?.seq ?? 0);
  }
}

/** The tip as the database has it. */
export function readTip(database: DatabaseSync, chain: string, meter: string): Tip {
  const row =
    database
      .prepare("SELECT seq, head FROM reading WHERE meter = ? ORDER BY seq DESC LIMIT 1")
      .get(meter) ?? database.prepare("SELECT seq, head FROM anchor WHERE meter = ?").get(meter);
  if (row === undefined) return { seq: 0, head: chainStart(chain, meter, sha256) };
  return { seq: Number(row.seq), head: row.head as Uint8Array };
}

function rowOf(seq: number, payload: Uint8Array): Row {
  const row = decodeRow(payload);
  if (row !== undefined && row.seq === seq) return { ...row, bytes: payload.length };
  const message = `reading ${seq} of the journal is damaged; ${damageRemedy}`;
  throw new Failure("journal.damaged", message, { retry: "never" });
}
