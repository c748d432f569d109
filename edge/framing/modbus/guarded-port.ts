import { Failure } from "@busbar/protocol";
import { type BusCounters, noCounts } from "../bus-counters.ts";
import type { Line, Trace } from "../line.ts";
import type { Timers } from "../timers.ts";
import { BusLine } from "./bus-line.ts";
import { exceptionCode, type ModbusClient, ModbusClientPort, modbusClient } from "./client-port.ts";
import { withCrc } from "./crc16.ts";
import { type Receiver, rtuReceiver, tcpReceiver } from "./receiver.ts";
import { RefusedLengths } from "./refused-lengths.ts";
import {
  cutOf,
  type ReadReply,
  type ReadRequest,
  type WriteReply,
  type WriteRequest,
} from "./requests.ts";
import { Turnarounds } from "./turnaround.ts";
import { type Frame, type ReplyShape, Unanswered } from "./unanswered.ts";

export type GuardedPortOptions = {
  readonly name: string;
  readonly line: Line;
  readonly framing: "rtu" | "tcp";
  /** Undefined for a network. */
  readonly baud: number | undefined;
  readonly timers: Timers;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** From the end of a request to the end of its answer, beyond the time on the wire. */
  readonly replyMs?: number | undefined;
  readonly trace?: Trace | undefined;
};

/** More waiting reads than meters on a bus: somebody asks faster than the bus can carry. */
const queueMax = 256;
/** A gateway's exceptions that leave the meter's answer outstanding. */
const gatewayUnanswered = new Set([10, 11]);
/** Illegal data address, illegal data value. */
const beyondRegisters = new Set([2, 3]);
type Exchange = {
  readonly shape: ReplyShape;
  readonly askedAt: number;
  readonly fail: (failure: Failure) => void;
};

/**
 * A bus that gives back what was asked for or nothing. modbus-serial builds requests and reads
 * answers; below it, this holds that one request is on the bus at a time, that an answer has the
 * unit, function and length that were asked, that nothing received earlier counts, and that a late
 * answer cannot pass for a later one.
 */
export class GuardedPort {
  readonly name: string;
  readonly counters: BusCounters = noCounts();
  readonly baud: number | undefined;
  readonly #line: BusLine;
  readonly #timers: Timers;
  readonly #replyMs: number;
  readonly #turnarounds = new Turnarounds();
  readonly #unanswered: Unanswered;
  readonly #refusedLengths = new RefusedLengths();
  readonly #receiver: Receiver;
  readonly #port: ModbusClientPort;
  readonly #client: ModbusClient;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #exchange: Exchange | undefined;
  /** Units that left their last request unanswered. */
  readonly #silentUnits = new Set<number>();

