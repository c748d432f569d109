import { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Delivery } from "./line-faults.ts";

/** No gateway waits longer for its serial line than this. */
const crossedMsMax = 3000;

/**
 * What befalls the answers of one Modbus TCP connection. Its bytes are TCP's to keep: an answer is
 * cut into two segments or merged with the next, but none is damaged.
 */
export class TcpFaults {
  readonly #faultsOf: (unit: number) => Faults;
  readonly #dice: Dice;
  readonly #deadUntil = new Map<number, number>();
  /** By unit: an answer that the gateway takes for that of the next request. */
  readonly #crossed = new Map<number, { readonly frame: Uint8Array; readonly nowMs: number }>();
  #held: Uint8Array = new Uint8Array(0);

  constructor(options: {
    readonly faultsOf: (unit: number) => Faults;
    /** 0 ≤ x < 1. */
    readonly random: () => number;
  }) {
    this.#faultsOf = options.faultsOf;
    this.#dice = new Dice(options.random);
  }

  /** What the client receives in place of `frame`, the answer to `request`, header and all. */
  befall(request: Uint8Array, frame: Uint8Array, nowMs: number): readonly Delivery[] {
    const unit = request[6] ?? 0;
    const faults = this.#faultsOf(unit);
    const hits = (fault: Parameters<Dice["hits"]>[1]) => this.#dice.hits(faults, fault);
    if (nowMs < (this.#deadUntil.get(unit) ?? 0) || faults.dead === 1) return [];
    if (hits("dead")) this.#deadUntil.set(unit, nowMs + this.#dice.ms(faults, "deadMs"));
    if (hits("dropped")) return [];
    const late = this.#crossed.get(unit);
    this.#crossed.delete(unit);
    if (late !== undefined && nowMs - late.nowMs < crossedMsMax) {
      const taken = Uint8Array.from(late.frame);
      taken.set(request.subarray(0, 2));
      return [{ afterMs: 0, bytes: taken }];
    }
    if (hits("crossed")) {
      this.#crossed.set(unit, { frame, nowMs });
      return [];
    }
    let bytes = Uint8Array.from(frame);
    if (hits("busy")) bytes = exceptionOf(bytes, 6);
    if (hits("wrongUnit")) bytes[6] = unit + 1;
    if (hits("merged")) {
      this.#held = Buffer.concat([this.#held, bytes]);
      return [];
    }
    const afterMs = hits("late") ? this.#dice.ms(faults, "lateMs") : 0;
    const again = hits("repeated")
      ? [{ afterMs: afterMs + this.#dice.ms(faults, "repeatMs"), bytes: Uint8Array.from(bytes) }]
      : [];
    if (afterMs === 0) {
      bytes = Uint8Array.from(Buffer.concat([this.#held, bytes]));
      this.#held = new Uint8Array(0);
    }
    // Two segments may only lie apart where nothing else can come in between: at the same instant.
    if (!hits("cut")) return [{ afterMs, bytes }, ...again];
    const at = this.#dice.below(bytes.length);
    const parts = [bytes.slice(0, at), bytes.slice(at)].map((part) => ({ afterMs, bytes: part }));
    return [...parts, ...again];
  }
}

function exceptionOf(frame: Uint8Array, code: number): Uint8Array<ArrayBuffer> {
  const body = Uint8Array.from(frame.subarray(0, 9));
  new DataView(body.buffer).setUint16(4, 3);
  body[7] = (frame[7] ?? 0) | 0x80;
  body[8] = code;
  return body;
}
