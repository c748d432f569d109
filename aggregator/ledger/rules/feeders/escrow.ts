import { type Micro, micro } from "@busbar/protocol";
import { addAccountEntry, hasEntriesOf } from "../../account-entries.ts";
import {
  type AccountSide,
  balanceOf,
  type Entry,
  openAccount,
  postIfItFits,
} from "../../accounts.ts";
import { creditChecks, headroom } from "../../exposure.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRefusal } from "../../rule.ts";

/** Movements that one block puts on an owner's account for trades with other feeders. */
const entriesMax = 64;

/** Who holds what back for whom. */
export type Hold = {
  readonly owner: string;
  /** The owner that stands for the other feeder. */
  readonly via: string;
  readonly money: Micro;
};

/**
 * Puts an owner's money aside: it lies on an account of its own, covers nothing else, and comes back or is paid out
 * by the trade's next steps. It must be there: within what the owner may bind itself to, where the community
 * set credit terms, else within its balance. Codes, in order: `feeder.too-many`, `feeder.cover`.
 */
export function hold(context: BlockContext, { owner, via, money }: Hold): TxRefusal | undefined {
  const { state, parameters } = context;
  if (hasEntriesOf(context, owner, entriesMax)) {
    const text = `${owner} has ${entriesMax} entries in this block; send it again for the next one`;
    return refuse("feeder.too-many", text);
  }
  const free = headroom(state, owner, parameters) ?? balanceOf(state, owner);
  if (money > Math.max(0, free)) {
    const text = `${owner} has ${Math.max(0, free)} (10⁻⁶ currency) for it, ${money} are to be held`;
    return refuse("feeder.cover", text);
  }
  move(context, { from: [owner, "paid"], to: [owner, "escrow"], money });
  note(context, owner, { sort: "escrow", with: via, money: micro(0 - money) });
  return undefined;
}

/** Gives back what was put aside. */
export function letGo(context: BlockContext, { owner, via, money }: Hold): void {
  move(context, { from: [owner, "escrow"], to: [owner, "paid"], money });
  note(context, owner, { sort: "escrow", with: via, money });
}

/** Pays what the seller owes for energy that did not come: on its chain to who stands for the other, there to the buyer. */
export function compensate(
  context: BlockContext,
  { from, to, money }: { readonly from: string; readonly to: string; readonly money: Micro },
): void {
  move(context, { from: [from, "paid"], to: [to, "paid"], money });
  note(context, from, { sort: "bond", with: to, money: micro(0 - money) });
  note(context, to, { sort: "bond", with: from, money });
}

type Place = readonly [owner: string, side: AccountSide];

function move(
  { state }: BlockContext,
  { from, to, money }: { readonly from: Place; readonly to: Place; readonly money: Micro },
): void {
  if (money === 0) return;
  const line = ([owner, side]: Place, amount: number): Entry => {
    openAccount(state, owner, side);
    return { owner, side, money: micro(amount), energyWh: 0 };
  };
  const lines = [line(from, 0 - money), line(to, money)];
  // At most 10¹⁵ each: an account that can hold no more keeps what it has, and the other side its own.
  postIfItFits(state, lines);
}

function note(
  context: BlockContext,
  owner: string,
  entry: { readonly sort: "escrow" | "bond"; readonly with: string; readonly money: Micro },
): void {
  if (entry.money === 0) return;
  addAccountEntry(context, owner, entry);
  creditChecks.set(context.state, owner, { at: context.time });
}