  constructor(options: GuardedPortOptions) {
    this.name = options.name;
    this.baud = options.baud;
    this.#timers = options.timers;
    this.#replyMs = options.replyMs ?? (options.framing === "tcp" ? 2000 : 500);
    this.#unanswered = new Unanswered({ named: options.framing === "tcp" });
    const receiver = options.framing === "tcp" ? tcpReceiver : rtuReceiver;
    this.#receiver = receiver({
      counters: this.counters,
      unexpected: (frame) => this.#unexpected(frame),
      foreign: (shape) => this.#unanswered.foreign(shape, this.#timers.now()),
    });
    this.#line = new BusLine({
      ...options,
      trace: options.trace,
      receiver: this.#receiver,
      counters: this.counters,
      dial: () => this.#dial(),
      answered: (frame) => this.#port.emit("data", Buffer.from(frame)),
      lost: (failure) => this.#exchange?.fail(failure),
    });
    this.#port = new ModbusClientPort({
      isOpen: () => this.#line.isOpen(),
      open: () => this.#line.open(),
      close: () => this.#line.close(),
      write: (frame) => this.#line.write(this.#receiver.frame(frame, this.#exchange?.shape)),
    });
    this.#client = modbusClient(this.#port);
  }

  /**
   * Reads registers, after the reads asked for before. The answer holds exactly `count` registers.
   * Throws: `Failure` `meter.timeout`, `meter.suspect` (cannot be told from a late answer now),
   * `meter.port-*` and `meter.unreachable` when the line is not there, `meter.bus-overload`, `meter.bus-closed`.
   */
  read(request: ReadRequest): Promise<ReadReply> {
    return this.#queued(() => this.#distinctRead(request));
  }

  /**
   * Writes a register, after what was asked for before. Throws: as `read`, but for `meter.suspect`.
   */
  write(request: WriteRequest): Promise<WriteReply> {
    return this.#queued(() => this.#put(request));
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= queueMax) {
      const message = `${queueMax} reads wait for ${this.name} already; poll its meters less often`;
      return Promise.reject(new Failure("meter.bus-overload", message, { retry: "later" }));
    }
    this.#waiting += 1;
    const result = this.#tail.then(work);
    this.#tail = result.then(
      () => {
        this.#waiting -= 1;
      },
      () => {
        this.#waiting -= 1;
      },
    );
    return result;
  }

  /** Whether the unit left its last request unanswered. */
  isSilent(unit: number): boolean {
    return this.#silentUnits.has(unit);
  }

  /** Takes a turnaround as learned earlier; what this port has seen itself counts more. */
  expectTurnaround(unit: number, ms: number): void {
    this.#turnarounds.expect(unit, ms);
  }

  /** The learned time from a request to this unit's answer, ms. */
  turnaroundMs(unit: number): number {
    return this.#turnarounds.meanMs(unit);
  }

  async close(): Promise<void> {
    const wasOpen = this.#line.end();
    this.#exchange?.fail(this.#line.closedFailure());
    if (!wasOpen) return;
    await new Promise<void>((resolve) => this.#client.close(() => resolve()));
  }

  /** Gives the read a length that no outstanding answer has, or parts it until that works. */
  async #distinctRead(request: ReadRequest): Promise<ReadReply> {
    await this.#line.ready();
    const distinct = this.#unanswered.distinctCount(request, this.#timers.now());
    if (distinct?.sure === true) return this.#lengthenedRead(request, distinct.count);
    const cut = cutOf(request);
    if (cut === undefined) {
      if (distinct !== undefined) return this.#lengthenedRead(request, distinct.count);
      throw this.#failure(
        "meter.suspect",
        `unit ${request.unit} still owes an answer that could be mistaken for this one`,
        "later",
      );
    }
    const count = cut - request.address;
    const first = await this.#distinctRead({ ...request, count });
    if (!first.ok) return first;
    const second = await this.#distinctRead({
      ...request,
      address: cut,
      count: request.count - count,
    });
    if (!second.ok) return second;
    return { ok: true, registers: [...first.registers, ...second.registers] };
  }

  async #lengthenedRead(request: ReadRequest, count: number): Promise<ReadReply> {
    const exact = () => !this.#unanswered.mistakable(request, this.#timers.now());
    const known = this.#refusedLengths.has(request, count, this.#timers.now());
    if (known && exact()) return this.#ask(request, request.count);
    if (count > request.count) this.counters.lengthened += 1;
    const reply = await this.#ask(request, count);
    if (reply.ok) return { ok: true, registers: reply.registers.slice(0, request.count) };
    if (count === request.count || reply.suspect || !exact()) return reply;
    // The registers behind the ones asked for may not exist.
    if (beyondRegisters.has(reply.exception)) {
      this.#refusedLengths.note(request, count, this.#timers.now());
    }
    return this.#ask(request, request.count);
  }

  async #ask(request: ReadRequest, count: number): Promise<ReadReply> {
    await this.#line.ready();
    const { unit, function: code, address } = request;
    const shape = { unit, function: code, count };
    const { promise, resolve, reject } = Promise.withResolvers<ReadReply>();
    const exchange: Exchange = {
      shape,
      askedAt: this.#timers.now(),
      fail: reject,
    };
    this.#exchange = exchange;
    this.#unanswered.asked({ ...shape, address, askedAt: exchange.askedAt });
    const wireMs = this.#line.wireMs(8 + 5 + 2 * count);
    const cancel = this.#timers.after(wireMs + (request.replyMs ?? this.#replyMs), () =>
      reject(this.#timedOut(exchange, address)),
    );
    const done = (error: unknown, result: { readonly data: readonly number[] } | undefined) => {
      if (result === undefined) return this.#refused({ error, exchange, address, resolve, reject });
      this.counters.replies += 1;
      this.#silentUnits.delete(unit);
      this.#turnarounds.answered(unit, this.#timers.now() - exchange.askedAt - wireMs);
      resolve({ ok: true, registers: result.data });
    };
    this.counters.requests += 1;
    if (code === 3) this.#client.writeFC3(unit, address, count, done);
    else this.#client.writeFC4(unit, address, count, done);
    try {
      return await promise;
    } finally {
      cancel();
      this.#receiver.stop();
      this.#exchange = undefined;
    }
  }

  async #put(request: WriteRequest): Promise<WriteReply> {
    await this.#line.ready();
    const { unit, function: code, address, value } = request;
    const body = [unit, code, address >>> 8, address & 0xff];
    const tail = code === 6 ? [value >>> 8, value & 0xff] : [0, 1];
    const reply = withCrc(Uint8Array.from([...body, ...tail]));
    const shape = { unit, function: code, count: 1, reply };
    const { promise, resolve, reject } = Promise.withResolvers<WriteReply>();
    const exchange: Exchange = { shape, askedAt: this.#timers.now(), fail: reject };
    this.#exchange = exchange;
    const cancel = this.#timers.after(
      this.#line.wireMs(11 + 8) + (request.replyMs ?? this.#replyMs),
      () => reject(this.#timedOut(exchange, address)),
    );
    const done = (error: unknown, result: object | undefined) => {
      const refuse = (refusal: ReadReply) => resolve(refusal as WriteReply);
      if (result === undefined || error) {
        return this.#refused({ error, exchange, address, resolve: refuse, reject });
      }
      this.counters.replies += 1;
      this.#silentUnits.delete(unit);
      resolve({ ok: true });
    };
    this.counters.requests += 1;
    if (code === 6) this.#client.writeFC6(unit, address, value, done);
    else this.#client.writeFC16(unit, address, [value], done);
    try {
      return await promise;
    } finally {
      cancel();
      this.#receiver.stop();
      this.#exchange = undefined;
    }
  }

  #refused(answer: {
    readonly error: unknown;
    readonly exchange: Exchange;
    readonly address: number;
    readonly resolve: (reply: ReadReply) => void;
    readonly reject: (failure: Failure) => void;
  }): void {
    const { error, exchange, address, resolve, reject } = answer;
    const { unit, function: code } = exchange.shape;
    const exception = exceptionCode(error);
    if (exception === undefined) {
      const text = `modbus-serial refused an answer of unit ${unit}: ${String(error)}`;
      return reject(this.#failure("meter.refused", text, "now", error));
    }
    this.counters.exceptions += 1;
    const now = this.#timers.now();
    const suspect = this.#unanswered.exceptionMistakable(unit, code, now);
    if (gatewayUnanswered.has(exception)) {
      this.#unanswered.add(exchange.shape, exchange.askedAt);
      this.#silentUnits.add(unit);
    } else this.#silentUnits.delete(unit);
    if (suspect) {
      // Either the older read or this one stays unanswered; which one cannot be known. It keeps the
      // older time, so that the doubt ends when that expires.
      const since = this.#unanswered.answered({ unit, function: code, count: undefined }, now);
      this.#unanswered.add(exchange.shape, since ?? now);
    }
    resolve({
      ok: false,
      code: "meter.exception",
      message: `unit ${unit} at ${this.name} answered exception ${exception} to function ${code} at register ${address}`,
      exception,
      suspect,
    });
  }

  #timedOut(exchange: Exchange, address: number): Failure {
    const { unit } = exchange.shape;
    const sinceMs = this.#timers.now() - exchange.askedAt;
    this.counters.timeouts += 1;
    this.#silentUnits.add(unit);
    // By TCP too: there are gateways that give a meter's late answer to the next request.
    this.#unanswered.add(exchange.shape, exchange.askedAt);
    this.#line.unanswered(this.#turnarounds.quarantineMs(unit, sinceMs));
    const message = `unit ${unit} did not answer in ${Math.round(sinceMs)} ms for register ${address}; check wiring, unit id and baud rate`;
    return this.#failure("meter.timeout", message, "now");
  }

  #unexpected(frame: Frame): "late" | "repeated" | "unexpected" {
    const now = this.#timers.now();
    const askedAt = this.#unanswered.answered(frame, now);
    if (askedAt === undefined) {
      return this.#unanswered.repeated(frame, now) ? "repeated" : "unexpected";
    }
    this.#turnarounds.late(frame.unit, this.#line.lastByteAt - askedAt);
    return "late";
  }

  #dial(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client.open((error?: unknown) => (error ? reject(error) : resolve()));
    return promise;
  }

  #failure(code: string, text: string, retry: Failure["retry"], cause?: unknown): Failure {
    const message = `${this.name}: ${text}`;
    return new Failure(code, message, cause === undefined ? { retry } : { retry, cause });
  }
}
