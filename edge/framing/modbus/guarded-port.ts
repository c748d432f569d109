import { Failure } from "@busbar/protocol";
import { Backoff } from "../backoff.ts";
import { type BusCounters, noCounts } from "../bus-counters.ts";
import type { Line, Trace } from "../line.ts";
import { sleep, type Timers } from "../timers.ts";
import { exceptionCode, type ModbusClient, ModbusClientPort, modbusClient } from "./client-port.ts";
import { withCrc } from "./crc16.ts";
import { type Receiver, rtuReceiver, tcpReceiver } from "./receiver.ts";
import { RefusedLengths } from "./refused-lengths.ts";
import { Turnarounds } from "./turnaround.ts";
import { type Frame, type ReplyShape, Unanswered } from "./unanswered.ts";

/** A read of registers. `maxRegisters` and `evenCount` say how far it may be lengthened. */
export type ReadRequest = {
  readonly unit: number;
  readonly function: 3 | 4;
  readonly address: number;
  readonly count: number;
  readonly maxRegisters: number;
  readonly evenCount: boolean;
  /** Addresses where it may be parted in two requests: between values, never inside one. */
  readonly cuts?: readonly number[] | undefined;
  /** Default: the port's. */
  readonly replyMs?: number | undefined;
};

/** A write of one holding register: function 6, or 16 for meters that know no other. */
export type WriteRequest = {
  readonly unit: number;
  readonly function: 6 | 16;
  readonly address: number;
  /** 0 … 65 535. */
  readonly value: number;
  /** Default: the port's. */
  readonly replyMs?: number | undefined;
};

/** What the unit answered to a write. On a line with an echo that may be the echo: read it back. */
export type WriteReply = { readonly ok: true } | Extract<ReadReply, { readonly ok: false }>;

/** What the unit answered. `suspect`: the exception may belong to an earlier, unanswered read. */
export type ReadReply =
  | { readonly ok: true; readonly registers: readonly number[] }
  | {
      readonly ok: false;
      readonly code: "meter.exception";
      readonly message: string;
      readonly exception: number;
      readonly suspect: boolean;
    };

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
/** USB adapters hand over bytes in steps of up to 16 ms: shorter pauses are no silence. */
const silenceMs = 20;
/** A network connection that leaves so many requests in a row without a byte is made anew: a router
 * on the way may have forgotten it, which nobody would tell us for many minutes. */
