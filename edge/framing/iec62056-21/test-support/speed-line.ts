import type { Line, LineEvents } from "../../line.ts";
import type { VirtualTimers } from "../../test-support/virtual-timers.ts";

/** A meter's end: what it hears, character by character, and how it says something at its speed. */
export type SpeedMeter = {
  baud: number;
  heard(byte: number): void;
};

/**
 * A serial line with time and speed: a character takes its ten bits, and one that is sent at one
 * speed and received at another arrives as another. What is still unsent when the speed changes
 * leaves at the new one, as it does when a driver does not wait.
 */
export class SpeedLine implements Line {
  baud: number;
  readonly speeds: number[] = [];
  meter: SpeedMeter | undefined;
  /** Optical heads hear their own light. */
  echo = false;
  /** What becomes of the bytes that the meter sends. */
  damage: (byte: number) => readonly number[] = (byte) => [byte];
  readonly #timers: VirtualTimers;
  #events: LineEvents | undefined;
  #freeAt = 0;

  constructor(timers: VirtualTimers, baud: number) {
    this.#timers = timers;
    this.baud = baud;
  }

  async open(events: LineEvents): Promise<void> {
    this.#events = events;
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }

  async setBaud(baud: number): Promise<void> {
    this.baud = baud;
    this.speeds.push(baud);
  }

  write(bytes: Uint8Array): void {
    let at = Math.max(this.#timers.now(), this.#freeAt);
    for (const byte of bytes) {
      at += 10_000 / this.baud;
      this.#timers.after(at - this.#timers.now() - 0.01, () => {
        const { meter } = this;
        if (this.echo) this.#events?.data(Uint8Array.of(byte));
        meter?.heard(garbled(byte, this.baud, meter.baud));
      });
    }
    this.#freeAt = at;
  }

  /** Calls `run` on the line's clock. */
  later(ms: number, run: () => void): void {
    this.#timers.after(ms, run);
  }

  /** The meter's characters, from `afterMs` on, at the speed that it has when each is sent. */
  say(bytes: Uint8Array, afterMs: number, done: () => void = () => {}): void {
    const { meter } = this;
    if (meter === undefined) return;
    const send = (i: number): void => {
      const byte = bytes[i];
      if (byte === undefined) return done();
      const sent = this.damage(garbled(byte, meter.baud, this.baud));
      if (sent.length > 0) this.#events?.data(Uint8Array.from(sent));
      this.#timers.after(10_000 / meter.baud, () => send(i + 1));
    };
    this.#timers.after(afterMs, () => send(0));
  }
}

/** What a receiver at another speed makes of a character: some other one. */
const garbled = (byte: number, sent: number, received: number): number =>
  sent === received ? byte : (byte * 7 + 0x5b) & 0xff;
