import { type Micro, type MicroPerKwh, type UtcMs, utcMs, type Wh } from "@busbar/protocol";
import {
  bytes,
  field,
  id,
  instant,
  int,
  oneOf,
  optional,
  price,
  record,
  type TypeOf,
} from "@busbar/protocol/schema";
import type { BlockContext } from "./rule.ts";
import type { StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const energy = int<Wh>(0, most);

/** What became of an order of demand response: what was ordered, proven by meters, and for what price. */
const demandOutcome = record("demand-outcome", {
  order: field(1, bytes(16)),
  slot: field(2, instant),
  slots: field(3, int(1, most)),
  orderedWh: field(4, energy),
  deliveredWh: field(5, energy),
  price: field(6, price),
  /** `unproven`: its meters stayed silent, so nobody is blamed. */
  word: field(7, oneOf("kept", "unkept", "unproven")),
  /** Of the block that took the order. */
  height: field(8, int(1, most)),
  /** What the order came to before, where this entry is the difference to it; absent: it is the first. */
  corrects: optional(9, int<Micro>(0, most)),
});

/** Who acknowledged a payment, and which one of its acknowledgements it is. */
const acknowledged = record("acknowledged", {
  by: field(1, id),
  version: field(2, int(1, most)),
});

/** What a meter drew in a silence, beyond the estimates of slots that had been forgotten when it was heard again. */
const unreadEnergy = record("unread-energy", {
  meter: field(1, id),
  from: field(2, instant),
  to: field(3, instant),
  energyWh: field(4, energy),
});

const accountEntry = record("account-entry", {
  time: field(1, instant),
  height: field(2, int(1, most)),
  /**
   * `payment`: acknowledged on the ledger. `collateral`: handed to a bureau, or back. `seized`: collateral
   * that was taken for what the account owed. `demand`: an order that was proven. `unread`: energy of a long silence.
   * `escrow`: put aside for a trade with another feeder, or back. `bond`: for energy that did not come from there.
   */
  sort: field(3, oneOf("payment", "collateral", "seized", "demand", "unread", "escrow", "bond")),
  /** As it changes the account: a payment that is received makes what the others owe smaller. */
  money: field(4, int<Micro>(-most, most)),
  /** The other side; the owner itself where its own collateral was taken. */
  with: field(5, id),
  payment: optional(6, acknowledged),
  demand: optional(7, demandOutcome),
  unread: optional(8, unreadEnergy),
});

/** `account-entry/<owner>/<number, 9 digits>`: what moved an account's money besides the slots. */
export const accountEntries = table("account-entry", accountEntry);
export type AccountEntry = TypeOf<typeof accountEntry>;

/**
 * `account-entries/<owner>`: the numbers of its entries in the state, from `first` up to `next`, and when the
 * newest was written of those that are gone: so nobody can leave one out unseen.
 */
export const accountEntryHeads = table(
  "account-entries",
  record("account-entries", {
    first: field(1, int(1, most)),
    next: field(2, int(1, most)),
    gone: optional(3, instant),
  }),
);

/** How long an entry stays in the state after it was written; it stands in the blocks for ever. */
export const entryKeepMs = 62 * 86_400_000;
/** Old entries that a new one takes out of the state: more than one, so that they get fewer. */
const forgottenAtOnce = 4;

/** Puts an entry on an owner's account, and takes out of the state what is too old. */
export function addAccountEntry(
  { state, time, height }: Pick<BlockContext, "state" | "time" | "height">,
  owner: string,
  entry: Omit<AccountEntry, "time" | "height">,
): void {
  let { first, next, gone } = accountEntryHeads.get(state, owner) ?? { first: 1, next: 1 };
  accountEntries.set(state, accountEntryId(owner, next), { time, height, ...entry });
  next += 1;
  for (let taken = 0; taken < forgottenAtOnce; taken += 1) {
    const oldest = accountEntries.get(state, accountEntryId(owner, first));
    if (oldest === undefined || oldest.time + entryKeepMs >= time) break;
    accountEntries.delete(state, accountEntryId(owner, first));
    first += 1;
    gone = utcMs(oldest.time);
  }
  accountEntryHeads.set(state, owner, { first, next, ...(gone === undefined ? {} : { gone }) });
}

/** Whether a block has put at least so many entries on an owner's account already. */
export function hasEntriesOf(
  { state, height }: Pick<BlockContext, "state" | "height">,
  owner: string,
  count: number,
): boolean {
  const next = accountEntryHeads.get(state, owner)?.next ?? 1;
  const entry = accountEntries.get(state, accountEntryId(owner, Math.max(1, next - count)));
  return next > count && entry?.height === height;
}

/** Key of an entry in its table. */
export function accountEntryId(owner: string, number: number): string {
  return `${owner}/${String(number).padStart(9, "0")}`;
}

/** An owner's entries from an instant on with their numbers, the oldest first. */
export function accountEntriesSince(
  state: StateReader,
  owner: string,
  from: number,
): (readonly [number, AccountEntry])[] {
  const head = accountEntryHeads.get(state, owner);
  const found: (readonly [number, AccountEntry])[] = [];
  for (let number = (head?.next ?? 1) - 1; number >= (head?.first ?? 1); number -= 1) {
    const entry = accountEntries.get(state, accountEntryId(owner, number));
    if (entry === undefined || entry.time < from) break;
    found.push([number, entry]);
  }
  return found.reverse();
}

/** An order's outcome as both of its accounts keep it. */
export type DemandOutcome = {
  readonly order: Uint8Array;
  readonly slot: UtcMs;
  readonly slots: number;
  readonly orderedWh: Wh;
  readonly deliveredWh: Wh;
  readonly price: MicroPerKwh;
  readonly word: "kept" | "unkept" | "unproven";
  readonly height: number;
  readonly corrects?: Micro;
};