const silentRequestsMax = 2;
/** A gateway's exceptions that leave the meter's answer outstanding. */
const gatewayUnanswered = new Set([10, 11]);
/** Illegal data address, illegal data value. */
const beyondRegisters = new Set([2, 3]);
/** A line that never falls silent (broken wiring) is asked all the same after this. */
const drainMsMax = 2000;

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
  readonly #line: Line;
  readonly #timers: Timers;
  readonly #trace: Trace | undefined;
  readonly #replyMs: number;
  readonly #turnarounds = new Turnarounds();
  readonly #unanswered: Unanswered;
  readonly #refusedLengths = new RefusedLengths();
  readonly #receiver: Receiver;
  readonly #backoff: Backoff;
  readonly #port: ModbusClientPort;
  readonly #client: ModbusClient;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #open = false;
  #closed = false;
  #openAfter = Number.NEGATIVE_INFINITY;
  #quietUntil = 0;
  #lastByteAt = Number.NEGATIVE_INFINITY;
  #exchange: Exchange | undefined;
  /** Units that left their last request unanswered. */
  readonly #silentUnits = new Set<number>();
  /** Requests since the last byte, none of them answered. */
  #silentRequests = 0;

  constructor(options: GuardedPortOptions) {
    this.name = options.name;
    this.baud = options.baud;
    this.#line = options.line;
    this.#timers = options.timers;
    this.#trace = options.trace;
    this.#replyMs = options.replyMs ?? (options.framing === "tcp" ? 2000 : 500);
    this.#backoff = new Backoff({ minMs: 500, maxMs: 60_000, random: options.random });
    this.#unanswered = new Unanswered({ named: options.framing === "tcp" });
    const receiver = options.framing === "tcp" ? tcpReceiver : rtuReceiver;
    this.#receiver = receiver({
      counters: this.counters,
      unexpected: (frame) => this.#unexpected(frame),
      foreign: (shape) => this.#unanswered.foreign(shape, this.#timers.now()),
    });
    this.#port = new ModbusClientPort({
      isOpen: () => this.#open,
      open: () => this.#openLine(),
      close: () => this.#line.close(),
      write: (frame) => this.#write(frame),
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
    this.#closed = true;
    this.#exchange?.fail(this.#failure("meter.bus-closed", "was closed", "never"));
    if (!this.#open) return;
    this.#open = false;
    await new Promise<void>((resolve) => this.#client.close(() => resolve()));
  }

  /** Gives the read a length that no outstanding answer has, or parts it until that works. */
  async #distinctRead(request: ReadRequest): Promise<ReadReply> {
    await this.#ready();
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
    await this.#ready();
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
    const wireMs = this.#wireMs(8 + 5 + 2 * count);
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
    await this.#ready();
    const { unit, function: code, address, value } = request;
    const body = [unit, code, address >>> 8, address & 0xff];
    const tail = code === 6 ? [value >>> 8, value & 0xff] : [0, 1];
    const reply = withCrc(Uint8Array.from([...body, ...tail]));
    const shape = { unit, function: code, count: 1, reply };
    const { promise, resolve, reject } = Promise.withResolvers<WriteReply>();
    const exchange: Exchange = { shape, askedAt: this.#timers.now(), fail: reject };
    this.#exchange = exchange;
    const cancel = this.#timers.after(
      this.#wireMs(11 + 8) + (request.replyMs ?? this.#replyMs),
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
    this.#silentRequests += 1;
    if (this.#silentRequests >= silentRequestsMax) this.#abandon();
    if (this.#receiver.ambiguous) {
      this.#quietUntil = this.#timers.now() + this.#turnarounds.quarantineMs(unit, sinceMs);
    }
    const message = `unit ${unit} did not answer in ${Math.round(sinceMs)} ms for register ${address}; check wiring, unit id and baud rate`;
    return this.#failure("meter.timeout", message, "now");
  }

  #unexpected(frame: Frame): "late" | "repeated" | "unexpected" {
    const now = this.#timers.now();
    const askedAt = this.#unanswered.answered(frame, now);
    if (askedAt === undefined) {
      return this.#unanswered.repeated(frame, now) ? "repeated" : "unexpected";
    }
    this.#turnarounds.late(frame.unit, this.#lastByteAt - askedAt);
    return "late";
  }

  /** Gives up a network connection on which nothing comes any more; the next read makes a new one. */
  #abandon(): void {
    if (this.baud !== undefined || !this.#open) return;
    this.#open = false;
    this.#silentRequests = 0;
    this.counters.abandoned += 1;
    void this.#line.close();
  }

  /** The line is open, silent and past its quarantine, and all that came meanwhile is counted. */
  async #ready(): Promise<void> {
    if (!this.#open) await this.#reopen();
    const start = this.#timers.now();
    for (;;) {
      const now = this.#timers.now();
      const wait = Math.max(this.#quietUntil, this.#lastByteAt + this.#gapMs()) - now;
      if (wait <= 0) break;
      if (now - start > drainMsMax + Math.max(0, this.#quietUntil - start)) {
        this.counters.babble += 1;
        break;
      }
      await sleep(this.#timers, wait);
      if (!this.#open) await this.#reopen();
    }
    this.#receiver.flush();
  }

  /** Silence before a request: 3.5 characters, and more where answers may still be under way. */
  #gapMs(): number {
    if (!this.#receiver.ambiguous) return 0;
    const quarantined = this.#quietUntil >= this.#lastByteAt;
    return quarantined ? silenceMs : Math.max(2, this.#wireMs(3.5));
  }

  /** The longest pause within a frame: USB adapters and slow lines make some, networks longer ones. */
  #frameGapMs(): number {
    return this.baud === undefined ? 250 : Math.max(50, this.#wireMs(4));
  }

  #wireMs(bytes: number): number {
    return this.baud === undefined ? 0 : (bytes * 10_000) / this.baud;
  }

  async #reopen(): Promise<void> {
    if (this.#closed) throw this.#failure("meter.bus-closed", "was closed", "never");
    const waitMs = this.#openAfter - this.#timers.now();
    if (waitMs > 0) {
      const text = `not there at the moment; it is tried again in ${Math.ceil(waitMs / 1000)} s`;
      throw this.#failure("meter.port-away", text, "later");
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client.open((error?: unknown) => (error ? reject(error) : resolve()));
    try {
      await promise;
    } catch (error) {
      this.counters.openFailures += 1;
      this.#openAfter = this.#timers.now() + this.#backoff.next();
      throw error;
    }
  }

  async #openLine(): Promise<void> {
    await this.#line.open({
      data: (bytes) => this.#received(bytes),
      lost: (cause) => this.#lost(cause),
    });
    if (this.#closed) {
      await this.#line.close();
      throw this.#failure("meter.bus-closed", "was closed", "never");
    }
    this.counters.opens += 1;
    this.#open = true;
    this.#receiver.reset();
    // Answers to whoever used the line before may still be on their way.
    if (this.#receiver.ambiguous) this.#quietUntil = this.#timers.now() + silenceMs;
  }

  #write(frame: Uint8Array): void {
    const bytes = this.#receiver.frame(frame, this.#exchange?.shape);
    this.#trace?.({ bus: this.name, direction: "sent", bytes });
    this.#line.write(bytes);
  }

  #received(bytes: Uint8Array): void {
    const now = this.#timers.now();
    const parted = now - this.#lastByteAt > this.#frameGapMs();
    this.#lastByteAt = now;
    this.#silentRequests = 0;
    this.#trace?.({ bus: this.name, direction: "received", bytes });
    const answer = this.#receiver.push(bytes, parted);
    if (answer === "broken") {
      this.counters.broken += 1;
      void this.#line.close();
      this.#lost(new Error("the peer does not speak Modbus TCP"));
    } else if (answer !== undefined) {
      this.#backoff.reset();
      this.#port.emit("data", Buffer.from(answer));
    }
  }

  #lost(cause: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.counters.lost += 1;
    this.#openAfter = this.#timers.now() + this.#backoff.next();
    const text = "went away during a read; it is opened again when it is back";
    this.#exchange?.fail(this.#failure("meter.port-lost", text, "later", cause));
  }

  #failure(code: string, text: string, retry: Failure["retry"], cause?: unknown): Failure {
    const message = `${this.name}: ${text}`;
    return new Failure(code, message, cause === undefined ? { retry } : { retry, cause });
  }
}

/** The place nearest to its middle where a read may be parted; undefined: there is none. */
function cutOf({ address, count, cuts = [], evenCount }: ReadRequest): number | undefined {
  const middle = address + count / 2;
  const fits = cuts.filter(
    (cut) => cut > address && cut < address + count && !(evenCount && (cut - address) % 2 !== 0),
  );
  return fits.toSorted((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0];
}
