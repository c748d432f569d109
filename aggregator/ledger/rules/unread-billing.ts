import { micro, type UtcMs, utcMs, wh } from "@busbar/protocol";
import { chargeMovements, chargesOn } from "../../settlement/charges.ts";
import { settleApart } from "../../settlement/settle.ts";
import { addAccountEntry } from "../account-entries.ts";
import type { BlockContext } from "../rule.ts";
import type { MeterEntry } from "../tables.ts";
import { takeUnread } from "../unread.ts";
import { type EnergyPoint, energyBefore } from "./boundaries.ts";
import { book, entriesOf, noWh } from "./market/posting.ts";
import { openPayees, statementTerms } from "./market/statement-terms.ts";
import { slots } from "./market/tables.ts";

/** What was billed of a silence that reaches back beyond the slots of the state. */
export type BilledUnread = { readonly billedWh: number; readonly money: number };

/**
 * Bills what a meter drew, in a silence, before any slot that the state has, and beyond what its owner was settled for
 * there by estimates: at the imbalance's dearest price, with the fees, taxes and levies that are on it, as one entry on the
 * accounts. So nobody draws for less by staying silent until its slots are forgotten. What it gave meanwhile counts
 * as not given; what was estimated too high stands.
 */
export function billUnread(
  context: BlockContext,
  { id: meter, owner, role }: MeterEntry,
  { from, to }: { readonly from: EnergyPoint; readonly to: EnergyPoint },
): BilledUnread | undefined {
  const { state } = context;
  const first = firstSlot(context);
  if (role !== "connection" || first === undefined) return undefined;
  const until = Math.min(first, to.time);
  if (until <= from.time) return undefined;
  const energyWh = wh(takeUnread(state, owner, energyBefore({ from, to }, until).importWh));
  const terms = statementTerms(state, first);
  if (energyWh === 0 || terms.bureau === "") return undefined;
  const drawn = { importWh: energyWh, exportWh: noWh };
  const price = settleApart({ owner, metered: drawn }, [], terms);
  if (price === undefined) return undefined;
  const charges = chargesOn({ ...drawn, cost: price.money }, terms.charges, terms.payee);
  const movements = [price, ...chargeMovements(owner, charges, noWh)];
  openPayees(state, movements);
  if (!book(context, entriesOf(movements), { slot: first, movement: price })) return undefined;
  const money = movements.reduce((sum, one) => sum + one.money, 0);
  const unread = { meter, from: utcMs(from.time), to: utcMs(until), energyWh };
  const paid = { sort: "unread", money: micro(0 - money), with: terms.bureau, unread } as const;
  addAccountEntry(context, owner, paid);
  for (const { seller, money: got } of movements) {
    if (seller.startsWith("~")) continue;
    addAccountEntry(context, seller, { sort: "unread", money: got, with: owner, unread });
  }
  return { billedWh: energyWh, money };
}

/** The oldest slot that the state has. */
function firstSlot({ state }: BlockContext): UtcMs | undefined {
  for (const [key] of slots.scan(state)) return utcMs(Number(key));
  return undefined;
}
