import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { decodeCbor, encodeCbor, openFrame } from "@busbar/protocol";

/** One reading as bytes: the CBOR of its entry, by "meter sequence". */
export type Entries = Map<string, Uint8Array>;

/** The field numbers of a readings message (`busbar.cddl`). */
const field = { meter: 1, first: 2, entries: 4 } as const;

/** Every reading in the journals of edge units, as it lies there. */
export function journalEntries(files: readonly string[]): Entries {
  const all: Entries = new Map();
  for (const file of files) {
    for (const payload of blobs(file, "SELECT payload AS blob FROM reading")) add(all, payload);
  }
  return all;
}

/** Every reading in a ledger's blocks. Throws where one stands there twice. */
export function ledgerEntries(file: string): Entries {
  return entriesOf(blobs(file, "SELECT frame AS blob FROM tx ORDER BY height, idx"));
}

/** Every reading in committed frames, in their order. Throws where one stands there twice. */
export function entriesOf(frames: readonly Uint8Array[]): Entries {
  const all: Entries = new Map();
  for (const bytes of frames) {
    const opened = openFrame(bytes);
    if (!opened.ok) throw new Error(`what was committed is no frame: ${opened.message}`);
    if (opened.frame.kind === "readings") add(all, opened.frame.envelope.payload);
  }
  return all;
}

/** Of a ledger's blocks: SHA-256 of each header, from height 1 on. */
export function blockHashes(file: string): string[] {
  return blobs(file, "SELECT header AS blob FROM block ORDER BY height").map((header) =>
    createHash("sha256").update(header).digest("hex"),
  );
}

/** The same by height: a member that came by a snapshot has no blocks before it. */
export function blockHashesByHeight(file: string): ReadonlyMap<number, string> {
  const all = rows(file, "SELECT height, header FROM block ORDER BY height");
  return new Map(
    all.map(({ height, header }) => [
      Number(height),
      createHash("sha256")
        .update(header as Uint8Array)
        .digest("hex"),
    ]),
  );
}

/** Of a ledger's outbox: how many notices there are, and how many deliveries in which state. */
export function noticeDeliveries(file: string): {
  readonly notices: number;
  readonly deliveries: Readonly<Record<string, number>>;
} {
  const count = "SELECT count(*) AS n FROM notice_message";
  const states = "SELECT state, count(*) AS n FROM delivery GROUP BY state";
  return {
    notices: Number(rows(file, count)[0]?.n),
    deliveries: Object.fromEntries(
      rows(file, states).map(({ state, n }) => [String(state), Number(n)]),
    ),
  };
}

/** What one database answers, a BLOB called `blob` in each row. */
function blobs(file: string, query: string): Uint8Array[] {
  return rows(file, query).map(({ blob }) => blob as Uint8Array);
}

function rows(file: string, query: string): Record<string, unknown>[] {
  if (!existsSync(file)) throw new Error(`${file} is not there`);
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

function add(all: Entries, payload: Uint8Array): void {
  for (const { meter, seq, bytes } of entriesIn(payload)) {
    const key = `${meter} ${seq}`;
    if (all.has(key)) throw new Error(`reading ${key} is there twice`);
    all.set(key, bytes);
  }
}

/**
 * The readings of one message. The codec is canonical: an entry's own encoding is the bytes that stand in its
 * message. Throws where it is no readings message.
 */
export function entriesIn(
  payload: Uint8Array,
): readonly { readonly meter: string; readonly seq: number; readonly bytes: Uint8Array }[] {
  const message = decodeCbor(payload);
  if (!(message instanceof Map)) throw new Error("a readings message is a map");
  const [meter, first, entries] = [field.meter, field.first, field.entries].map((key) =>
    message.get(key),
  );
  if (!Array.isArray(entries)) throw new Error("a readings message holds entries");
  return entries.map((entry, i) => {
    const seq = Number(first) + i;
    const bytes = encodeCbor(entry);
    if (!Buffer.from(payload).includes(Buffer.from(bytes)))
      throw new Error(`${meter} ${seq}: other bytes than its own`);
    return { meter: String(meter), seq, bytes };
  });
}
