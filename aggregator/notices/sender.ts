import type { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import { type Channel, type ChannelsOf, nobodyListens } from "./channel.ts";
import type { Notice } from "./notice.ts";

/** Attempts before a delivery is dead: with the growing pauses, a little more than a day. */
const attemptsMax = 14;
const pauseMsMin = 1_000;
const pauseMsMax = 4 * 3_600_000;
/** `next` of a delivery that waits for its owner and not for a time. */
const parked = Number.MAX_SAFE_INTEGER;

/** The deliveries to one owner by one channel. */
type Lane = { readonly owner: string; readonly channel: string };

type Due = Lane & {
  readonly notice: string;
  readonly attempts: number;
  /** Null where the notice is gone: another version words or numbers them otherwise. */
  readonly json: string | null;
};

/** What the sender needs from outside. `now` is wall time, `random` is uniform in [0, 1). */
export type SenderOptions = {
  readonly db: DatabaseSync;
  readonly channelsOf: ChannelsOf;
  readonly now: () => number;
  readonly random: () => number;
  readonly onDelivered?: (notice: Notice, channel: string) => void;
  readonly onFailed?: (notice: Notice, channel: string, error: Failure) => void;
};

/**
 * Sends what the outbox holds: at least once, with growing jittered pauses between attempts. Each
 * owner has one delivery under way by each channel: its notices come in order, and a receiver that
 * does not answer holds up nobody else.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #busy = new Map<string, Promise<void>>();
  /** How often somebody was heard; tells a delivery whether its owner came while it was under way. */
  #heard = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run left; whom it waited for may have come in between. */
  start(): void {
    this.#options.db
      .prepare("UPDATE delivery SET next = 0 WHERE state = 'queued' AND next = ?")
      .run(parked);
    this.wake();
  }

  /** Looks into the outbox now; call it after each block. */
  wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    for (const lane of this.#dueLanes()) this.#work(lane);
    this.#arm();
  }

  /** The owner can be reached by a channel again: what waited for that goes out at once. */
  heard(owner: string, channel: Channel["name"]): void {
    if (this.#stopped) return;
    this.#heard += 1;
    const { changes } = this.#options.db
      .prepare(
        "UPDATE delivery SET next = 0 WHERE state = 'queued' AND owner = ? AND channel = ? AND next = ?",
      )
      .run(owner, channel, parked);
    if (changes > 0) this.wake();
  }

  /** Lets what is under way end and starts nothing new. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#busy.values());
  }

  #dueLanes(): Lane[] {
    const rows = this.#options.db
      .prepare("SELECT DISTINCT owner, channel FROM delivery WHERE state = 'queued' AND next <= ?")
      .all(this.#options.now());
    return rows as unknown as Lane[];
  }

  #work(lane: Lane): void {
    const key = `${lane.channel} ${lane.owner}`;
    if (this.#busy.has(key)) return;
    const work = this.#deliverAll(lane).finally(() => {
      this.#busy.delete(key);
      this.wake();
    });
    this.#busy.set(key, work);
  }

  async #deliverAll(lane: Lane): Promise<void> {
    for (let due = this.#due(lane); due !== undefined; due = this.#due(lane)) {
      await this.#deliver(due);
    }
  }

  #due({ owner, channel }: Lane): Due | undefined {
    if (this.#stopped) return undefined;
    const row = this.#options.db
      .prepare(
        `SELECT notice, delivery.owner, channel, attempts, json
         FROM delivery LEFT JOIN notice_message ON id = notice
         WHERE state = 'queued' AND delivery.owner = ? AND channel = ? AND next <= ?
         ORDER BY next, delivery.rowid LIMIT 1`,
      )
      .get(owner, channel, this.#options.now());
    return row as unknown as Due | undefined;
  }

  async #deliver(due: Due): Promise<void> {
    const { db, onDelivered, onFailed } = this.#options;
    const { notice: id, owner, channel } = due;
    if (due.json === null) {
      this.#postpone(
        due,
        new Failure("notice.gone", `there is no ${id} any more`, { retry: "never" }),
      );
      return;
    }
    const notice = JSON.parse(due.json) as Notice;
    const heard = this.#heard;
    try {
      await this.#channel({ owner, channel }).deliver(notice);
      db.prepare(
        "UPDATE delivery SET state = 'delivered', attempts = attempts + 1, error = NULL WHERE notice = ? AND channel = ?",
      ).run(id, channel);
      onDelivered?.(notice, channel);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === nobodyListens) {
        if (heard === this.#heard) this.#park(due);
        return;
      }
      this.#postpone(due, failure);
      onFailed?.(notice, channel, failure);
    }
  }

  /** Throws: `Failure` `notice.no-channel`. */
  #channel({ owner, channel }: Lane): Channel {
    const found = this.#options.channelsOf(owner).find(({ name }) => name === channel);
    if (found !== undefined) return found;
    throw new Failure("notice.no-channel", `${owner} has no ${channel} any more`, {
      retry: "never",
    });
  }

  /** Sets the whole lane aside until the owner is heard: it is nobody's fault and costs no attempt. */
  #park({ owner, channel }: Lane): void {
    this.#options.db
      .prepare("UPDATE delivery SET next = ? WHERE state = 'queued' AND owner = ? AND channel = ?")
      .run(parked, owner, channel);
  }

  #postpone({ notice, channel, attempts }: Due, failure: Failure): void {
    const { db, now, random } = this.#options;
    const dead = failure.retry === "never" || attempts + 1 >= attemptsMax;
    // Full jitter: after an outage the receivers are not all asked in the same second.
    const pause = Math.min(pauseMsMax, pauseMsMin * 2 ** attempts) * (0.5 + random() / 2);
    db.prepare(
      "UPDATE delivery SET state = ?, attempts = attempts + 1, next = ?, error = ? WHERE notice = ? AND channel = ?",
    ).run(dead ? "dead" : "queued", Math.round(now() + pause), failure.message, notice, channel);
  }

  #arm(): void {
    if (this.#stopped) return;
    const row = this.#options.db
      .prepare(
        "SELECT min(next) AS next FROM delivery WHERE state = 'queued' AND next > ? AND next < ?",
      )
      .get(this.#options.now(), parked);
    if (row?.next === null || row?.next === undefined) return;
    const wait = Math.max(10, Number(row.next) - this.#options.now());
    this.#timer = setTimeout(() => this.wake(), Math.min(wait, 2 ** 31 - 1));
  }
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("notice.failed", message, { retry: "later", cause: error });
}
