import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Signer, type UtcMs, utcMs } from "@busbar/protocol";
import type { Logger } from "pino";
import type { Counters } from "../status/counters.ts";
import { isDiskFault, openDatabase } from "./database.ts";
import { Disk } from "./disk.ts";
import { Journal } from "./journal.ts";
import { decodeLedgerProof, timeOf } from "./ledger-proof.ts";
import { fileBytes, prune, usedBytes } from "./prune.ts";
import { Reserve } from "./reserve.ts";

/** What a unit's journal is kept by. */
export type KeeperOptions = {
  readonly folder: string;
  readonly chain: string;
  readonly signer: Signer;
  readonly retention: { readonly days: number; readonly megabytes: number };
  /** The unit's time, and whether it is known. */
  readonly clock: { readonly known: boolean; now(): UtcMs };
  readonly counters: Counters;
  readonly log: Logger;
};

const dayMs = 86_400_000;
const megabyte = 1024 * 1024;
/** Free pages that a journal on a nearly full disk keeps, so that it need not grow. */
const slackBytes = 4 * megabyte;
/** How much goes at once where the disk is full. */
const roomBytes = megabyte;

/** The journal of a unit that runs, the disk under it, and what goes when. */
export class Keeper {
  readonly journal: Journal;
  readonly disk: Disk;
  readonly #options: KeeperOptions;
  #session = 0;

  /** Throws: `Failure` of `openDatabase`. */
  constructor(options: KeeperOptions) {
    const { folder, chain, signer, counters, log } = options;
    this.#options = options;
    const database = openWithRoom(folder);
    this.journal = new Journal(database, { chain, signer });
    this.disk = new Disk({ folder, counters, log, makeRoom: () => this.#makeRoom(database) });
  }

  /** Deletes what the retention allows to go. Never throws for the disk: the next time comes. */
  prune(): void {
    const { retention, clock, counters, log } = this.#options;
    const { database } = this.journal;
    try {
      const now = clock.known ? clock.now() : 0;
      const before = retainedFrom(database, { now, days: retention.days });
      // On a disk that is nearly full the file is used again and again, not made larger.
      const most = this.disk.isLow ? fileBytes(database) - slackBytes : Number.POSITIVE_INFINITY;
      const bytesMax = Math.max(0, Math.min(retention.megabytes * megabyte, most));
      const gone = prune(database, { before, bytesMax });
      if (gone > 0) log.info({ readings: gone }, "journal pruned");
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      counters.count("journal.prune-failed");
      log.debug({ err: error }, "the journal could not be pruned");
    }
  }

  /** A number that grows with each call, on a disk that takes nothing too. */
  nextSession(): number {
    try {
      this.#session = this.disk.write(() => this.journal.nextSession(this.#session));
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      this.#session = Math.max(this.#session, this.journal.session()) + 1;
    }
    return this.#session;
  }

  #makeRoom(database: DatabaseSync): number {
    return prune(database, { before: utcMs(0), bytesMax: usedBytes(database) - roomBytes });
  }
}

/**
 * What is older may go: so many days before now, by the unit's clock or by the time of the newest
 * block in a receipt, whichever is earlier. A clock that leapt ahead makes nothing old, for the block's
 * time is the members'; without a receipt nothing may go anyway.
 */
export function retainedFrom(
  database: DatabaseSync,
  { now, days }: { readonly now: number; readonly days: number },
): UtcMs {
  const row = database
    .prepare("SELECT receipt FROM batch WHERE state = 'committed' ORDER BY time DESC LIMIT 1")
    .get();
  const proof = row === undefined ? undefined : decodeLedgerProof(row.receipt as Uint8Array);
  const ledger = proof === undefined ? 0 : timeOf(proof);
  return utcMs(Math.max(0, Math.min(now, ledger) - days * dayMs));
}

/** Opens the journal; on a full disk, where not even that is possible, with the reserve's room. */
function openWithRoom(folder: string): DatabaseSync {
  const path = join(folder, "journal.db");
  try {
    return openDatabase(path);
  } catch (error) {
    if (!new Reserve(folder).release()) throw error;
    return openDatabase(path);
  }
}
