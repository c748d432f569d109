import { Failure } from "@busbar/protocol";
import type { Line, LineEvents } from "../../edge/framing/line.ts";
import { crcHolds, withCrc } from "../../edge/framing/modbus/crc16.ts";
import { toMbap } from "../../edge/framing/modbus/mbap.ts";
import type { Timers } from "../../edge/framing/timers.ts";
import type { Faults } from "../../hardware/virtual-site/meters/faults/faults.ts";
import {
  type Delivery,
  LineFaults,
} from "../../hardware/virtual-site/meters/faults/line-faults.ts";
import { TcpFaults } from "../../hardware/virtual-site/meters/faults/tcp-faults.ts";

/**
 * A unit on the bus: registers, an exception code, or undefined for no answer. `count` is the value that
 * is written with functions 6 and 16; any registers then say that it was taken.
 */
export type Device = (
  code: number,
  address: number,
  count: number,
) => readonly number[] | number | undefined;

const turnaroundMs = 8;

/**
 * A bus with units on it in this process, on the test's clock, on which things go wrong as on the
 * virtual site's lines. An answer is there 8 ms after its request, or when `wireMs` says.
 */
export class FaultLine implements Line {
  readonly devices = new Map<number, Device>();
  readonly written: Uint8Array[] = [];
  /** Of all units, and of single ones besides. */
  faults: Faults = {};
  readonly faultsOfUnit = new Map<number, Faults>();
  present = true;
  /** From the request to the end of an answer of so many bytes. */
  wireMs: (requestBytes: number, answerBytes: number) => number = () => turnaroundMs;
  readonly #timers: Timers;
  readonly #framing: "rtu" | "tcp";
  readonly #line: LineFaults;
  readonly #tcp: TcpFaults;
  #events: LineEvents | undefined;

  constructor(timers: Timers, random: () => number, framing: "rtu" | "tcp" = "rtu") {
    this.#timers = timers;
    this.#framing = framing;
    const faultsOf = (unit: number) => ({ ...this.faults, ...this.faultsOfUnit.get(unit) });
    this.#line = new LineFaults({ faultsOf, random });
    this.#tcp = new TcpFaults({ faultsOf, random });
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
    if (this.#framing === "tcp") this.#serveTcp(request);
    else this.#serveRtu(request);
  }

  #serveRtu(request: Uint8Array): void {
    const unit = request[0] ?? 0;
    const awayMs = this.#line.unplugged(unit);
    if (awayMs !== undefined) {
      this.unplug();
      this.#timers.after(awayMs, () => {
        this.present = true;
      });
      return;
    }
    if (this.#line.echoes(unit)) this.#later({ afterMs: 1, bytes: request });
    const silent = this.wireMs(request.length, 0);
    // A meter looks at its registers when it begins to answer.
    this.#timers.after(silent / 2, () => {
      const frame = this.#answer(request);
      if (frame === undefined) return;
      const nowMs = this.#timers.now();
      const ask = (other: Uint8Array) => this.#answer(other);
      const restMs = this.wireMs(request.length, frame.length) - silent / 2;
      for (const { afterMs, bytes } of this.#line.befall({ request, frame, nowMs, ask })) {
        this.#later({ afterMs: restMs + afterMs, bytes });
      }
    });
  }

  #serveTcp(request: Uint8Array): void {
    // What is under way on a connection ends with it.
    const events = this.#events;
    this.#timers.after(turnaroundMs / 2, () => {
      const rtu = this.#answer(withCrc(request.subarray(6))) ?? this.#gatewayRefusal(request);
      const frame = toMbap(rtu, new DataView(request.buffer, request.byteOffset).getUint16(0));
      for (const { afterMs, bytes } of this.#tcp.befall(request, frame, this.#timers.now())) {
        this.#timers.after(turnaroundMs / 2 + afterMs, () => {
          if (this.#events === events) events?.data(bytes);
        });
      }
    });
  }

  #gatewayRefusal(request: Uint8Array): Uint8Array {
    return withCrc(Uint8Array.of(request[6] ?? 0, (request[7] ?? 0) | 0x80, 11));
  }

  #answer(request: Uint8Array): Uint8Array | undefined {
    if (!crcHolds(request, 0, request.length)) return undefined;
    const view = new DataView(request.buffer, request.byteOffset);
    const [unit, code] = [view.getUint8(0), view.getUint8(1)];
    const writes = code === 6 || code === 16;
    const last = view.getUint16(code === 16 ? 7 : 4);
    const answer = this.devices.get(unit)?.(code, view.getUint16(2), last);
    if (answer === undefined) return undefined;
    if (typeof answer === "number") return withCrc(Uint8Array.of(unit, code | 0x80, answer));
    if (writes) return withCrc(request.slice(0, 6));
    const words = answer.flatMap((word) => [word >>> 8, word & 0xff]);
    return withCrc(Uint8Array.of(unit, code, words.length, ...words));
  }

  #later({ afterMs, bytes }: Delivery): void {
    this.#timers.after(afterMs, () => this.#deliver(bytes));
  }

  #deliver(bytes: Uint8Array): void {
    const all = this.#line.joined(bytes);
    if (all.length > 0) this.#events?.data(all);
  }
}
