import assert from "node:assert/strict";
import {
  cost,
  type Micro,
  type MicroPerKwh,
  micro,
  microPerKwh,
  type UtcMs,
  type Wh,
  wh,
} from "@busbar/protocol";
import { clear } from "../../market/clearing/clearing.ts";
import { pairQuotes } from "../../market/clearing/pairing.ts";
import type { Clearing, Quote } from "../../market/clearing/quotes.ts";
import { residualSales } from "../../market/clearing/residual.ts";
import type { Prices } from "../../market/game/channels.ts";
import { divide } from "../../market/game/division.ts";
import { subsidy } from "../../market/game/equations.ts";
import { channelPrices } from "../../market/game/gate-prices.ts";
import { gateGame, merged, type Player } from "../../market/game/players.ts";
import { type KeyKind, keyKinds, payShares, shareSlot } from "../allocation.ts";
import { chargesOn } from "../charges.ts";
import type { CommunityTerms, PresentMember } from "./community.ts";

/**
 * What a community could live under, the first being what it is compared with.
 *
 * - `retail`: nobody trades or shares; the bureau takes and gives all of it.
 * - `static-key`, `dynamic-key`, `hybrid-key`: shared by a key, at the community's own price.
 * - `pay-as-bid`: the optimal book, each pair at what its buyer bid.
 * - `uniform-price`: the optimal book at the middle of the prices that support it.
 * - `bargaining`: the optimal book at the point of them nearest to the bargaining price of eq. 1–8 of Liu
 *   & Zhou, and the bureau at its bargaining prices inside of the tariff: what the ledger's market does.
 */
export const schemes = [
  "retail",
  ...keyKinds.map((kind) => `${kind}-key` as const),
  "pay-as-bid",
  "uniform-price",
  "bargaining",
] as const;
export type Scheme = (typeof schemes)[number];

/** A member's slot under a scheme; the rest of its need and surplus is the bureau's. */
export type MemberOutcome = {
  readonly at: number;
  /** What it pays, subsidies taken off; below 0 what it gets. */
  readonly costMicro: Micro;
  readonly receivedWh: Wh;
  readonly givenWh: Wh;
};

/**
 * What a slot comes to for each member under a scheme, its way and its charges with it. What they pay together
 * besides these the bureau gets.
 */
export function underScheme(
  scheme: Scheme,
  members: readonly PresentMember[],
  terms: CommunityTerms,
): MemberOutcome[] {
  const outcomes = withoutCharges(scheme, members, terms);
  return outcomes.map((outcome, i) => {
    const member = members[i];
    return member === undefined ? outcome : charged(member, outcome, terms);
  });
}

/** An outcome with what the way of the energy from others costs, and with fees, taxes and levies. */
function charged(
  { fee = microPerKwh(0), needWh, surplusWh }: PresentMember,
  outcome: MemberOutcome,
  { charges = [] }: CommunityTerms,
): MemberOutcome {
  const costMicro = micro(outcome.costMicro + cost(fee, outcome.receivedWh));
  const base = { importWh: needWh, exportWh: surplusWh, cost: costMicro };
  const owed = chargesOn(base, charges, ({ to = "" }) => to);
  const sum = owed.reduce((all, { money }) => all + money, 0);
  return { ...outcome, costMicro: micro(costMicro + sum) };
}

function withoutCharges(
  scheme: Scheme,
  members: readonly PresentMember[],
  terms: CommunityTerms,
): MemberOutcome[] {
  switch (scheme) {
    case "retail":
      return members.map((member) => withBureau(member, none(member), terms));
    case "static-key":
      return byKey("static", members, terms);
    case "dynamic-key":
      return byKey("dynamic", members, terms);
    case "hybrid-key":
      return byKey("hybrid", members, terms);
    case "pay-as-bid":
      return payAsBid(members, terms);
    case "uniform-price":
      return uniform(members, terms);
    case "bargaining":
      return bargained(members, terms);
    default:
      throw new RangeError(`scheme: expected ${schemes.join(", ")}, got ${scheme satisfies never}`);
  }
}

