import type { Frame } from "@busbar/protocol";
import { type OpenedFrame, openedFrame } from "../ledger/opened-frame.ts";
import { refuse } from "../ledger/refuse.ts";
import type { Store } from "../ledger/store.ts";
import { nameOf } from "./frame-name.ts";
import { type Amount, FrameQueue, type Waiting } from "./frame-queue.ts";
import type { Pool, Submitted } from "./pool.ts";
import { systemTimers, type TurnTimers } from "./timers.ts";

/** What a pool holds at most: against a flood, and against blocks that stand still. */
export type PoolLimits = Amount & {
  /** Frames that one other member told of, in memory: no member can fill it for all. */
  readonly perMember?: Amount;
};

const usualLimits: PoolLimits = { frames: 50_000, bytes: 128 * 1024 * 1024 };
const usualPerMember: Amount = { frames: 20_000, bytes: 32 * 1024 * 1024 };

/** Frames that wait with their content decoded, some blocks' worth; those beyond wait as bytes. */
const keptOpenMax = 10_000;

/** Frames of this member's own that find room in a full pool: a flood is not to silence what it says. */
const ownFramesMax = 64;

type Submission = {
  readonly hash: Uint8Array;
  readonly frame: Uint8Array;
  readonly answers: PromiseWithResolvers<void>;
  /** It stands in a block, or the rules refused it, before it was on disk: it waits no more. */
  isDone: boolean;
};

/**
 * Frames between their arrival and their block. What came to this member is in the ledger's own file
 * before its sender is told so: a block and the end of its frames' waiting are one transaction; frames
 * that arrive in one turn of the event loop share one fsync. They may be told and proposed before: that
 * promises nobody anything. What other members told of is in memory: it is on their disks.
 */
export class DurablePool implements Pool {
  readonly #store: Store;
  readonly #limits: PoolLimits;
  readonly #timers: Pick<TurnTimers, "now" | "soon">;
  readonly #queue = new FrameQueue();
  /** In the queue, and on their way to the disk. */
  #arriving = new Map<string, Submission>();
  /** When (monotonic ms) the newest frame that stands in a block came here. */
  #newestCommitted = Number.NEGATIVE_INFINITY;
  #arrived: (frame: Uint8Array) => void = () => {};

  constructor(
    store: Store,
    limits: PoolLimits = usualLimits,
    timers: Pick<TurnTimers, "now" | "soon"> = systemTimers,
  ) {
    this.#store = store;
    this.#limits = limits;
    this.#timers = timers;
    const since = timers.now();
    for (const { hash, frame } of store.pending()) {
      this.#queue.add({ name: nameOf(hash), hash, frame, since, from: undefined });
    }
  }

