import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A block as it lies in a member's file: its hash, and the frames in their order. */
export type StoredBlock = {
  readonly height: number;
  readonly hash: string;
  readonly frames: readonly Uint8Array[];
};

/** Most blocks that are looked at together. */
const blocksMax = 2_000;

/** A member's blocks above a height; undefined while its file cannot be read. */
export function blocksAfter(folder: string, after: number): readonly StoredBlock[] | undefined {
  return look(join(folder, "ledger.sqlite"), (database) => {
    const until = after + blocksMax;
    const frames = new Map<number, Uint8Array[]>();
    const txs =
      "SELECT height, frame FROM tx WHERE code = 'ok' AND height > ? AND height <= ? ORDER BY height, idx";
    database.exec("BEGIN");
    const first = database.prepare("SELECT min(height) AS height FROM block WHERE height > ?");
    // A ledger that began at a snapshot has none before it.
    const begin = Number(first.get(after)?.height ?? after + 1) - 1;
    const span = [begin, begin + until - after] as const;
    for (const { height, frame } of database.prepare(txs).all(...span)) {
      const all = frames.get(Number(height)) ?? [];
      all.push(frame as Uint8Array);
      frames.set(Number(height), all);
    }
    const blocks =
      "SELECT height, header FROM block WHERE height > ? AND height <= ? ORDER BY height";
    return database
      .prepare(blocks)
      .all(...span)
      .map(({ height, header }) => ({
        height: Number(height),
        hash: hashOf(header as Uint8Array),
        frames: frames.get(Number(height)) ?? [],
      }));
  });
}

/** The frames of a member's newest blocks. */
export function newestFrames(folder: string, count: number): readonly Uint8Array[] {
  const query = "SELECT frame FROM tx ORDER BY height DESC, idx DESC LIMIT ?";
  const all = look(join(folder, "ledger.sqlite"), (database) => database.prepare(query).all(count));
  return (all ?? []).map(({ frame }) => frame as Uint8Array);
}

/** A unit's readings that have a number above the last that was seen of their meter. */
export function journalAfter(
  folder: string,
  seen: ReadonlyMap<string, number>,
): readonly { readonly meter: string; readonly seq: number; readonly payload: Uint8Array }[] {
  const all = look(join(folder, "data", "journal.db"), (database) => {
    const meters = database.prepare("SELECT DISTINCT meter FROM reading").all();
    const query = "SELECT seq, payload FROM reading WHERE meter = ? AND seq > ? ORDER BY seq";
    const after = database.prepare(query);
    return meters.flatMap(({ meter }) =>
      after.all(String(meter), seen.get(String(meter)) ?? 0).map(({ seq, payload }) => {
        return { meter: String(meter), seq: Number(seq), payload: payload as Uint8Array };
      }),
    );
  });
  return all ?? [];
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Undefined where the file is not there or not to be read: its process may be starting, or its disk may fail. */
function look<T>(file: string, ask: (database: DatabaseSync) => T): T | undefined {
  if (!existsSync(file)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: 2_000 });
    return ask(database);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_SQLITE_ERROR") throw error;
    return undefined;
  } finally {
    database?.close();
  }
}
