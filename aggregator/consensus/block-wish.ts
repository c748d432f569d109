import { utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import { type Application, blockLimits } from "../ledger/application.ts";
import type { Store } from "../ledger/store.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Proposal } from "./pbft/messages.ts";

/** Rules of the ledger's own become due on whole minutes of site time: gates and slots are in minutes. */
const dueEveryMs = 60_000;

/** How far (wall ms) another member's clock may be behind before it is blamed for a missing block. */
const slackMs = 1_000;

const most = { frames: blockLimits.transactions, bytes: blockLimits.bytes };

type Looked = { readonly height: number; readonly minute: number; readonly due: boolean };

/**
 * When (monotonic ms) a leader looks again. What was wished for until the step began has been proposed
 * in it, or waits for other members; what fell due while the disk wrote is not left until the next tick.
 */
export function lookAgainAt(times: {
  readonly wishedAt: number | undefined;
  readonly steppedAt: number;
  readonly tickAt: number;
}): number {
  const { wishedAt, steppedAt, tickAt } = times;
  return wishedAt !== undefined && wishedAt > steppedAt ? Math.min(wishedAt, tickAt) : tickAt;
}

/** When a block is wanted: frames wait long enough or fill one, or a rule of the ledger is due. */
export class BlockWish {
  readonly #application: Pick<Application, "due" | "info">;
  readonly #store: Pick<Store, "height">;
  readonly #pool: DurablePool;
  readonly #clock: SiteClock;
  readonly #now: () => number;
  readonly #intervalMs: number;
  #looked: Looked | undefined;
  /** When (monotonic ms) frames were last handed over for a block. */
  #wishedAt = Number.NEGATIVE_INFINITY;
  /** Since when (monotonic ms) a rule has been due at this height, by a clock that is `slackMs` slow. */
  #dueSince: { readonly height: number; readonly since: number } | undefined;

  constructor(options: {
    readonly application: Pick<Application, "due" | "info">;
    readonly store: Pick<Store, "height">;
    readonly pool: DurablePool;
    readonly clock: SiteClock;
    readonly now: () => number;
    /** How soon one block that is not full may follow another; a frame waits no longer for others. */
    readonly intervalMs: number;
  }) {
    this.#application = options.application;
    this.#store = options.store;
    this.#pool = options.pool;
    this.#clock = options.clock;
    this.#now = options.now;
    this.#intervalMs = options.intervalMs;
  }

  /** Frames for a block behind those under way; undefined: none is wanted now. */
  next(underWay: readonly Proposal[]): readonly Uint8Array[] | undefined {
    const { waiting } = this.#pool;
    waiting.setUnderWay(underWay);
    const isWanted =
      waiting.fills(most) || this.#isOld() || (underWay.length === 0 && this.isDue());
    if (!isWanted) return undefined;
    this.#wishedAt = this.#now();
    return waiting.free(most);
  }

  /** When (monotonic ms) the frames that wait have waited long enough; undefined while none is free. */
  get nextAt(): number | undefined {
    const since = this.#pool.waiting.freeSince();
    if (since === undefined) return undefined;
    // After a rest at once; else together with what comes until the interval since the last is over.
    return Math.max(since, Math.min(since, this.#wishedAt) + this.#intervalMs);
  }

  /** Since when the oldest work waits that a leader has to propose. */
  oldestSince(): number | undefined {
    const frames = this.#pool.oldestSince();
    const due = this.#overdueSince();
    return frames === undefined || due === undefined ? (frames ?? due) : Math.min(frames, due);
  }

  /** Whether a rule is due. The rules are asked once for each height and minute. */
  isDue(): boolean {
    const { height } = this.#store;
    const now = this.#clock.now();
    const minute = Math.floor(now / dueEveryMs);
    if (this.#looked?.height !== height || this.#looked.minute !== minute) {
      const { time } = this.#application.info();
      const due = this.#application.due(utcMs(Math.max(now, time)));
      this.#looked = { height, minute, due };
    }
    return this.#looked.due;
  }

  #overdueSince(): number | undefined {
    if (!this.isDue()) return undefined;
    const { height } = this.#store;
    if (this.#dueSince?.height !== height) {
      this.#dueSince = { height, since: this.#now() + slackMs };
    }
    return this.#dueSince.since <= this.#now() ? this.#dueSince.since : undefined;
  }

  #isOld(): boolean {
    const at = this.nextAt;
    return at !== undefined && at <= this.#now();
  }
}
