import { cost, type MicroPerKwh, microPerKwh, type QuoteTerms, type Wh } from "@busbar/protocol";
import { field, instant, record } from "@busbar/protocol/schema";
import {
  balanceOf,
  boundCarry as carry,
  moneyOf,
  type OwnerAccounts,
  ownerAccounts,
} from "./accounts.ts";
import { creditScore, fullCredit } from "./credit.ts";
import type { Parameters } from "./parameters.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * What an owner is bound to pay and has not: opened quotes at what they can cost until they are cleared, then its
 * contracts until they are paid, and orders of demand response. It is `money`, and 2⁵² as often as `carried` says.
 * It stands with the owner's accounts, `account/<owner>`.
 */
export const exposures = {
  get(state: StateReader, owner: string): OwnerAccounts["bound"] {
    return ownerAccounts.get(state, owner)?.bound;
  },
  set(state: State, owner: string, bound: NonNullable<OwnerAccounts["bound"]>): void {
    ownerAccounts.set(state, owner, { ...ownerAccounts.get(state, owner), bound });
  },
  delete(state: State, owner: string): void {
    const { bound, ...rest } = ownerAccounts.get(state, owner) ?? {};
    if (bound === undefined) return;
    if (Object.keys(rest).length === 0) ownerAccounts.delete(state, owner);
    else ownerAccounts.set(state, owner, rest);
  },
};

/** `default/<owner>`: accounts that owe more than is covered, and since when. */
export const defaults = table("default", record("default", { since: field(1, instant) }));

/** `account-suspended/<owner>`: accounts that trade nothing, by the members' decision, and since when. */
export const suspendedAccounts = table(
  "account-suspended",
  record("account-suspended", { since: field(1, instant) }),
);

/** `credit-check/<owner>`: accounts that this block posted to, looked at when it ends. */
export const creditChecks = table(
  "credit-check",
  record("credit-check", { at: field(1, instant) }),
);

/** Binds an owner to more, or below 0 to less; exact however much it is. `money` is a safe integer. */
export function expose(state: State, owner: string, money: number): void {
  const { money: rest = 0, carried: before = 0 } = exposures.get(state, owner) ?? {};
  const times = Math.floor(money / carry);
  // Both parts lie in 0 … 2⁵² − 1, so their sum is a safe integer.
  const sum = rest + (money - times * carry);
  const carried = before + times + (sum < carry ? 0 : 1);
  const now = sum < carry ? sum : sum - carry;
  if (now === 0 && carried === 0) exposures.delete(state, owner);
  else exposures.set(state, owner, { money: now, ...(carried === 0 ? {} : { carried }) });
}

/** What an owner is bound to pay; beyond 2⁵³ − 1 that, which no account covers. */
export function boundOf(state: StateReader, owner: string): number {
  const { money = 0, carried = 0 } = exposures.get(state, owner) ?? {};
  return carried > 1 ? most : carried * carry + money;
}

/** A contract as far as it binds its sides. */
type Binding = {
  readonly seller: string;
  readonly buyer: string;
  readonly energy: Wh;
  readonly price: MicroPerKwh;
  readonly fee?: MicroPerKwh;
};

/**
 * Binds both sides of a contract, or frees them where it is paid or void: the buyer to the price and what the way
 * over the grid costs, and below 0 the seller to what it pays for being rid of its energy. Rounded up. What
 * somebody is to get covers nothing.
 */
export function exposeContract(state: State, terms: Binding, way: "bind" | "free"): void {
  exposeContracts(state, [terms], way);
}

/** The same for many, each owner's entry written once. */
export function exposeContracts(
  state: State,
  contracts: Iterable<Binding>,
  way: "bind" | "free",
): void {
  const sign = way === "bind" ? 1 : -1;
  const sums = new Map<string, number>();
  const add = (owner: string, money: number) => {
    const before = sums.get(owner) ?? 0;
    const isSafe = Number.isSafeInteger(before + money);
    if (!isSafe) expose(state, owner, before);
    sums.set(owner, isSafe ? before + money : money);
  };
  for (const { seller, buyer, energy, price, fee = microPerKwh(0) } of contracts) {
    add(buyer, sign * owed(microPerKwh(price + fee), energy));
    add(seller, sign * owed(microPerKwh(0 - price), energy));
  }
  for (const [owner, money] of sums) if (money !== 0) expose(state, owner, money);
}

/**
 * What opened quotes can cost their owner at most, and so bind it to. In the book nobody pays more than its
 * limit, fees of the way included, and never more than retail. At a slot's last gate the bureau gives what
 * found nobody at up to retail, whatever the limit was, unless that lies below 0 (`residualSales`). Who asks
 * pays, below 0, no more than feed-in says for being rid of its energy.
 */
export function quotesCost(
  quotes: readonly QuoteTerms[],
  { isLast, feedIn, retail }: Pick<Parameters, "feedIn" | "retail"> & { readonly isLast: boolean },
): number {
  return quotes.reduce((sum, { side, limit, quantity }) => {
    const dearest = isLast && limit >= 0 ? retail : Math.min(limit, retail);
    const price = side === "bid" ? dearest : 0 - Math.max(limit, feedIn);
    return sum + owed(microPerKwh(price), quantity);
  }, 0);
}

const owed = (price: MicroPerKwh, energy: Wh) => Math.max(0, cost(price, energy, "ceil"));

/**
 * What an owner may still bind itself to: its balance and collateral, and the community's credit line in
 * proportion to its score, less what it is bound to. Undefined where the community set no terms.
 */
export function headroom(
  state: StateReader,
  owner: string,
  { credit }: Pick<Parameters, "credit">,
): number | undefined {
  if (credit === undefined) return undefined;
  return covered(state, owner, credit.line) - boundOf(state, owner);
}

/** Balance, collateral and credit line together: below 0 an account is in default. */
export function covered(state: StateReader, owner: string, line: number): number {
  // At most 10¹⁵ · 1 000 / 1 000: the quotient is taken first, the product stays exact.
  const whole = Math.floor(line / fullCredit) * creditScore(state, owner);
  return balanceOf(state, owner) + moneyOf(state, owner, "collateral") + whole;
}
