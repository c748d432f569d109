import type { DatabaseSync } from "node:sqlite";
import type { Refused } from "@busbar/protocol";
import { transaction } from "./database.ts";
import type { Outbox, Outgoing } from "./outbox.ts";

/** The journal's batches as the link sees them: one lane per meter. */
export class ReadingsOutbox implements Outbox {
  readonly topic = "readings";
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  lanes(): string[] {
    const rows = this.#database
      .prepare("SELECT DISTINCT meter FROM batch WHERE state <> 'committed' ORDER BY meter")
      .all();
    return rows.map(({ meter }) => String(meter));
  }

  pending(lane: string, limit: number): Outgoing[] {
    const rows = this.#database
      .prepare(
        "SELECT * FROM batch WHERE meter = ? AND state <> 'committed' ORDER BY first LIMIT ?",
      )
      .all(lane, limit);
    return rows.map(outgoingOf);
  }

  sent(refs: readonly string[]): void {
    const update = this.#database.prepare(
      "UPDATE batch SET state = 'sent' WHERE ref = ? AND state = 'signed'",
    );
    transaction(this.#database, () => {
      for (const ref of refs) update.run(Buffer.from(ref, "hex"));
    });
  }

  committed(ref: string, receipt: Uint8Array): string | undefined {
    const row = this.#database
      .prepare(
        `UPDATE batch SET state = 'committed', code = NULL, receipt = ?
         WHERE ref = ? AND state <> 'committed' RETURNING meter`,
      )
      .get(receipt, Buffer.from(ref, "hex"));
    return row === undefined ? undefined : String(row.meter);
  }

  refused(ref: string, { code, expected }: Refused) {
    const row = this.#database
      .prepare("SELECT * FROM batch WHERE ref = ?")
      .get(Buffer.from(ref, "hex"));
    if (row === undefined) return undefined;
    const lane = String(row.meter);
    this.#database
      .prepare(
        "UPDATE batch SET state = 'refused', code = ? WHERE ref = ? AND state <> 'committed' AND (code IS NOT ? OR state <> 'refused')",
      )
      .run(code, Buffer.from(ref, "hex"), code);
    // The ledger lost what it had committed (restored from an older backup): give it again. The
    // receipts stay, for they prove that it had it.
    if (expected !== undefined && expected < Number(row.first)) this.#reopen(lane, expected);
    return { lane, frame: outgoingOf(row) };
  }

  #reopen(meter: string, expected: number): void {
    this.#database
      .prepare(
        "UPDATE batch SET state = 'signed' WHERE meter = ? AND last >= ? AND state = 'committed'",
      )
      .run(meter, expected);
  }
}

function outgoingOf(row: Record<string, unknown>): Outgoing {
  return {
    ref: Buffer.from(row.ref as Uint8Array).toString("hex"),
    frame: row.frame as Uint8Array,
    range: { first: Number(row.first), last: Number(row.last) },
  };
}
