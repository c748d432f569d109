import type { DatabaseSync } from "node:sqlite";
import type { Refused, UtcMs } from "@busbar/protocol";
import { transaction } from "../journal/database.ts";
import { sha256 } from "../journal/hash.ts";
import type { FrameState, Outbox, Outgoing } from "../journal/outbox.ts";
import { changed, prepared } from "../journal/prepared.ts";

/** A signed message and the span of site time in which the ledger takes it. What is no quote and no order's
 * answer has a gate below 0. */
export type MarketFrame = {
  readonly kind:
    | "quote-commit"
    | "quote-reveal"
    | "demand-answer"
    | "device-report"
    | "commissioning";
  readonly slot: number;
  /** When the gate that it is for closes: a slot has several. */
  readonly gate: number;
  readonly opens: number;
  readonly closes: number;
  readonly frame: Uint8Array;
};

/** How long answered and expired quotes stay for people to look at, site ms. */
const keepMs = 40 * 86_400_000;

/**
 * The agent's quotes: on the disk, salt and all, before anything of them is sent. A commitment and
 * its reveal are made together, so a unit that dies between gate and reveal still reveals.
 */
export class MarketOutbox implements Outbox {
  readonly topic = "quotes";
  readonly #database: DatabaseSync;
  readonly #now: () => UtcMs;

  constructor(database: DatabaseSync, now: () => UtcMs) {
    this.#database = database;
    this.#now = now;
  }

  /** Stores frames in one commit; those of a slot and gate that have some already are left out. */
  add(frames: readonly MarketFrame[]): void {
    const insert = this.#database.prepare(
      `INSERT OR IGNORE INTO market (ref, kind, slot, gate, opens, closes, frame, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'signed')`,
    );
    transaction(this.#database, () => {
      for (const { kind, slot, gate, opens, closes, frame } of frames) {
        insert.run(sha256(frame), kind, slot, gate, opens, closes, frame);
      }
      // Before the newest slot too, whose time the ledger says: a clock that leapt ahead takes no
      // salt of a quote that is to be revealed.
      this.#database
        .prepare("DELETE FROM market WHERE closes < min(?, (SELECT max(closes) FROM market) - ?)")
        .run(this.#now() - keepMs, keepMs);
    });
  }

  /** Whether the slot is quoted at a gate. */
  has(slot: number, gate: number): boolean {
    const query = prepared(this.#database, "SELECT 1 FROM market WHERE slot = ? AND gate = ?");
    return query.get(slot, gate) !== undefined;
  }

  /** When the next stored frame's time comes, site ms. */
  nextOpening(): number | undefined {
    const row = this.#database
      .prepare("SELECT min(opens) AS at FROM market WHERE opens > ? AND state <> 'committed'")
      .get(this.#now());
    return typeof row?.at === "number" ? row.at : undefined;
  }

  /** What became of the quotes of the newest slots. */
  recent(limit: number): { slot: number; kind: string; state: FrameState; code: string | null }[] {
    const rows = this.#database
      .prepare(
        "SELECT slot, kind, state, code FROM market WHERE gate >= 0 ORDER BY slot DESC, kind LIMIT ?",
      )
      .all(limit);
    return rows.map((row) => ({
      slot: Number(row.slot),
      kind: String(row.kind),
      state: String(row.state) as FrameState,
      code: row.code === null ? null : String(row.code),
    }));
  }

  lanes(): string[] {
    const now = this.#now();
    const rows = this.#database
      .prepare(
        "SELECT kind, slot, gate FROM market WHERE state <> 'committed' AND opens <= ? AND closes > ? ORDER BY closes, slot, kind",
      )
      .all(now, now);
    return rows.map(laneOf);
  }

  pending(lane: string): Outgoing[] {
    const [kind = "", slot = "", gate = ""] = lane.split("/");
    const row = this.#database
      .prepare(
        "SELECT ref, frame FROM market WHERE kind = ? AND slot = ? AND gate = ? AND state <> 'committed'",
      )
      .get(kind, Number(slot), Number(gate));
    return row === undefined ? [] : [outgoingOf(row)];
  }

  sent(refs: readonly string[]): void {
    const update = this.#database.prepare(
      "UPDATE market SET state = 'sent' WHERE ref = ? AND state = 'signed'",
    );
    for (const ref of refs) update.run(Buffer.from(ref, "hex"));
  }

  committed(ref: string, receipt: Uint8Array): string | undefined {
    const update = prepared(
      this.#database,
      `UPDATE market SET state = 'committed', code = NULL, receipt = ?
       WHERE ref = ? AND state <> 'committed' RETURNING kind, slot, gate`,
    );
    const row = changed(update, receipt, Buffer.from(ref, "hex"));
    return row === undefined ? undefined : laneOf(row);
  }

  refused(ref: string, { code }: Refused) {
    const update = prepared(
      this.#database,
      `UPDATE market SET state = CASE state WHEN 'committed' THEN state ELSE 'refused' END, code = ?
       WHERE ref = ? RETURNING ref, frame, kind, slot, gate`,
    );
    const row = changed(update, code, Buffer.from(ref, "hex"));
    return row === undefined ? undefined : { lane: laneOf(row), frame: outgoingOf(row) };
  }
}

const laneOf = ({ kind, slot, gate }: Record<string, unknown>) => `${kind}/${slot}/${gate}`;

function outgoingOf(row: Record<string, unknown>): Outgoing {
  return {
    ref: Buffer.from(row.ref as Uint8Array).toString("hex"),
    frame: row.frame as Uint8Array,
  };
}
