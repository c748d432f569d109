import { Failure } from "@busbar/protocol";
import { type ChannelName, type ChannelOf, nobodyListens } from "./channel.ts";
import type { DeliveryTable, Due, DueLane, Lane } from "./delivery-table.ts";
import type { Notice } from "./notice.ts";
import { digestOf, type Telling, type Told, toldOf } from "./told.ts";

/** A receiver that took nothing for as long is given up with the next attempt: what waits is dead. */
const tryMs = 24 * 3_600_000;
const pauseMsMin = 1_000;
const pauseMsMax = 4 * 3_600_000;
/** Lanes that are served at the same time: sockets and memory, when a thousand owners are to be told. */
const lanesMax = 64;
/** How often the outbox is looked into though nothing says so: another process may ask for something. */
const lookMs = 5_000;

/**
 * Whether this member sends by a channel now; `want` says that something is due that it may not send,
 * `failed` that something did not arrive which may arrive from another member.
 */
export type Permit = {
  may(channel: ChannelName): boolean;
  want(lane: Lane): void;
  failed(channel: ChannelName): void;
};

/** What the sender needs from outside. `now` is wall time, `random` is uniform in [0, 1). */
export type SenderOptions = {
  readonly table: DeliveryTable;
  readonly channelOf: ChannelOf;
  /** How an owner reads, and where it opens the portal. */
  readonly tellingOf: (owner: string) => Telling;
  readonly permit: Permit;
  readonly now: () => number;
  /** Site time, and how long (wall ms) some of it takes. */
  readonly clock: { now(): number; delay(siteMs: number): number };
  readonly random: () => number;
  readonly onDelivered?: (told: Told, channel: ChannelName) => void;
  readonly onFailed?: (id: string, channel: ChannelName, error: Failure) => void;
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
    this.#options.table.unpark();
    this.wake();
  }

  /** Looks into the outbox now; call it after each block, and when this member may send. */
  wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const { table, clock, now } = this.#options;
    table.release(clock.now());
    for (const lane of table.dueLanes(now())) this.#work(lane);
    this.#arm();
  }

  /** The owner can be reached by a channel again: what waited for that goes out at once. */
  heard(owner: string, channel: ChannelName): void {
    if (this.#stopped) return;
    this.#heard += 1;
    if (this.#options.table.heard({ owner, channel })) this.wake();
  }

  /** Lets what is under way end and starts nothing new. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#busy.values());
  }

  #work(lane: DueLane): void {
    const key = `${lane.channel} ${lane.owner}`;
    if (this.#busy.has(key) || this.#busy.size >= lanesMax) return;
    if (!this.#may(lane)) return this.#options.permit.want(lane);
    const work = this.#deliverAll(lane).finally(() => {
      this.#busy.delete(key);
      this.wake();
    });
    this.#busy.set(key, work);
  }

  #may({ channel, own }: DueLane): boolean {
    return own === 1 || this.#options.permit.may(channel);
  }

  async #deliverAll(lane: DueLane): Promise<void> {
    const { table, now } = this.#options;
    while (!this.#stopped && this.#may(lane)) {
      const due = table.due(lane, now());
      if (due.length === 0) return;
      await this.#deliver(lane, due);
    }
  }

  async #deliver(lane: Lane, due: readonly Due[]): Promise<void> {
    const { now, permit, onDelivered, onFailed } = this.#options;
    const heard = this.#heard;
    const at = now();
    try {
      const told = this.#toldOf(lane, due);
      const channel = this.#options.channelOf(lane.owner, lane.channel);
      if (channel === undefined) return this.#note(due, at, "dropped");
      await channel.deliver(told);
      this.#note(due, at, "delivered");
      if (due.some(({ since }) => since > 0)) this.#options.table.recovers(lane);
      onDelivered?.(told, lane.channel);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === nobodyListens) {
        if (heard === this.#heard) this.#options.table.park(lane);
        return;
      }
      this.#postpone(lane, due, at, failure);
      if (failure.retry !== "never") permit.failed(lane.channel);
      for (const { notice } of due) onFailed?.(notice, lane.channel, failure);
    }
  }

  /** Throws: `Failure` `notice.gone` where another version of the program words or numbers notices otherwise. */
  #toldOf({ owner, channel }: Lane, due: readonly Due[]): Told {
    const notices = due.flatMap(({ json }) => (json === null ? [] : [JSON.parse(json) as Notice]));
    const [first] = notices;
    if (first === undefined) {
      const message = `there is no ${due[0]?.notice} any more`;
      throw new Failure("notice.gone", message, { retry: "never" });
    }
    const telling = this.#options.tellingOf(owner);
    const at = due[0]?.digest ?? 0;
    return at === 0 ? toldOf(first, telling) : digestOf(notices, { owner, channel, at }, telling);
  }

  #postpone(lane: Lane, due: readonly Due[], at: number, failure: Failure): void {
    const { table, now, random } = this.#options;
    const attempts = Math.max(...due.map((one) => one.attempts));
    const waits = at - Math.min(...due.map(({ since }) => (since === 0 ? at : since)));
    const isDead = failure.retry === "never" || waits >= tryMs;
    // What waited behind others that failed is not asked for as if its receiver were a new one.
    const grown = Math.min(pauseMsMax, Math.max(pauseMsMin * 2 ** attempts, waits));
    // Jitter: after an outage the receivers are not all asked in the same second.
    const pause = grown * (0.5 + random() / 2);
    const next = Math.round(now() + Math.max(pause, waitOf(failure)));
    if (failure.retry !== "never") table.struggles(lane, at);
    this.#note(due, at, isDead ? "dead" : "queued", { next, error: failure.message });
  }

  #note(
    due: readonly Due[],
    at: number,
    state: "delivered" | "dead" | "queued" | "dropped",
    { next = 0, error = null }: { readonly next?: number; readonly error?: string | null } = {},
  ): void {
    const took = Math.max(0, Math.round(this.#options.now() - at));
    this.#options.table.note(due, { state, at, took, next, error });
  }

  #arm(): void {
    if (this.#stopped) return;
    const { table, clock, now } = this.#options;
    const { at, hold } = table.next(now());
    const waits = [
      lookMs,
      ...(at === undefined ? [] : [at - now()]),
      ...(hold === undefined ? [] : [clock.delay(hold - clock.now())]),
    ];
    this.#timer = setTimeout(() => this.wake(), Math.max(10, Math.min(...waits)));
  }
}

/** How long (wall ms) a receiver asked to be left alone; 0 where it did not. */
function waitOf({ cause }: Failure): number {
  const wait = (cause as { readonly waitMs?: unknown } | undefined)?.waitMs;
  return typeof wait === "number" ? wait : 0;
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("notice.failed", message, { retry: "later", cause: error });
}