/** What a kWh from the bureau costs once its subsidy is taken off: who pays more has lost by trading. */
export function netRetail({
  retail,
  subsidyPermille,
}: Pick<CommunityTerms, "retail" | "subsidyPermille">): MicroPerKwh {
  return microPerKwh(retail - subsidy(wh(1000), retail, subsidyPermille));
}

/** The terms with a member's own tariff, where it has one. */
function ownTerms(
  { feedIn, retail }: Pick<PresentMember, "feedIn" | "retail">,
  terms: CommunityTerms,
): CommunityTerms {
  return { ...terms, feedIn: feedIn ?? terms.feedIn, retail: retail ?? terms.retail };
}

const none = ({ at }: PresentMember): MemberOutcome => ({
  at,
  costMicro: micro(0),
  receivedWh: wh(0),
  givenWh: wh(0),
});

/** A member's outcome with what it still lacks at retail and what it still has at feed-in. */
function withBureau(
  member: PresentMember,
  outcome: MemberOutcome,
  terms: CommunityTerms,
): MemberOutcome {
  const { surplusWh, needWh } = member;
  const { feedIn, retail, subsidyPermille } = ownTerms(member, terms);
  const bought = wh(needWh - outcome.receivedWh);
  const sold = wh(surplusWh - outcome.givenWh);
  const paid = cost(retail, bought) - subsidy(bought, retail, subsidyPermille);
  return { ...outcome, costMicro: micro(outcome.costMicro + paid - cost(feedIn, sold)) };
}

function byKey(key: KeyKind, members: readonly PresentMember[], terms: CommunityTerms) {
  const shares = shareSlot(
    members.map(({ id, surplusWh, needWh, weight }) => {
      return { id, importWh: needWh, exportWh: surplusWh, weight };
    }),
    key,
  );
  const paid = payShares(shares, terms.sharePrice);
  return members.map((member, i) => {
    const { givenWh = wh(0), receivedWh = wh(0) } = shares[i] ?? {};
    const outcome = { at: member.at, costMicro: paid[i] ?? micro(0), givenWh, receivedWh };
    return withBureau(member, outcome, terms);
  });
}

function payAsBid(members: readonly PresentMember[], terms: CommunityTerms): MemberOutcome[] {
  const quotes = quotesOf(members, terms);
  const { fills } = clear(quotes);
  const pairing = pairQuotes(
    quotes.flatMap((quote, i) => {
      const accepted = fills[i]?.accepted ?? wh(0);
      return accepted === 0 ? [] : [{ ...quote, accepted }];
    }),
  );
  assert(pairing.ok, "each member stands on one side of the book, so all of it can be paired");
  const limits = new Map(quotes.map(({ id, limit }) => [id, limit]));
  const trades = pairing.matches.map(({ ask, bid, quantity }) => {
    return { seller: ask, buyer: bid, quantity, price: limits.get(bid) ?? terms.retail };
  });
  return traded(members, trades, terms);
}

function uniform(members: readonly PresentMember[], terms: CommunityTerms): MemberOutcome[] {
  const quotes = quotesOf(members, terms);
  return traded(members, atOnePrice(quotes, clear(quotes)), terms);
}

function bargained(members: readonly PresentMember[], terms: CommunityTerms): MemberOutcome[] {
  const quotes = quotesOf(members, terms);
  const prices = bargainingPrices(members, terms);
  const clearing = clear(quotes, prices.gu);
  const outcomes = traded(members, atOnePrice(quotes, clearing), undefined);
  const known = new Map(members.map((member) => [member.id, member]));
  const sales = quotes.flatMap(({ id, party, side, quantity, limit }, i) => {
    const member = known.get(party);
    const rest = wh(quantity - (clearing.fills[i]?.accepted ?? 0));
    const role = member?.party ?? "user";
    const tariff = ownTerms(member ?? {}, terms);
    return residualSales([{ id, party, role, side, quantity: rest, limit }], {
      ...{ bureau: "", prices, tariff },
    });
  });
  const costs = new Map(
    sales.map(({ quote, seller, quantity, price }) => {
      const paid = cost(price, quantity);
      if (seller !== "") return [quote, -paid];
      return [quote, paid - subsidy(quantity, price, terms.subsidyPermille)];
    }),
  );
  return outcomes.map((outcome, i) => {
    const withRest = outcome.costMicro + (costs.get(members[i]?.id ?? "") ?? 0);
    return { ...outcome, costMicro: micro(withRest) };
  });
}

