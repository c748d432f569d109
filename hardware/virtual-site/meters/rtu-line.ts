import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Bank } from "./bank.ts";
import { withCrc } from "./crc16.ts";
import { answer } from "./pdu.ts";
import { RtuFramer, type RtuRequest } from "./rtu-framer.ts";

/** How fast a line and its meters are. */
export type LineTiming = {
  readonly baud: number;
  /** Bits per character: start, eight data, parity where there is one, stop. */
  readonly bitsPerByte: number;
  /** From the end of a request to the start of its reply. */
  readonly turnaroundMs: number;
};

/** Requests that may wait for the line: a client that floods it stops being heard. */
const waitingMax = 16;
/** Pause that ends a frame of unknown length; far above 3.5 characters, for processes are scheduled. */
const silenceMs = 25;

/**
 * A half-duplex line with devices on it: one request after the other, answered when a meter at this
 * baud rate would have answered. A unit that is not there stays silent.
 */
export class RtuLine {
  readonly #devices: ReadonlyMap<number, Bank>;
  readonly #timing: LineTiming;
  readonly #closing = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(devices: ReadonlyMap<number, Bank>, timing: LineTiming) {
    this.#devices = devices;
    this.#timing = timing;
  }

  /** Listens to a client's bytes until its stream ends; the stream's errors are its owner's to handle. */
  attach(stream: Duplex): void {
    const framer = new RtuFramer();
    let quiet: NodeJS.Timeout | undefined;
    const take = (requests: readonly RtuRequest[]): void => {
      for (const request of requests) this.#enqueue(request, stream);
    };
    stream.on("data", (bytes: Buffer) => {
      clearTimeout(quiet);
      take(framer.push(bytes));
      quiet = setTimeout(() => take(framer.silence()), silenceMs);
    });
    stream.on("close", () => clearTimeout(quiet));
  }

  /** Ends all replies under way. */
  close(): void {
    this.#closing.abort();
  }

  #enqueue(request: RtuRequest, stream: Duplex): void {
    const bank = this.#devices.get(request.unit);
    if (bank === undefined || this.#waiting >= waitingMax) return;
    this.#waiting++;
    this.#last = this.#last
      .then(() => this.#serve(request, bank, stream))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) throw error;
      })
      .finally(() => {
        this.#waiting--;
      });
  }

  async #serve({ unit, pdu }: RtuRequest, bank: Bank, stream: Duplex): Promise<void> {
    const { turnaroundMs } = this.#timing;
    await this.#wait(this.#onWireMs(pdu.length + 3) + turnaroundMs);
    const reply = answer(pdu, bank);
    const frame = withCrc(Uint8Array.of(unit, ...reply));
    await this.#wait(this.#onWireMs(frame.length));
    if (!stream.destroyed && stream.writable) stream.write(frame);
  }

  #onWireMs(bytes: number): number {
    return (bytes * this.#timing.bitsPerByte * 1000) / this.#timing.baud;
  }

  async #wait(durationMs: number): Promise<void> {
    await pause(durationMs, undefined, { signal: this.#closing.signal });
  }
}
