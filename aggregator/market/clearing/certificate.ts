/**
 * Checks a clearing without clearing: complementary slackness instead of a merge. Any member can run
 * it on the revealed quotes and a block's result.
 */
import { mulDiv, type Refusal } from "@busbar/protocol";
import {
  type Clearing,
  earlierFirst,
  type Fill,
  type Quote,
  type Rationed,
  rankOf,
} from "./quotes.ts";

export type Verdict = { readonly ok: true } | Refusal;
/** A quote, what became of it, and accepted + netted. */
export type Pair = { readonly quote: Quote; readonly fill: Fill; readonly cleared: number };

/**
 * Whether the clearing is the welfare optimum of these quotes with the largest volume, its price the
 * point of the equilibrium interval nearest to the reference, its ties shared fairly, and nobody left
 * on both sides. O(n), plus a sort of the one rationed group. Whether the certified reference is the
 * slot's is the caller's to compare.
 *
 * Refuses, in this order: `clearing.fills`, `clearing.balance`, `clearing.interval`,
 * `clearing.not-optimal`, `clearing.price`, `clearing.welfare`, `clearing.ties`, `clearing.self-match`.
 */
export function verifyClearing(quotes: readonly Quote[], clearing: Clearing): Verdict {
  const pairs = pairUp(quotes, clearing.fills);
  if (!Array.isArray(pairs)) return pairs;
  return (
    checkBalance(pairs, clearing) ??
    checkInterval(pairs, clearing) ??
    checkPrice(clearing) ??
    checkWelfare(pairs, clearing) ??
    checkTies(pairs, clearing.certificate.rationed) ??
    checkSelfMatch(pairs) ?? { ok: true }
  );
}

export const refuse = (code: string, message: string): Refusal => ({
  ok: false,
  code,
  message,
});

/** Quotes with their fills; refuses `clearing.fills`. */
export function pairUp(quotes: readonly Quote[], fills: readonly Fill[]): Pair[] | Refusal {
  if (quotes.length !== fills.length) {
    return refuse(
      "clearing.fills",
      `expected ${quotes.length} fills, one a quote, got ${fills.length}`,
    );
  }
  const pairs: Pair[] = [];
  for (const [i, quote] of quotes.entries()) {
    const fill = fills[i];
    if (fill === undefined || fill.id !== quote.id) {
      return refuse(
        "clearing.fills",
        `fill ${i}: expected that of quote ${quote.id}, got ${fill?.id}`,
      );
    }
    const cleared = fill.accepted + fill.netted;
    const whole = Number.isSafeInteger(fill.accepted) && Number.isSafeInteger(fill.netted);
    if (!whole || fill.accepted < 0 || fill.netted < 0 || cleared > quote.quantity) {
      return refuse(
        "clearing.fills",
        `quote ${quote.id}: expected accepted + netted in 0 … ${quote.quantity} Wh, ` +
          `got ${fill.accepted} + ${fill.netted}`,
      );
    }
    pairs.push({ quote, fill, cleared });
  }
  return pairs;
}

function checkBalance(
  pairs: readonly Pair[],
  { volume, certificate }: Clearing,
): Refusal | undefined {
  const sums = { ask: { accepted: 0, cleared: 0 }, bid: { accepted: 0, cleared: 0 } };
  for (const { quote, fill, cleared } of pairs) {
    sums[quote.side].accepted += fill.accepted;
    sums[quote.side].cleared += cleared;
  }
  const { ask, bid } = sums;
  if (ask.accepted !== volume || bid.accepted !== volume) {
    const got = `${ask.accepted} Wh and ${bid.accepted} Wh`;
    return refuse(
      "clearing.balance",
      `asks and bids are accepted for ${got}, the volume says ${volume} Wh`,
    );
  }
  if (ask.cleared !== certificate.cleared || bid.cleared !== certificate.cleared) {
    const got = `${ask.cleared} Wh and ${bid.cleared} Wh`;
    const said = `the certificate says ${certificate.cleared} Wh`;
    return refuse("clearing.balance", `asks and bids are cleared for ${got}, ${said}`);
  }
  return undefined;
}