/** The exact division's prices among all members and the bureau (eq. 9 of Liu & Zhou). */
function bargainingPrices(members: readonly PresentMember[], terms: CommunityTerms): Prices {
  const players = members
    .filter(({ surplusWh, needWh }) => surplusWh + needWh > 0)
    .map(({ id, party, surplusWh, needWh, gameWeight, band }): Player => {
      const own = {
        ...(gameWeight === undefined ? {} : { weight: gameWeight }),
        ...(band === undefined ? {} : { band }),
      };
      return { id, role: party, kwh: (surplusWh - needWh) / 1000, ...own };
    });
  if (players.length === 0) return { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  const bureau = { id: "", role: "bureau", kwh: 1 } as const;
  const game = gateGame([...merged(players), bureau], terms);
  return channelPrices(game, divide(game).shares);
}

/**
 * Everybody's quote: what it has or lacks, at its limit, from which a buyer takes what the way costs it;
 * limits stay inside of the member's tariff.
 */
function quotesOf(members: readonly PresentMember[], terms: CommunityTerms): Quote[] {
  return members.flatMap((member): Quote[] => {
    const { id, bid, ask, surplusWh, needWh, fee = 0 } = member;
    const own = ownTerms(member, terms);
    const { feedIn, retail } = own;
    const within = (price: number) => microPerKwh(Math.min(retail, Math.max(feedIn, price)));
    const common = { id, party: id, slot: 0 as UtcMs, time: 0 as UtcMs, form: "any" } as const;
    if (needWh > 0) {
      const limit = microPerKwh(within(bid ?? netRetail(own)) - fee);
      return [{ ...common, side: "bid", quantity: needWh, limit }];
    }
    if (surplusWh === 0) return [];
    return [{ ...common, side: "ask", quantity: surplusWh, limit: within(ask ?? feedIn) }];
  });
}

type Trade = {
  readonly seller?: string;
  readonly buyer?: string;
  readonly quantity: Wh;
  readonly price: MicroPerKwh;
};

/** What each quote trades at the uniform price; its other side is the book. */
function atOnePrice(quotes: readonly Quote[], { fills, price }: Clearing): Trade[] {
  if (price === undefined) return [];
  return quotes.map(({ party, side }, i) => {
    const quantity = fills[i]?.accepted ?? wh(0);
    return side === "ask" ? { seller: party, quantity, price } : { buyer: party, quantity, price };
  });
}

/**
 * Members with their trades, and with the bureau for the rest where `terms` are given. Each quote is
 * rounded by itself, as the bills of a market are; what that leaves over is the bureau's.
 */
function traded(
  members: readonly PresentMember[],
  trades: readonly Trade[],
  terms: CommunityTerms | undefined,
): MemberOutcome[] {
  const sums = new Map<string, { costMicro: number; receivedWh: number; givenWh: number }>();
  const of = (id: string) => {
    const sum = sums.get(id) ?? { costMicro: 0, receivedWh: 0, givenWh: 0 };
    sums.set(id, sum);
    return sum;
  };
  for (const { seller, buyer, quantity, price } of trades) {
    const money = cost(price, quantity);
    if (seller !== undefined) {
      of(seller).costMicro -= money;
      of(seller).givenWh += quantity;
    }
    if (buyer !== undefined) {
      of(buyer).costMicro += money;
      of(buyer).receivedWh += quantity;
    }
  }
  return members.map((member) => {
    const { costMicro, receivedWh, givenWh } = of(member.id);
    const outcome = {
      at: member.at,
      costMicro: micro(costMicro),
      receivedWh: wh(receivedWh),
      givenWh: wh(givenWh),
    };
    return terms === undefined ? outcome : withBureau(member, outcome, terms);
  });
}