  /** Refuses with `pool.full`. Rejects with `Failure` `store.write` when the disk does not take it. */
  async submit(frame: Frame, hash: Uint8Array): Promise<Submitted> {
    const name = nameOf(hash);
    const earlier = this.#arriving.get(name);
    if (earlier !== undefined) {
      await earlier.answers.promise;
      return { ok: true, state: "pending" };
    }
    const known = this.#queue.get(name);
    if (known !== undefined && known.from === undefined) return { ok: true, state: "pending" };
    if (this.#store.placeOf(hash) !== undefined) return { ok: true, state: "committed" };
    const { frames, bytes } = this.#queue.amount(undefined);
    if (frames >= this.#limits.frames || bytes + frame.bytes.length > this.#limits.bytes) {
      return refuse("pool.full", `${frames} frames wait for their block already; try again later`);
    }
    await this.#add(name, hash, frame.bytes);
    return { ok: true, state: "stored" };
  }

  /**
   * Puts a frame that this member made itself on disk at once, also in a pool that is full for others.
   * False: too many of its own wait. Throws: `Failure` `store.write`.
   */
  keep(frame: Uint8Array, hash: Uint8Array): boolean {
    const name = nameOf(hash);
    const known = this.#queue.get(name);
    const isHere = known !== undefined && known.from === undefined;
    if (isHere || this.#store.placeOf(hash) !== undefined) return true;
    const { frames } = this.#queue.amount(undefined);
    if (frames >= this.#limits.frames + ownFramesMax) return false;
    this.#store.addPending([{ hash, frame }]);
    this.#queueUp({ name, hash, frame, since: this.#timers.now(), from: undefined });
    this.#arrived(frame);
    return true;
  }

  /** Takes a genuine frame that another member told of, and that `isKnown` does not know, into memory. */
  hold(opened: OpenedFrame, from: string): "held" | "full" {
    const { hash, bytes: frame } = opened;
    const { frames, bytes } = this.#queue.amount(from);
    const limits = this.#limits.perMember ?? usualPerMember;
    if (frames >= limits.frames || bytes + frame.length > limits.bytes) return "full";
    this.#queueUp({ name: nameOf(hash), hash, frame, since: this.#timers.now(), from });
    return "held";
  }

  /** Whether a frame waits here, or stands in a block. */
  isKnown(hash: Uint8Array): boolean {
    return this.#queue.get(nameOf(hash)) !== undefined || this.#store.placeOf(hash) !== undefined;
  }

  /** Called for each frame that comes to this member and waits from now on; its sender is not told yet. */
  onArrived(listener: (frame: Uint8Array) => void): void {
    this.#arrived = listener;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Frames that wait, for who proposes them. */
  get waiting(): FrameQueue {
    return this.#queue;
  }

  /** The oldest frames, at most `count` of them. */
  oldest(count: number): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const { frame } of this.#queue.values()) {
      if (frames.length === count) break;
      frames.push(frame);
    }
    return frames;
  }

  /** Since when (monotonic ms) the oldest frame waits. */
  oldestSince(): number | undefined {
    for (const { since } of this.#queue.values()) return since;
    return undefined;
  }

  /** By how much (ms) a frame that stands in a block came after the oldest that waits. */
  overtakenMs(): number {
    return Math.max(0, this.#newestCommitted - (this.oldestSince() ?? Number.POSITIVE_INFINITY));
  }

  /**
   * Forgets frames that stand in a block now; the block's transaction took them from the disk.
   * `how` is `fetched` where others ordered the block while this member was away.
   */
  committed(hashes: readonly Uint8Array[], how: "ordered" | "fetched" = "ordered"): void {
    for (const hash of hashes) {
      const name = nameOf(hash);
      // One that nobody told of came with its block, but how old is what was missed?
      const unknown = how === "ordered" ? this.#timers.now() : Number.NEGATIVE_INFINITY;
      const since = this.#queue.get(name)?.since ?? unknown;
      this.#newestCommitted = Math.max(this.#newestCommitted, since);
      this.#queue.delete(name);
      this.#isDone(name);
    }
  }

  /** Forgets frames that the rules refused, on disk too. */
  refused(hashes: readonly Uint8Array[]): void {
    this.#store.dropPending(hashes);
    for (const hash of hashes) {
      const name = nameOf(hash);
      this.#queue.delete(name);
      this.#isDone(name);
    }
  }

  #isDone(name: string): void {
    const arriving = this.#arriving.get(name);
    if (arriving !== undefined) arriving.isDone = true;
  }

  #add(name: string, hash: Uint8Array, frame: Uint8Array): Promise<void> {
    this.#queueUp({ name, hash, frame, since: this.#timers.now(), from: undefined });
    // Whoever orders has its turn first: the others work while this disk writes.
    this.#arrived(frame);
    if (this.#arriving.size === 0) this.#timers.soon(() => this.#flush());
    const answers = Promise.withResolvers<void>();
    this.#arriving.set(name, { hash, frame, answers, isDone: false });
    return answers.promise;
  }

  #flush(): void {
    const batch = this.#arriving;
    this.#arriving = new Map();
    const fresh = [...batch].filter(([, { isDone }]) => !isDone);
    try {
      if (fresh.length > 0) this.#store.addPending(fresh.map(([, submission]) => submission));
    } catch (error) {
      // Who sends one of them again is not to be told that it is on disk.
      for (const [name] of fresh) this.#queue.delete(name);
      for (const { answers } of batch.values()) answers.reject(error);
      return;
    }
    for (const { answers } of batch.values()) answers.resolve();
  }

  #queueUp(waiting: Waiting): void {
    if (this.#queue.size >= keptOpenMax) openedFrame(waiting.frame).forgetContent();
    this.#queue.add(waiting);
  }
}
