import type { DatabaseSync } from "node:sqlite";
import { Failure } from "@busbar/protocol";
import type { ChannelsOf } from "./channel.ts";
import type { Notice } from "./notice.ts";

/** Attempts before a delivery is dead: with the growing pauses, a little more than a day. */
const attemptsMax = 14;
const pauseMsMin = 1_000;
const pauseMsMax = 4 * 3_600_000;
/** Deliveries under way at once: one dead receiver must not hold up all others. */
const inFlightMax = 16;

type Due = {
  readonly notice: string;
  readonly channel: string;
  readonly attempts: number;
  readonly json: string;
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

/** Sends what the outbox holds: at least once, with growing jittered pauses between attempts. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #busy = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Looks into the outbox now; call it after each block. */
  wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    for (const due of this.#due()) this.#start(due);
    this.#arm();
  }

  /** Lets what is under way end and starts nothing new. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#busy.values());
  }

  #due(): Due[] {
    const free = inFlightMax - this.#busy.size;
    if (free <= 0) return [];
    const rows = this.#options.db
      .prepare(
        `SELECT notice, channel, attempts, json FROM notice_delivery JOIN notice_message ON id = notice
         WHERE state = 'queued' AND next <= ? ORDER BY next, notice_message.rowid LIMIT ?`,
      )
      .all(this.#options.now(), free + this.#busy.size);
    return (rows as unknown as Due[]).filter((due) => !this.#busy.has(keyOf(due))).slice(0, free);
  }

  #start(due: Due): void {
    const key = keyOf(due);
    const work = this.#deliver(due).finally(() => {
      this.#busy.delete(key);
      this.wake();
    });
    this.#busy.set(key, work);
  }

  async #deliver(due: Due): Promise<void> {
    const { db, channelsOf, onDelivered, onFailed } = this.#options;
    const notice = JSON.parse(due.json) as Notice;
    try {
      const channel = channelsOf(notice.owner).find(({ name }) => name === due.channel);
      if (channel === undefined) {
        throw new Failure("notice.no-channel", `${notice.owner} has no ${due.channel} any more`, {
          retry: "never",
        });
      }
      await channel.deliver(notice);
      db.prepare(
        "UPDATE notice_delivery SET state = 'delivered', attempts = attempts + 1, error = NULL WHERE notice = ? AND channel = ?",
      ).run(due.notice, due.channel);
      onDelivered?.(notice, due.channel);
    } catch (error) {
      const failure = asFailure(error);
      this.#postpone(due, failure);
      onFailed?.(notice, due.channel, failure);
    }
  }

  #postpone({ notice, channel, attempts }: Due, failure: Failure): void {
    const { db, now, random } = this.#options;
    const dead = failure.retry === "never" || attempts + 1 >= attemptsMax;
    // Full jitter: after an outage the receivers are not all asked in the same second.
    const pause = Math.min(pauseMsMax, pauseMsMin * 2 ** attempts) * (0.5 + random() / 2);
    db.prepare(
      "UPDATE notice_delivery SET state = ?, attempts = attempts + 1, next = ?, error = ? WHERE notice = ? AND channel = ?",
    ).run(dead ? "dead" : "queued", Math.round(now() + pause), failure.message, notice, channel);
  }

  #arm(): void {
    if (this.#stopped || this.#busy.size >= inFlightMax) return;
    const row = this.#options.db
      .prepare("SELECT min(next) AS next FROM notice_delivery WHERE state = 'queued' AND next > ?")
      .get(this.#options.now());
    if (row?.next === null || row?.next === undefined) return;
    const wait = Math.max(10, Number(row.next) - this.#options.now());
    this.#timer = setTimeout(() => this.wake(), Math.min(wait, 2 ** 31 - 1));
  }
}

function keyOf({ notice, channel }: Due): string {
  return `${channel} ${notice}`;
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("notice.failed", message, { retry: "later", cause: error });
}
