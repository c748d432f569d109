import type { Refused } from "@busbar/protocol";
import type { Outbox, Outgoing } from "../journal/outbox.ts";
import { backOffMs } from "./back-off.ts";
import { ReceiptTimes } from "./receipt-times.ts";

/** What the sender needs from outside; times are wall ms. */
export type SenderOptions = {
  readonly outboxes: readonly Outbox[];
  readonly now: () => number;
  readonly random: () => number;
  /** Frames without an answer at one time: bounds what the aggregator must hold for one unit. */
  readonly windowMax?: number;
  /** A frame without an answer for so long is sent again. */
  readonly answerMsMax?: number;
};

/** A frame to be published now. */
export type Dispatch = { readonly topic: Outbox["topic"]; readonly frame: Outgoing };

type Flight = {
  readonly lane: Lane;
  readonly order: number;
  readonly sentAt: number;
  readonly frame: Outgoing;
};
type Lane = {
  failures: number;
  blockedUntil: number;
  code: string | undefined;
  message: string | undefined;
};

/** A lane that waits because of a refusal: why, and in words what to do. */
export type Blocked = { readonly lane: string; readonly code: string; readonly message: string };

const refusedBackOff = { msMin: 200, msMax: 300_000 };

/**
 * Decides which frames go when. A lane keeps its order: after a refusal nothing of it is sent until
 * its back-off is over, then the oldest frame first. Nothing is ever given up.
 */
export class Sender {
  /** From a frame's last sending to its verified receipt. */
  readonly receiptTimes = new ReceiptTimes();
  readonly #options: Required<SenderOptions>;
  readonly #flights = new Map<string, Flight>();
  readonly #lanes = new Map<string, Lane>();
  #order = 0;

