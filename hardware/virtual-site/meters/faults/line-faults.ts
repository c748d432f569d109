import { withCrc } from "../crc16.ts";
import { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";

/** Bytes that the line brings, so long after the answer's own time. */
export type Delivery = { readonly afterMs: number; readonly bytes: Uint8Array };

/** A unit's answer, both as RTU frames. */
export type Answer = {
  readonly request: Uint8Array;
  readonly frame: Uint8Array;
  readonly nowMs: number;
  /** What the line's units would answer to another request. */
  readonly ask: (request: Uint8Array) => Uint8Array | undefined;
};

/** Babble comes in pieces this far apart, ms. */
const babbleStepMs = 12;

/** What befalls requests and answers on one RTU line. No clock, no line of its own: any can use it. */
export class LineFaults {
  readonly #faultsOf: (unit: number) => Faults;
  readonly #dice: Dice;
  readonly #deadUntil = new Map<number, number>();
  #held: Uint8Array = new Uint8Array(0);

  constructor(options: {
    readonly faultsOf: (unit: number) => Faults;
    /** 0 ≤ x < 1. */
    readonly random: () => number;
  }) {
    this.#faultsOf = options.faultsOf;
    this.#dice = new Dice(options.random);
  }

  /** How long the adapter is away from this request on, ms; undefined: it stays. */
  unplugged(unit: number): number | undefined {
    const faults = this.#faultsOf(unit);
    return this.#dice.hits(faults, "unplug") ? this.#dice.ms(faults, "awayMs") : undefined;
  }

  /** Whether this request comes back to its sender. */
  echoes(unit: number): boolean {
    return this.#dice.hits(this.#faultsOf(unit), "echo");
  }

  /** What the line brings in place of an answer. */
  befall(answer: Answer): readonly Delivery[] {
    const { request, frame, nowMs } = answer;
    const unit = request[0] ?? 0;
    const faults = this.#faultsOf(unit);
    const hits = (fault: Parameters<Dice["hits"]>[1]) => this.#dice.hits(faults, fault);
    if (Object.keys(faults).length === 0) return [{ afterMs: 0, bytes: frame }];
    if (nowMs < (this.#deadUntil.get(unit) ?? 0) || faults.dead === 1) return [];
    if (hits("dead")) this.#deadUntil.set(unit, nowMs + this.#dice.ms(faults, "deadMs"));
    if (hits("dropped")) return [];
    if (hits("wrongUnit")) return [{ afterMs: 0, bytes: fromAnotherUnit(frame) }];
    if (hits("babble")) return this.#babble(this.#dice.ms(faults, "babbleMs"));
    const before = hits("foreign") ? this.#otherMaster(answer) : [];
    const afterMs = hits("late") ? this.#dice.ms(faults, "lateMs") : before.length;
    const againMs = afterMs + this.#dice.ms(faults, "repeatMs");
    const again = hits("repeated") ? [{ afterMs: againMs, bytes: frame }] : [];
    if (!hits("merged")) {
      return [...before, ...this.#pieces(this.#spoilt(frame, faults), afterMs), ...again];
    }
    this.#held = frame;
    return [...before, ...again];
  }

  /** What the client receives when these bytes are due: with what was held back, in front. */
  joined(bytes: Uint8Array): Uint8Array {
    if (this.#held.length === 0) return bytes;
    const all = Buffer.concat([this.#held, bytes]);
    this.#held = new Uint8Array(0);
    return all;
  }

  #spoilt(frame: Uint8Array, faults: Faults): Uint8Array {
    const dice = this.#dice;
    let bytes: Uint8Array = frame;
    if (dice.hits(faults, "busy")) {
      bytes = withCrc(Uint8Array.of(frame[0] ?? 0, (frame[1] ?? 0) | 0x80, 6));
    }
    if (dice.hits(faults, "cut")) bytes = bytes.slice(0, dice.below(bytes.length));
    if (dice.hits(faults, "damaged")) {
      const at = dice.below(bytes.length);
      const flip = 1 + dice.below(255);
      bytes = bytes.map((byte, i) => (i === at ? byte ^ flip : byte));
    }
    if (!dice.hits(faults, "noise")) return bytes;
    return Buffer.concat([dice.bytes(dice.below(12)), bytes, dice.bytes(dice.below(12))]);
  }

  /** In two pieces, as operating systems do. */
  #pieces(bytes: Uint8Array, afterMs: number): Delivery[] {
    const half = 1 + this.#dice.below(bytes.length);
    return [
      { afterMs, bytes: bytes.slice(0, half) },
      { afterMs: afterMs + 3, bytes: bytes.slice(half) },
    ].filter((delivery) => delivery.bytes.length > 0);
  }

  #babble(forMs: number): Delivery[] {
    return Array.from({ length: Math.ceil(forMs / babbleStepMs) }, (_, i) => ({
      afterMs: i * babbleStepMs,
      bytes: this.#dice.bytes(1 + this.#dice.below(12)),
    }));
  }

  /** Another master's read, of as many registers elsewhere, and what it is answered. */
  #otherMaster({ request, frame, ask }: Answer): Delivery[] {
    const body = Uint8Array.from(request.subarray(0, -2));
    const view = new DataView(body.buffer);
    view.setUint16(2, (view.getUint16(2) + 2 * (1 + this.#dice.below(8))) & 0xffff);
    const other = withCrc(body);
    const answered = ask(other);
    if (answered === undefined || answered.length !== frame.length) return [];
    return [
      { afterMs: 0, bytes: other },
      { afterMs: 1, bytes: answered },
    ];
  }
}

function fromAnotherUnit(frame: Uint8Array): Uint8Array {
  const body = frame.slice(0, -2);
  body[0] = (body[0] ?? 0) + 1;
  return withCrc(body);
}
