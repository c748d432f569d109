import { type ReadingEntry, type Signer, utcMs } from "@busbar/protocol";
import { isDiskFault, openDatabase } from "../database.ts";
import { Journal } from "../journal.ts";
import { prune } from "../prune.ts";
import { ReadingsOutbox } from "../readings-outbox.ts";

export const chain = "demo";
export const meters = ["m", "n"] as const;

/** What was promised: said only after the call that does it returned. */
export type Said =
  | { readonly did: "append"; readonly seq: number }
  | { readonly did: "seal"; readonly meter: string; readonly first: number; readonly ref: string }
  /** Said before the receipt is written, for what may be pruned. */
  | { readonly did: "receipt-comes"; readonly meter: string; readonly last: number }
  | { readonly did: "receipt"; readonly ref: string }
  | { readonly did: "pruned"; readonly meter: string; readonly seq: number }
  | { readonly did: "failed"; readonly step: string; readonly message: string };

/** What the reading of a number says: a check of a reading needs nothing but its number. */
export function entryAt(seq: number): ReadingEntry {
  const registers = Array.from(
    { length: 6 },
    (_, i) => [`1-0:${i + 1}.8.0`, [seq * 1000 + i, 0]] as const,
  );
  return { time: utcMs(seq), clock: 16, registers: new Map(registers), quality: 0 };
}

/**
 * The journal's whole life, so many times over: both meters append in one commit, every second time
 * they are signed, the oldest batch gets its receipt, and what is old is pruned. A step that the disk
 * did not take is told of and done again. Every few pages are checkpointed, so that a short story
 * has all kinds of writes.
 */
export function tell(
  path: string,
  signer: Signer,
  { rounds, say }: { readonly rounds: number; readonly say: (said: Said) => void },
): void {
  /** A step of the story; a fault of the disk is told of, any other ends the story. */
  const step = <T>(name: string, work: () => T): T => {
    for (let left = 50; ; left--) {
      try {
        return work();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const code = (error as { code?: unknown }).code;
        if (left === 0 || !(isDiskFault(error) || code === "journal.unusable")) throw error;
        say({ did: "failed", step: name, message });
      }
    }
  };
  const database = step("open", () => openDatabase(path));
  database.exec("PRAGMA wal_autocheckpoint = 12");
  const journal = new Journal(database, { chain, signer });
  const outbox = new ReadingsOutbox(database);
  for (let round = 0; round < rounds; round++) {
    const seq = journal.tip("m").seq + 1;
    step("append", () => {
      const notes = new Map([["meter/m", String(seq)]]);
      journal.append(
        meters.map((meter) => ({ meter, entry: entryAt(seq) })),
        notes,
      );
    });
    say({ did: "append", seq });
    if (seq % 2 === 0) for (const meter of meters) sealAndTell(meter);
    if (seq % 3 === 0) {
      step("prune", () => prune(database, { before: utcMs(Math.max(0, seq - 4)), bytesMax: 1e9 }));
      for (const meter of meters) {
        const row = database.prepare("SELECT seq FROM anchor WHERE meter = ?").get(meter);
        if (row !== undefined) say({ did: "pruned", meter, seq: Number(row.seq) });
      }
    }
  }
  step("close", () => database.close());

  function sealAndTell(meter: string): void {
    step("seal", () => journal.seal(meter, 3));
    const waiting = outbox.pending(meter, 100);
    for (const { ref, range } of waiting) {
      say({ did: "seal", meter, first: range?.first ?? 0, ref });
    }
    step("sent", () => outbox.sent(waiting.map(({ ref }) => ref)));
    const [oldest, second] = waiting;
    if (oldest?.range === undefined || second === undefined) return;
    say({ did: "receipt-comes", meter, last: oldest.range.last });
    step("receipt", () => outbox.committed(oldest.ref, Uint8Array.of(1)));
    say({ did: "receipt", ref: oldest.ref });
  }
}
