import { Failure } from "@busbar/protocol";
import { crcHolds, withCrc } from "../crc16.ts";
import type { Line, LineEvents } from "../line.ts";
import type { Timers } from "../timers.ts";

/** A unit on the bus: registers, an exception code, or undefined for no answer. */
export type Device = (
  code: number,
  address: number,
  count: number,
) => readonly number[] | number | undefined;

/** What befalls an answer; each is the share of answers, 0 … 1. */
export type Faults = {
  /** Answers after the reader has given up, even after later requests. */
  readonly late?: number;
  readonly dropped?: number;
  readonly cut?: number;
  /** A burst of up to 16 flipped bits, which the checksum always finds. */
  readonly damaged?: number;
  /** Random bytes before and after. */
  readonly noise?: number;
  /** Delivered joined to the next bytes on the line. */
  readonly merged?: number;
  /** Sent twice, the second time `repeatMs` later. */
  readonly repeated?: number;
  /** Another unit answers in its place, in time. */
  readonly wrongUnit?: number;
  /** Every request comes back first. */
  readonly echo?: boolean;
};

const turnaroundMs = 8;

/** An RS-485 bus with units on it, on which things go wrong as they do on real ones. */
export class FaultLine implements Line {
  readonly devices = new Map<number, Device>();
  readonly written: Uint8Array[] = [];
  faults: Faults = {};
  /** How late a late answer is. */
  lateMs: () => number = () => 700;
  repeatMs: () => number = () => 25;
  present = true;
  readonly #timers: Timers;
  readonly #random: () => number;
  #events: LineEvents | undefined;
  #held: Uint8Array = new Uint8Array(0);

  constructor(timers: Timers, random: () => number) {
    this.#timers = timers;
    this.#random = random;
  }

  async open(events: LineEvents): Promise<void> {
    if (!this.present) throw new Failure("meter.port-missing", "no adapter", { retry: "later" });
    this.#events = events;
  }

  async close(): Promise<void> {
    this.#events = undefined;
  }

  unplug(): void {
    this.present = false;
    const events = this.#events;
    this.#events = undefined;
    events?.lost(new Error("unplugged"));
  }

  /** Bytes that nobody asked for. */
  inject(bytes: Uint8Array): void {
    this.#deliver(bytes);
  }

  write(request: Uint8Array): void {
    this.written.push(request);
    if (this.faults.echo) this.#later(1, request);
    const answer = this.#answer(request);
    if (answer === undefined || this.#hits("dropped")) return;
    if (this.#hits("wrongUnit")) {
      const body = answer.slice(0, -2);
      body[0] = (body[0] ?? 0) + 1;
      this.#later(turnaroundMs, withCrc(body));
    } else if (this.#hits("merged")) this.#held = answer;
    else if (this.#hits("late")) this.#later(this.lateMs(), answer);
    else this.#spoil(answer);
    if (this.#hits("repeated")) this.#later(this.repeatMs(), answer);
  }

  #spoil(answer: Uint8Array): void {
    let bytes = answer;
    if (this.#hits("cut")) bytes = bytes.slice(0, this.#below(bytes.length));
    if (this.#hits("damaged")) bytes = this.#damage(bytes);
    if (this.#hits("noise")) bytes = Buffer.concat([this.#noise(), bytes, this.#noise()]);
    // In two pieces, as operating systems do.
    const half = this.#below(bytes.length + 1);
    this.#later(turnaroundMs, bytes.slice(0, half));
    this.#later(turnaroundMs + 3, bytes.slice(half));
  }

  #answer(request: Uint8Array): Uint8Array | undefined {
    if (!crcHolds(request, 0, request.length)) return undefined;
    const view = new DataView(request.buffer, request.byteOffset);
    const [unit, code] = [view.getUint8(0), view.getUint8(1)];
    const answer = this.devices.get(unit)?.(code, view.getUint16(2), view.getUint16(4));
    if (answer === undefined) return undefined;
    if (typeof answer === "number") return withCrc(Uint8Array.of(unit, code | 0x80, answer));
    const words = answer.flatMap((word) => [word >>> 8, word & 0xff]);
    return withCrc(Uint8Array.of(unit, code, words.length, ...words));
  }

  #damage(bytes: Uint8Array): Uint8Array {
    const at = this.#below(Math.max(1, bytes.length - 1));
    return bytes.map((byte, i) => (i === at ? byte ^ (1 + this.#below(255)) : byte));
  }

  #noise(): Uint8Array {
    return Uint8Array.from({ length: this.#below(12) }, () => this.#below(256));
  }

  #later(ms: number, bytes: Uint8Array): void {
    this.#timers.after(ms, () => this.#deliver(bytes));
  }

  #deliver(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#held, bytes]);
    this.#held = new Uint8Array(0);
    if (all.length > 0) this.#events?.data(all);
  }

  #hits(fault: Exclude<keyof Faults, "echo">): boolean {
    return this.#random() < (this.faults[fault] ?? 0);
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }
}
