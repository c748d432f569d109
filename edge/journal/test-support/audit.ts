import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { compareBytes, type Signer } from "@busbar/protocol";
import { openDatabase } from "../database.ts";
import { Journal } from "../journal.ts";
import { ReadingsOutbox } from "../readings-outbox.ts";
import { decodeRow, encodeRow } from "../row.ts";
import { verifyJournal } from "../verify.ts";
import { chain, entryAt, meters, type Said, tell } from "./story.ts";

/**
 * Opens a journal that somebody left at any instant, with the product's own code, and holds it
 * against all that was promised before. Then the story goes on in it.
 */
export function audit(path: string, signer: Signer, said: readonly Said[]): void {
  check(path, signer, said);
  const more = [...said];
  tell(path, signer, { rounds: 4, say: (one) => more.push(one) });
  check(path, signer, more);
}

function check(path: string, signer: Signer, said: readonly Said[]): void {
  const database = openDatabase(path);
  try {
    assert.deepEqual(verifyJournal(database, chain).problems, []);
    assert.deepEqual(database.prepare("PRAGMA integrity_check").all().length, 1);
    const journal = new Journal(database, { chain, signer });
    const { seq } = journal.tip("m");
    const promised = Math.max(0, ...said.map((one) => (one.did === "append" ? one.seq : 0)));
    assert.ok(seq >= promised, `${seq} readings, ${promised} were acknowledged`);
    assert.equal(journal.tip("n").seq, seq, "one commit was torn");
    assert.equal(journal.note("meter/m") ?? "0", String(seq), "a note parted from its reading");
    for (const meter of meters) checkMeter(database, meter, said);
    checkReceipts(database, said);
  } finally {
    database.close();
  }
}

function checkMeter(database: DatabaseSync, meter: string, said: readonly Said[]): void {
  const anchor = database.prepare("SELECT seq FROM anchor WHERE meter = ?").get(meter);
  const pruned = Number(anchor?.seq ?? 0);
  let received = 0;
  for (const one of said) {
    if (!("meter" in one) || one.meter !== meter) continue;
    if (one.did === "receipt-comes") received = Math.max(received, one.last);
    if (one.did === "pruned") assert.ok(pruned >= one.seq, "what was pruned is back");
    if (one.did !== "seal" || one.first <= pruned) continue;
    const row = database
      .prepare("SELECT ref FROM batch WHERE meter = ? AND first = ?")
      .get(meter, one.first);
    const ref = row === undefined ? "none" : Buffer.from(row.ref as Uint8Array).toString("hex");
    assert.equal(ref, one.ref, `the batch ${meter} ${one.first} is not the one that was sent`);
  }
  assert.ok(pruned <= received, `pruned up to ${pruned}, receipts up to ${received}`);
  const rows = database.prepare("SELECT seq, payload FROM reading WHERE meter = ?").all(meter);
  for (const { seq, payload } of rows) {
    const row = decodeRow(payload as Uint8Array);
    const place = { meter, seq: Number(seq), prev: row?.prev ?? new Uint8Array(32) };
    const whole = compareBytes(encodeRow(place, entryAt(Number(seq))), payload as Uint8Array) === 0;
    assert.ok(whole, `${meter} ${seq} is not what was read`);
  }
}

function checkReceipts(database: DatabaseSync, said: readonly Said[]): void {
  const outbox = new ReadingsOutbox(database);
  const waiting = new Set(
    meters.flatMap((meter) => outbox.pending(meter, 10_000).map(({ ref }) => ref)),
  );
  for (const one of said) {
    if (one.did === "receipt") assert.ok(!waiting.has(one.ref), "a receipt is forgotten");
  }
}
