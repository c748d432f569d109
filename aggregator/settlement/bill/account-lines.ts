import { compareBytes, encodeMessage, utcMs } from "@busbar/protocol";
import {
  type AccountEntry,
  accountEntriesSince,
  accountEntryHeads,
  type DemandOutcome,
} from "../../ledger/account-entries.ts";
import { correctedSlots, meterSlotId } from "../../ledger/corrections.ts";
import { type Demand, demands } from "../../ledger/demand.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { prove } from "../../ledger/rules/demand/prove.ts";
import { spansOf } from "../../ledger/rules/demand/span.ts";
import { partyInSlot } from "../../ledger/rules/market/parties.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { registerEnergy } from "../../ledger/slots.ts";
import type { AccountLine, BillDemand } from "./document.ts";
import { BillError, type BillGrounds } from "./grounds.ts";
import { entryHeadKey, entryKey } from "./keys.ts";
import type { MeterBooks } from "./meters.ts";
import type { Period } from "./period.ts";

/** A line before it has its number. */
export type NewAccountLine = Omit<AccountLine, "line">;

/**
 * What moved an owner's account in a month besides the slots: each certified entry, with the signed
 * acknowledgement or order that it comes from; nothing is left out. Throws: `BillError` `bill.incomplete`,
 * `bill.payment`, `bill.demand`.
 */
export function accountLines(
  grounds: BillGrounds,
  books: MeterBooks,
  { from, to }: Period,
): NewAccountLine[] {
  const entries = entriesOf(grounds, from);
  const nexts = nextOutcomes(entries);
  return entries.flatMap(([number, entry]) => {
    if (entry.time >= to) return [];
    const { sort, time, money, with: other } = entry;
    const payment = paymentOf(grounds, number, entry);
    const demand = demandOf(grounds, books, { number, entry, next: nexts.get(number) });
    const { unread = null } = entry;
    return [{ kind: sort, entry: number, time, money, with: other, payment, demand, unread }];
  });
}

/** All entries from an instant on, proved to be all of them. */
function entriesOf({ owner, state, isAbsent }: BillGrounds, from: number) {
  const head = accountEntryHeads.get(state, owner);
  const incomplete = (key: string) => {
    return new BillError("bill.incomplete", `${key} is not proved`, { key });
  };
  if (head === undefined) {
    if (isAbsent(entryHeadKey(owner))) return [];
    throw incomplete(entryHeadKey(owner));
  }
  const found = accountEntriesSince(state, owner, from);
  const before = (found[0]?.[0] ?? head.next) - 1;
  const isFirst = before < head.first;
  const isAll = isFirst
    ? head.gone === undefined || head.gone < from
    : state.get(entryKey(owner, before)) !== undefined;
  if (isAll) return found;
  throw incomplete(entryKey(owner, before));
}

/** What the next entry about the same order says of it, by the numbers of those that have one. */
function nextOutcomes(
  entries: readonly (readonly [number, AccountEntry])[],
): ReadonlyMap<number, DemandOutcome> {
  const nexts = new Map<number, DemandOutcome>();
  const newest = new Map<string, number>();
  for (const [number, { demand }] of entries) {
    if (demand === undefined) continue;
    const order = Buffer.from(demand.order).toString("hex");
    const before = newest.get(order);
    if (before !== undefined) nexts.set(before, demand);
    newest.set(order, number);
  }
  return nexts;
}

/** The signed acknowledgement of a payment. */
function paymentOf(
  { payments, owner }: BillGrounds,
  number: number,
  { payment, sort, money, with: other, height }: AccountEntry,
): AccountLine["payment"] {
  if (payment === undefined) return null;
  const { by, version } = payment;
  const wrong = (why: string) => new BillError("bill.payment", why, { entry: number });
  const known = payments.get(`${by}/${version}`);
  if (known === undefined) throw wrong(`payment ${version} of ${by} is not in the evidence`);
  const { message, frame } = known;
  const [gets, gives] = by === owner ? [owner, other] : [other, owner];
  const isSaid =
    message.by === gets &&
    message.from === gives &&
    message.amount === Math.abs(money) &&
    money < 0 === (by === owner) &&
    (message.purpose === "collateral") === (sort === "collateral") &&
    known.height === height;
  if (isSaid) return { by, version, frame };
  throw wrong(`payment ${version} of ${by} says something else than the account`);
}

