import type { Line, LineEvents } from "../line.ts";
import type { Timers } from "../timers.ts";

/** What the far end sends to a request, and after how long. */
export type Reply = { readonly ms: number; readonly bytes: Uint8Array };

/** A line whose far end is a function; nothing is timed but by the given clock. */
export class ScriptedLine implements Line {
  readonly written: Uint8Array[] = [];
  /** Answers to a request; may be exchanged at any time. */
  reply: (request: Uint8Array, count: number) => readonly Reply[] = () => [];
  opened = 0;
  readonly #timers: Timers;
  #events: LineEvents | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  async open(events: LineEvents): Promise<void> {
    this.opened += 1;
    this.#events = events;
  }

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
    for (const reply of this.reply(bytes, this.written.length)) {
      this.#timers.after(reply.ms, () => this.#events?.data(reply.bytes));
    }
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }

  unplug(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.lost(new Error("unplugged"));
  }
}