/** The dual: with lo ≤ hi every price between supports the clearing, so no other can be worth more. */
function checkInterval(pairs: readonly Pair[], { certificate }: Clearing): Refusal | undefined {
  const { lo, hi } = certificate;
  let [below, above]: [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [bidWithRest, askWithRest] = [below, above];
  for (const { quote, cleared } of pairs) {
    const [served, rest] = [cleared > 0, cleared < quote.quantity];
    const ask = quote.side === "ask";
    if (ask ? served : rest) below = Math.max(below, quote.limit);
    if (ask ? rest : served) above = Math.min(above, quote.limit);
    if (rest && ask) askWithRest = Math.min(askWithRest, quote.limit);
    if (rest && !ask) bidWithRest = Math.max(bidWithRest, quote.limit);
  }
  if (below !== (lo ?? Number.NEGATIVE_INFINITY) || above !== (hi ?? Number.POSITIVE_INFINITY)) {
    return refuse(
      "clearing.interval",
      `the quotes give [${below}, ${above}], the certificate [${lo}, ${hi}]`,
    );
  }
  if (below > above) {
    return refuse(
      "clearing.not-optimal",
      `no price supports this clearing: ${below} is above ${above}`,
    );
  }
  if (bidWithRest >= askWithRest) {
    return refuse(
      "clearing.not-optimal",
      `a bid of ${bidWithRest} and an ask of ${askWithRest} are both left with energy`,
    );
  }
  return undefined;
}

function checkPrice({ price, volume, certificate }: Clearing): Refusal | undefined {
  const { lo, hi, reference } = certificate;
  if (volume === 0 || lo === undefined || hi === undefined) {
    if (price === undefined) return undefined;
    return refuse("clearing.price", `nothing is traded, so no price was expected; got ${price}`);
  }
  const wished = reference ?? mulDiv(lo + hi, 1, 2, "half-even");
  const nearest = Math.min(Math.max(wished, lo), hi);
  if (price === nearest) return undefined;
  return refuse(
    "clearing.price",
    `expected ${nearest}, the point of [${lo}, ${hi}] nearest to ${reference}; got ${price}`,
  );
}

function checkWelfare(pairs: readonly Pair[], { certificate }: Clearing): Refusal | undefined {
  let sum = 0n;
  for (const { quote, cleared } of pairs) {
    if (cleared === 0) continue;
    const value = BigInt(quote.limit) * BigInt(cleared);
    sum += quote.side === "bid" ? value : -value;
  }
  const welfare = Number(sum / 1000n);
  if (welfare === certificate.welfare) return undefined;
  return refuse(
    "clearing.welfare",
    `the fills are worth ${welfare}, the certificate ${certificate.welfare}`,
  );
}

/**
 * Equal limits are served alike, the higher ranks before the others: whole, not at all, or in the one rationed group by
 * largest remainder.
 */
export function checkTies(
  pairs: readonly Pair[],
  rationed: Rationed | undefined,
): Refusal | undefined {
  const isBeside = ({ quote }: Pair) =>
    quote.side === rationed?.side && quote.limit === rationed.limit;
  const rationedRank = rankOf(rationed ?? {});
  const inGroup = (pair: Pair) => isBeside(pair) && rankOf(pair.quote) === rationedRank;
  const others = pairs.filter((pair) => !inGroup(pair));
  const partly = others.find(({ quote, cleared }) => cleared > 0 && cleared < quote.quantity);
  if (partly !== undefined) {
    return refuse(
      "clearing.ties",
      `quote ${partly.quote.id} is served in part outside the rationed group`,
    );
  }
  const passed = others.find(
    (pair) => isBeside(pair) && pair.cleared > 0 !== rankOf(pair.quote) > rationedRank,
  );
  if (passed !== undefined) {
    return refuse(
      "clearing.ties",
      `quote ${passed.quote.id} is served against its rank beside the rationed group`,
    );
  }
  for (const side of ["ask", "bid"] as const) {
    const unequal = servedUnequally(others, side);
    if (unequal !== undefined) {
      return refuse(
        "clearing.ties",
        `of the ${side}s at ${unequal} some are served and some are not`,
      );
    }
  }
  return rationed === undefined ? undefined : checkShares(pairs.filter(inGroup), rationed);
}

/** A limit of this side at which some quotes are served and others of the same or a higher rank are not. */
function servedUnequally(pairs: readonly Pair[], side: Quote["side"]): number | undefined {
  // After `checkInterval`, the worst limit served is at worst as good as the best one left out.
  const isBetter = (a: Quote, b: Quote) =>
    a.limit === b.limit ? rankOf(a) > rankOf(b) : a.limit < b.limit === (side === "ask");
  let [worstServed, bestLeft]: [Quote | undefined, Quote | undefined] = [undefined, undefined];
  for (const { quote, cleared } of pairs) {
    if (quote.side !== side) continue;
    if (cleared > 0) {
      if (worstServed === undefined || isBetter(worstServed, quote)) worstServed = quote;
    } else if (bestLeft === undefined || isBetter(quote, bestLeft)) bestLeft = quote;
  }
  if (worstServed === undefined || bestLeft === undefined) return undefined;
  return isBetter(worstServed, bestLeft) ? undefined : bestLeft.limit;
}

/** Each share is its exact part rounded down, or up for the largest remainders. */
function checkShares(group: readonly Pair[], { offered, cleared }: Rationed): Refusal | undefined {
  const wanted = group.reduce((sum, { quote }) => sum + quote.quantity, 0);
  const given = group.reduce((sum, pair) => sum + pair.cleared, 0);
  if (wanted !== offered || given !== cleared || !(cleared > 0 && cleared < offered)) {
    return refuse(
      "clearing.ties",
      `the rationed group offers ${wanted} and gets ${given} Wh, ` +
        `the certificate says ${offered} and ${cleared}`,
    );
  }
  const shares = group.map((pair) => {
    const product = BigInt(pair.quote.quantity) * BigInt(cleared);
    const extra = BigInt(pair.cleared) - product / BigInt(offered);
    return { pair, extra, remainder: product % BigInt(offered) };
  });
  shares.sort((a, b) => {
    if (a.remainder !== b.remainder) return a.remainder > b.remainder ? -1 : 1;
    return earlierFirst(a.pair.quote, b.pair.quote);
  });
  const ups = shares.filter(({ extra }) => extra === 1n).length;
  const wrong = shares.find(({ extra }, i) => extra !== (i < ups ? 1n : 0n));
  if (wrong === undefined) return undefined;
  return refuse(
    "clearing.ties",
    `quote ${wrong.pair.quote.id}: ${wrong.pair.cleared} Wh is not its share by largest remainder`,
  );
}

/** Nobody is accepted on both sides, and what is netted is the same energy on both. */
export function checkSelfMatch(pairs: readonly Pair[]): Refusal | undefined {
  const sides = new Map<string, { sold: number; bought: number; netted: number }>();
  for (const { quote, fill, cleared } of pairs) {
    if (cleared === 0) continue;
    const own = sides.get(quote.party) ?? { sold: 0, bought: 0, netted: 0 };
    if (quote.side === "ask") own.sold += fill.accepted;
    else own.bought += fill.accepted;
    own.netted += quote.side === "ask" ? fill.netted : -fill.netted;
    sides.set(quote.party, own);
  }
  for (const [party, { sold, bought, netted }] of sides) {
    if (sold > 0 && bought > 0) {
      return refuse(
        "clearing.self-match",
        `${party} is accepted for ${sold} Wh sold and ${bought} Wh bought; net them out first`,
      );
    }
    if (netted !== 0) {
      return refuse(
        "clearing.self-match",
        `${party} nets ${netted} Wh more sold than bought; expected 0`,
      );
    }
  }
  return undefined;
}
