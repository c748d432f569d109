import type { Application } from "../ledger/application.ts";
import { openedFrame } from "../ledger/opened-frame.ts";
import type { DurablePool } from "./durable-pool.ts";
import { framesPerMessage, type LinkMessage } from "./link-messages.ts";

/** A frame that still waits after so long is told again, this often: the first word may be lost. */
const againMs = 500;
/** How many of the oldest are told again at once. */
const againMax = 8 * framesPerMessage;

type SpreadingParts = {
  readonly pool: DurablePool;
  readonly application: Pick<Application, "checkTx">;
  readonly send: (message: LinkMessage) => void;
  readonly count: (reason: string) => void;
  /** Monotonic ms. */
  readonly now: () => number;
};

/**
 * Tells the other members of frames that wait here, so that whoever leads proposes them and everybody
 * notices when nobody does; takes in what others tell.
 */
export class Spreading {
  readonly #parts: SpreadingParts;
  #fresh: Uint8Array[] = [];
  #toldAgain = Number.NEGATIVE_INFINITY;

  constructor(parts: SpreadingParts) {
    this.#parts = parts;
  }

  /** A frame came to this member. */
  arrived(frame: Uint8Array): void {
    this.#fresh.push(frame);
  }

  /** Says what is new, and what has waited long. */
  tell(): void {
    const { pool, now } = this.#parts;
    this.#send(this.#fresh.splice(0));
    const time = now();
    if (time - this.#toldAgain < againMs) return;
    this.#toldAgain = time;
    const old: Uint8Array[] = [];
    for (const { frame, since } of pool.waiting.values()) {
      if (since > time - againMs || old.length === againMax) break;
      old.push(frame);
    }
    this.#send(old);
  }

  /** What another member tells: kept when it is genuine. Nothing in it can do harm. */
  hear(from: string, frames: readonly Uint8Array[]): void {
    const { pool, application, count } = this.#parts;
    for (const part of frames) {
      // A copy: the bytes are a part of the message that brought them.
      const frame = openedFrame(new Uint8Array(part));
      if (pool.isKnown(frame.hash)) continue;
      const { opened } = frame;
      const checked = opened.ok ? application.checkTx(opened.frame) : opened;
      if (!checked.ok) count(checked.code);
      else if (pool.hold(frame, from) === "full") count("pool.full");
    }
  }

  #send(frames: readonly Uint8Array[]): void {
    for (let i = 0; i < frames.length; i += framesPerMessage) {
      const body = { frames: frames.slice(i, i + framesPerMessage) };
      this.#parts.send({ name: "frames", body });
    }
  }
}