type About = {
  readonly number: number;
  readonly entry: AccountEntry;
  /** What the account says of the same order later: then this one is what was known before. */
  readonly next: DemandOutcome | undefined;
};

/**
 * An order with what was proven of it: made anew where the owner's own meters proved it, and nothing corrects it. What
 * its entries come to together is what the order came to.
 */
function demandOf(
  grounds: BillGrounds,
  books: MeterBooks,
  { number, entry: { demand: outcome, money }, next }: About,
): BillDemand | null {
  if (outcome === undefined) return null;
  const wrong = (why: string) => new BillError("bill.demand", why, { entry: number });
  const order = Buffer.from(outcome.order).toString("hex");
  const known = grounds.orders.get(order);
  if (known === undefined) throw wrong(`order ${order} is not in the evidence`);
  const { slot, slots, orderedWh, deliveredWh, price, word, height } = outcome;
  const { message, frame } = known;
  const isOrdered =
    known.height === height &&
    message.slot === slot &&
    message.slots === slots &&
    message.price === price &&
    message.energy * message.slots === orderedWh;
  if (!isOrdered) throw wrong(`order ${order} says something else than the account`);
  const demand = demands.get(grounds.state, order);
  if (demand !== undefined) {
    const hash = sha256(encodeMessage("demand-order", message));
    if (compareBytes(hash, demand.hash) !== 0)
      throw wrong(`order ${order} is not what was ordered`);
    const sum = (outcome.corrects ?? 0) + (demand.owner === grounds.owner ? money : 0 - money);
    const came = next === undefined ? (demand.money ?? 0) : (next.corrects ?? 0);
    if (sum !== came) throw wrong(`order ${order} came to ${came}, the account says ${sum}`);
  }
  const isLast = demand !== undefined && next === undefined;
  const checked = isLast && isProvenAnew(grounds, books, { demand, outcome });
  if (checked === "differs") {
    throw wrong(`the signed readings prove something else of order ${order}`);
  }
  return { order, slot, slots, orderedWh, deliveredWh, price, word, checked, frame };
}

/**
 * Whether the owner's own signed readings, and the members' corrections of them, prove what was paid for; false where
 * they cannot say it.
 */
function isProvenAnew(
  { owner, state }: BillGrounds,
  books: MeterBooks,
  { demand, outcome }: { readonly demand: Demand; readonly outcome: DemandOutcome },
): boolean | "differs" {
  if (demand.owner !== owner || outcome.word === "unproven") return false;
  const parameters = parametersOf(state, demand.slot);
  const lengthMs = parameters.slotMinutes * 60_000;
  const spans = spansOf({ parameters }, demand);
  const metersIn = (slot: number) =>
    partyInSlot(state, owner, { start: slot, end: slot + lengthMs })?.meters ?? [];
  const drawnIn = (slot: number) =>
    metersIn(slot).reduce((sum, meter) => {
      const corrected = correctedSlots.get(state, meterSlotId(slot, meter));
      const book = books.get(meter);
      const energy =
        corrected ?? (book && registerEnergy(book.boundaries, meter, utcMs(slot), lengthMs));
      if (energy !== undefined) return sum + energy.importWh - energy.exportWh;
      const why = `no signed readings of ${meter} reach over the slot`;
      throw new BillError("bill.energy", why, { slot });
    }, 0);
  const [during = [], later = []] = spans.map((span) => span.map(drawnIn));
  const { deliveredWh } = prove(demand, { during, later }, lengthMs);
  return deliveredWh === outcome.deliveredWh ? true : "differs";
}
