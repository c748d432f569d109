import type { DemandOrder, Payment, QuoteCommit, UtcMs } from "@busbar/protocol";
import type { StateReader } from "../../ledger/state/state.ts";
import type { CarbonEvidence, Opening } from "./evidence.ts";
import type { TakenBatch } from "./replay.ts";

/** A quote as it was sealed, with the evidence's frame that did so, and what is said to open it. */
export type ProvedQuote = {
  readonly commit: QuoteCommit;
  readonly opening: Opening;
  readonly sealed: number;
};

/** A message with its frame in the evidence and the height of its block. */
export type ProvedMessage<T> = {
  readonly message: T;
  readonly frame: number;
  readonly height: number;
};

/** A batch of readings with its frame in the evidence. */
export type ProvedBatch = TakenBatch & { readonly frame: number };

/** What a bill is made from, all of it proved: by whoever makes it from a ledger, by whoever checks it from
 * its evidence. */
export type BillGrounds = {
  readonly owner: string;
  readonly month: string;
  readonly asOf: { readonly height: number; readonly time: UtcMs; readonly appHash: Uint8Array };
  /** The entries that were proved, and no others. */
  readonly state: StateReader;
  /** Whether it was proved that a key holds nothing. */
  isAbsent(key: string): boolean;
  /** Of each meter in the order of its chain. */
  readonly batches: ReadonlyMap<string, readonly ProvedBatch[]>;
  /** By the id of their commitment, hex. */
  readonly quotes: ReadonlyMap<string, ProvedQuote>;
  /** Acknowledged payments by `<who>/<its version>`. */
  readonly payments: ReadonlyMap<string, ProvedMessage<Payment>>;
  /** Orders of demand response by id, hex. */
  readonly orders: ReadonlyMap<string, ProvedMessage<DemandOrder>>;
  readonly carbon: CarbonEvidence | undefined;
};

/** What in a bill is concerned: slots, contracts, the account's entries, frames or entries of its evidence, or
 * all of it. */
export type Concern =
  | { readonly slot: number }
  | { readonly contract: string }
  | { readonly frames: readonly number[] }
  | { readonly key: string }
  | { readonly entry: number }
  | "all";

/** What is wrong, and with what. */
export type Fault = {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly about: Concern;
};

export function fault(code: string, message: string, about: Concern): Fault {
  return { ok: false, code, message, about };
}

/** Thrown on the way through a bill's many parts, and returned by those who look at it as a whole. */
export class BillError extends Error {
  readonly fault: Fault;

  constructor(code: string, message: string, about: Concern) {
    super(message);
    this.fault = fault(code, message, about);
  }
}

/** Runs what may find a fault. */
export function found<T>(act: () => T): { readonly ok: true; readonly value: T } | Fault {
  try {
    return { ok: true, value: act() };
  } catch (error) {
    if (error instanceof BillError) return error.fault;
    throw error;
  }
}
