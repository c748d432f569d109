import type { NoticeTopic } from "@busbar/protocol";
import type { LedgerEvent } from "../ledger/events.ts";
import type { NoticeKey, Word } from "./words/catalogue.ts";

/**
 * Something that a notice says, in the unit that its key names: Wh, 10⁻⁶ currency, 10⁻⁶ currency/kWh,
 * site ms, thousandths, a number, a month as yyyy-mm; a name stands as it is, a word is put into the owner's
 * language.
 */
export type Fact =
  | { readonly wh: number }
  | { readonly micro: number }
  | { readonly perKwh: number }
  | { readonly at: number }
  | { readonly permille: number }
  | { readonly count: number }
  | { readonly month: string }
  | { readonly name: string }
  | { readonly word: Word };

export type Facts = Readonly<Record<string, Fact>>;

/** Where a notice's proof is. `prove`: the arguments of `busbar-aggregator prove`. */
export type NoticeProof = {
  readonly chain: string;
  readonly height: number;
  /** Which of the block's events. */
  readonly event: number;
  readonly prove: readonly string[];
};

/** What an owner is told, before it is put into words. It holds nothing of any other owner but its name. */
export type Notice = {
  /** Same for every attempt, every channel and every member: the receiver's idempotency key. */
  readonly id: string;
  readonly owner: string;
  readonly type: LedgerEvent["type"] | "test";
  readonly topic: NoticeTopic | "test";
  /** Which text of the catalogue. */
  readonly key: NoticeKey;
  /** Site ms. */
  readonly time: number;
  /** Comes in quiet hours too, where its owner wants that, and waits for no digest. */
  readonly urgent: boolean;
  readonly facts: Facts;
  /** How much money it is about, 10⁻⁶ currency and never below 0; null: it is not about money. */
  readonly money: number | null;
  readonly currency: string;
  /** Absent for one that no block tells. */
  readonly proof?: NoticeProof;
};

/** A notice before it has a place: what one event says to one owner. */
export type Telling = Pick<Notice, "owner" | "topic" | "key" | "facts"> & {
  readonly money?: number;
  readonly urgent?: boolean;
  /** Where this event's own proof says more than the block's result. */
  readonly prove?: readonly string[];
};