  constructor(options: SenderOptions) {
    this.#options = { windowMax: 64, answerMsMax: 30_000, ...options };
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /** The last refusal of each lane that waits because of it. */
  get blocked(): readonly Blocked[] {
    return [...this.#lanes].flatMap(([lane, { code, message }]) =>
      code === undefined ? [] : [{ lane, code, message: message ?? code }],
    );
  }

  /** The frames to publish now, in order; they count as in flight from here on. */
  next(): Dispatch[] {
    this.#expire();
    this.#forgetEmptyLanes();
    return this.#options.outboxes.flatMap((outbox) =>
      outbox.lanes().flatMap((name) => this.#nextOf(outbox, name)),
    );
  }

  /** A verified receipt came. False when no frame waits for it. */
  committed(ref: string, receipt: Uint8Array): boolean {
    const flight = this.#flights.get(ref);
    if (flight !== undefined) this.receiptTimes.note(this.#options.now() - flight.sentAt);
    this.#flights.delete(ref);
    for (const outbox of this.#options.outboxes) {
      const name = outbox.committed(ref, receipt);
      if (name === undefined) continue;
      free(this.#lane(outbox, name));
      return true;
    }
    return false;
  }

  /**
   * The ledger proved that a lane's chain is its own up to a number: what it refused of that, because
   * it has it and nobody its block any more, is done. Returns how many frames.
   */
  proven(topic: Outbox["topic"], name: string, upTo: number, proof: Uint8Array): number {
    const outbox = this.#options.outboxes.find((one) => one.topic === topic);
    const done = outbox?.proven?.(name, upTo, proof) ?? 0;
    const lane = this.#lanes.get(`${topic}/${name}`);
    if (done > 0 && lane !== undefined) free(lane);
    return done;
  }

  /** The ledger, or the pool before it, did not take the frame. False when it is none of ours. */
  refused(ref: string, refused: Refused): boolean {
    const { outboxes, now, random } = this.#options;
    for (const outbox of outboxes) {
      const known = outbox.refused(ref, refused);
      if (known === undefined) continue;
      const flight = this.#flights.get(ref);
      this.#flights.delete(ref);
      // An answer to an earlier sending: the later one is still under way.
      if (flight === undefined) return true;
      const lane = this.#lane(outbox, known.lane);
      if (refused.expected !== undefined) this.#lost(flight, refused.expected);
      if (lane.blockedUntil <= now()) lane.failures += 1;
      lane.code = refused.code;
      lane.message = refused.message;
      lane.blockedUntil = now() + backOffMs(lane.failures, refusedBackOff, random);
      return true;
    }
    return false;
  }

  /** The connection broke: nothing that was sent over it is sure to have arrived. */
  connectionLost(): void {
    this.#flights.clear();
  }

  /** A lane's frames were made anew: the old ones are under way no more, nothing is waited for. */
  renewed(topic: Outbox["topic"], name: string): void {
    const lane = this.#lanes.get(`${topic}/${name}`);
    if (lane === undefined) return;
    for (const [ref, flight] of this.#flights) if (flight.lane === lane) this.#flights.delete(ref);
    free(lane);
  }

  /** What the unit itself knows about why a lane waits. */
  explain(topic: Outbox["topic"], name: string, message: string): void {
    const lane = this.#lanes.get(`${topic}/${name}`);
    if (lane?.code !== undefined) lane.message = message;
  }

  /** When `next` may have something that it does not have now. */
  wakeAt(): number | undefined {
    const now = this.#options.now();
    const times = [...this.#lanes.values()]
      .map(({ blockedUntil }) => blockedUntil)
      .filter((at) => at > now);
    for (const { sentAt } of this.#flights.values()) times.push(sentAt + this.#options.answerMsMax);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #nextOf(outbox: Outbox, name: string): Dispatch[] {
    const { now, windowMax } = this.#options;
    const lane = this.#lane(outbox, name);
    if (lane.blockedUntil > now() || this.#flights.size >= windowMax) return [];
    const out: Dispatch[] = [];
    for (const frame of outbox.pending(name, windowMax)) {
      if (this.#flights.has(frame.ref)) continue;
      if (this.#flights.size >= windowMax) break;
      this.#order += 1;
      this.#flights.set(frame.ref, { lane, order: this.#order, sentAt: now(), frame });
      out.push({ topic: outbox.topic, frame });
    }
    if (out.length > 0) outbox.sent(out.map(({ frame }) => frame.ref));
    return out;
  }

  /** Of the frames sent before the refused one, the ledger lacks those from `expected` on. */
  #lost({ lane, order }: Flight, expected: number): void {
    for (const [ref, flight] of this.#flights) {
      const last = flight.frame.range?.last ?? 0;
      if (flight.lane === lane && flight.order < order && last >= expected)
        this.#flights.delete(ref);
    }
  }

  #expire(): void {
    const limit = this.#options.now() - this.#options.answerMsMax;
    const late = [...this.#flights.values()].filter(({ sentAt }) => sentAt <= limit);
    // What was sent after a frame that got lost is out of order: all of the lane goes again.
    const lanes = new Set(late.map(({ lane }) => lane));
    for (const [ref, { lane }] of this.#flights) if (lanes.has(lane)) this.#flights.delete(ref);
  }

  #forgetEmptyLanes(): void {
    const { outboxes } = this.#options;
    const used = new Set(
      outboxes.flatMap((outbox) => outbox.lanes().map((name) => keyOf(outbox, name))),
    );
    for (const key of this.#lanes.keys()) if (!used.has(key)) this.#lanes.delete(key);
  }

  #lane(outbox: Outbox, name: string): Lane {
    const key = keyOf(outbox, name);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { failures: 0, blockedUntil: 0, code: undefined, message: undefined };
    this.#lanes.set(key, lane);
    return lane;
  }
}

function free(lane: Lane): void {
  Object.assign(lane, { failures: 0, blockedUntil: 0, code: undefined, message: undefined });
}

const keyOf = ({ topic }: Outbox, lane: string) => `${topic}/${lane}`;
