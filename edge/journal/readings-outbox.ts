import type { DatabaseSync } from "node:sqlite";
import type { Refused } from "@busbar/protocol";
import { transaction } from "./database.ts";
import type { Outbox, Outgoing } from "./outbox.ts";
import { changed, prepared } from "./prepared.ts";

/** The journal's batches as the link sees them: one lane per meter. */
export class ReadingsOutbox implements Outbox {
  readonly topic = "readings";
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  lanes(): string[] {
    // From one meter to the next: DISTINCT would look at every batch of a month's backlog.
    const rows = prepared(
      this.#database,
      `WITH RECURSIVE next (meter) AS (
         SELECT min(meter) FROM batch WHERE state <> 'committed'
         UNION ALL
         SELECT (SELECT min(meter) FROM batch WHERE state <> 'committed' AND meter > next.meter)
         FROM next WHERE next.meter IS NOT NULL)
       SELECT meter FROM next WHERE meter IS NOT NULL`,
    ).all();
    return rows.map(({ meter }) => String(meter));
  }

  pending(lane: string, limit: number): Outgoing[] {
    const rows = prepared(
      this.#database,
      `SELECT ref, first, last FROM batch
       WHERE meter = ? AND state <> 'committed' ORDER BY first LIMIT ?`,
    ).all(lane, limit);
    return rows.map((row) => this.#outgoing(row));
  }

  sent(refs: readonly string[]): void {
    const update = prepared(
      this.#database,
      "UPDATE batch SET state = 'sent' WHERE ref = ? AND state = 'signed'",
    );
    transaction(this.#database, () => {
      for (const ref of refs) update.run(Buffer.from(ref, "hex"));
    });
  }

  committed(ref: string, receipt: Uint8Array): string | undefined {
    const update = prepared(
      this.#database,
      `UPDATE batch SET state = 'committed', code = NULL, receipt = ?
       WHERE ref = ? AND state <> 'committed' RETURNING meter`,
    );
    const row = changed(update, receipt, Buffer.from(ref, "hex"));
    return row === undefined ? undefined : String(row.meter);
  }

  proven(lane: string, upTo: number, proof: Uint8Array): number {
    // A batch on its way may still get its own receipt, which says more; one that has one keeps it.
    const { changes } = prepared(
      this.#database,
      `UPDATE batch SET state = 'committed', code = NULL, receipt = coalesce(receipt, ?)
       WHERE meter = ? AND last <= ? AND state = 'refused'`,
    ).run(proof, lane, upTo);
    return Number(changes);
  }

  refused(ref: string, { code, expected }: Refused) {
    const bytes = Buffer.from(ref, "hex");
    const row = prepared(
      this.#database,
      "SELECT ref, meter, first, last FROM batch WHERE ref = ?",
    ).get(bytes);
    if (row === undefined) return undefined;
    const lane = String(row.meter);
    prepared(
      this.#database,
      `UPDATE batch SET state = 'refused', code = ?
       WHERE ref = ? AND state <> 'committed' AND (code IS NOT ? OR state <> 'refused')`,
    ).run(code, bytes, code);
    // The ledger lost what it had committed (restored from an older backup): give it again. The
    // receipts stay, for they prove that it had it.
    if (expected !== undefined && expected < Number(row.first)) this.#reopen(lane, expected);
    return { lane, frame: this.#outgoing(row) };
  }

  #reopen(meter: string, expected: number): void {
    prepared(
      this.#database,
      "UPDATE batch SET state = 'signed' WHERE meter = ? AND last >= ? AND state = 'committed'",
    ).run(meter, expected);
  }

  #outgoing(row: Record<string, unknown>): Outgoing {
    const database = this.#database;
    const ref = row.ref as Uint8Array;
    return {
      ref: Buffer.from(ref).toString("hex"),
      // Read when it is sent: most of what waits is looked at many times before.
      get frame() {
        const found = prepared(database, "SELECT frame FROM batch WHERE ref = ?").get(ref);
        if (found === undefined) throw new Error("the batch was made anew since it was looked up");
        return found.frame as Uint8Array;
      },
      range: { first: Number(row.first), last: Number(row.last) },
    };
  }
}
