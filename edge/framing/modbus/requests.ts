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

/** The place nearest to its middle where a read may be parted; undefined: there is none. */
export function cutOf({ address, count, cuts = [], evenCount }: ReadRequest): number | undefined {
  const middle = address + count / 2;
  const fits = cuts.filter(
    (cut) => cut > address && cut < address + count && !(evenCount && (cut - address) % 2 !== 0),
  );
  return fits.toSorted((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0];
}
