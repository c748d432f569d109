import { cost, type MicroPerKwh, microPerKwh, type QuoteTerms, type Wh } from "@busbar/protocol";
import { field, instant, int, record } from "@busbar/protocol/schema";
import { balanceOf, moneyOf } from "./accounts.ts";
import { creditScore, fullCredit } from "./credit.ts";
import type { Parameters } from "./parameters.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * `exposure/<owner>`: what an owner is bound to pay and has not: opened quotes at their limits until they
 * are cleared, then its contracts until they are paid, and orders of demand response.
 */
export const exposures = table(
  "exposure",
  record("exposure", { money: field(1, int(-most, most)) }),
);

/** `default/<owner>`: accounts that owe more than is covered, and since when. */
export const defaults = table("default", record("default", { since: field(1, instant) }));

/** `credit-check/<owner>`: accounts that this block posted to, looked at when it ends. */
export const creditChecks = table(
  "credit-check",
  record("credit-check", { at: field(1, instant) }),
);

/** Binds an owner to more, or below 0 to less. */
export function expose(state: State, owner: string, money: number): void {
  const now = (exposures.get(state, owner)?.money ?? 0) + money;
  if (now === 0) exposures.delete(state, owner);
  else if (Number.isSafeInteger(now)) exposures.set(state, owner, { money: now });
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
  const { seller, buyer, energy, price, fee = microPerKwh(0) } = terms;
  const sign = way === "bind" ? 1 : -1;
  expose(state, buyer, sign * owed(microPerKwh(price + fee), energy));
  expose(state, seller, sign * owed(microPerKwh(0 - price), energy));
}

/**
 * What opened quotes bind their owner to at most: nobody pays more than retail for energy, nor, below 0, more
 * than feed-in says for being rid of it.
 */
export function quotesCost(
  quotes: readonly QuoteTerms[],
  { feedIn, retail }: Pick<Parameters, "feedIn" | "retail">,
): number {
  return quotes.reduce((sum, { side, limit, quantity }) => {
    const price = side === "bid" ? Math.min(limit, retail) : 0 - Math.max(limit, feedIn);
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
  return covered(state, owner, credit.line) - (exposures.get(state, owner)?.money ?? 0);
}

/** Balance, collateral and credit line together: below 0 an account is in default. */
export function covered(state: StateReader, owner: string, line: number): number {
  // At most 10¹⁵ · 1 000 / 1 000: the quotient is taken first, the product stays exact.
  const whole = Math.floor(line / fullCredit) * creditScore(state, owner);
  return balanceOf(state, owner) + moneyOf(state, owner, "collateral") + whole;
}
