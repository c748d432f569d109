import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Bank } from "./bank.ts";
import { crcHolds, withCrc } from "./crc16.ts";
import { LineFaults } from "./faults/line-faults.ts";
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

export type RtuLineOptions = {
  readonly devices: ReadonlyMap<number, Bank>;
  readonly timing: LineTiming;
  readonly faults?: LineFaults;
  /** The adapter is to be unplugged for so long. */
  readonly onUnplug?: (awayMs: number) => void;
};

/** Requests that may wait for the line: a client that floods it stops being heard. */
const waitingMax = 16;
/** Pause that ends a frame of unknown length; far above 3.5 characters, for processes are scheduled. */
const silenceMs = 25;
const noFaults = () => new LineFaults({ faultsOf: () => ({}), random: () => 1 });

/**
 * A half-duplex line with devices on it: one request after the other, answered when a meter at this
 * baud rate would have answered. A unit that is not there stays silent.
 */
export class RtuLine {
  readonly #devices: ReadonlyMap<number, Bank>;
  readonly #timing: LineTiming;
  readonly #faults: LineFaults;
  readonly #onUnplug: (awayMs: number) => void;
  readonly #closing = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor({ devices, timing, faults = noFaults(), onUnplug = () => {} }: RtuLineOptions) {
    this.#devices = devices;
    this.#timing = timing;
    this.#faults = faults;
    this.#onUnplug = onUnplug;
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
    const awayMs = this.#faults.unplugged(request.unit);
    if (awayMs !== undefined) return this.#onUnplug(awayMs);
    const echo = this.#faults.echoes(request.unit);
    const bank = this.#devices.get(request.unit);
    if ((bank === undefined && !echo) || this.#waiting >= waitingMax) return;
    this.#waiting++;
    this.#last = this.#last
      .then(() => this.#serve(request, { bank, echo, stream }))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) throw error;
      })
      .finally(() => {
        this.#waiting--;
      });
  }

  async #serve(
    { unit, pdu }: RtuRequest,
    { bank, echo, stream }: { bank: Bank | undefined; echo: boolean; stream: Duplex },
  ): Promise<void> {
    const { turnaroundMs } = this.#timing;
    const request = withCrc(Uint8Array.of(unit, ...pdu));
    await this.#wait(this.#onWireMs(request.length));
    if (echo) this.#send(request, stream);
    if (bank === undefined) return;
    await this.#wait(turnaroundMs);
    const frame = withCrc(Uint8Array.of(unit, ...answer(pdu, bank)));
    await this.#wait(this.#onWireMs(frame.length));
    const nowMs = performance.now();
    const ask = (other: Uint8Array) => this.#answered(other);
    for (const { afterMs, bytes } of this.#faults.befall({ request, frame, nowMs, ask })) {
      if (afterMs === 0) this.#send(bytes, stream);
      else void this.#sendLater(afterMs, bytes, stream);
    }
  }

  /** What comes late comes whoever is asked by then. */
  async #sendLater(afterMs: number, bytes: Uint8Array, stream: Duplex): Promise<void> {
    const going = await this.#wait(afterMs).then(
      () => true,
      () => false,
    );
    if (going) this.#send(bytes, stream);
  }

  #send(bytes: Uint8Array, stream: Duplex): void {
    if (!stream.destroyed && stream.writable) stream.write(this.#faults.joined(bytes));
  }

  #answered(request: Uint8Array): Uint8Array | undefined {
    const unit = request[0] ?? 0;
    const bank = this.#devices.get(unit);
    if (bank === undefined || !crcHolds(request)) return undefined;
    return withCrc(Uint8Array.of(unit, ...answer(request.subarray(1, -2), bank)));
  }

  #onWireMs(bytes: number): number {
    return (bytes * this.#timing.bitsPerByte * 1000) / this.#timing.baud;
  }

  async #wait(durationMs: number): Promise<void> {
    await pause(durationMs, undefined, { signal: this.#closing.signal });
  }
}
