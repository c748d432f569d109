import type { Channel, PriceRules, Prices, Quantities } from "./channels.ts";
import { bandOf, checkRules, roundPrice } from "./game.ts";
import { priceWorth, worthAt } from "./worth.ts";

/** Prices in currency/kWh as a solver finds them; undefined = not traded. */
export type ExactPrices = Readonly<Record<Channel, number | undefined>>;

/**
 * The weighted Nash bargaining solution Π (N_i − d_i)^w_i over the net incomes of eq. 1–8, in closed
 * form: each party is owed its weight of all there is to share, but no more than those it trades
 * with can give; what is left is shared by the remaining weights.
 *
 * Shape: quantities as `allocateQuantities` makes them, where one role always stands between the two
 * others (bureau, users or company, as the surplus grows).
 * Throws: `RangeError` for other quantities, and for rules that make no sense (see `checkRules`).
 */
export function bargain(quantities: Quantities, rules: PriceRules): ExactPrices {
  checkRules(rules);
  const { cg, cu, gc, gu } = quantities;
  if ((cg > 0 && gu + gc > 0) || (gc > 0 && cu > 0)) {
    throw new RangeError(
      `quantities: no role stands between the two others in ${JSON.stringify(quantities)}; ` +
        "make them with allocateQuantities",
    );
  }
  const { company, bureau, user } = rules.weights;
  const none = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  const pool = (channel: Channel) => valuePool(quantities[channel], channel, rules);
  if (cg > 0) {
    const weights = { one: company, two: user, hub: bureau };
    const gain = shareFromHub(pool("cg"), pool("cu"), weights);
    const price = (channel: Channel, won: number) => buyersPrice(quantities, channel, won, rules);
    return { ...none, cg: price("cg", gain.one), cu: price("cu", gain.two) };
  }
  if (gc > 0) {
    const weights = { one: user, two: bureau, hub: company };
    const gain = shareFromHub(pool("gu"), pool("gc"), weights);
    const price = (channel: Channel, won: number) => buyersPrice(quantities, channel, won, rules);
    return { ...none, gu: price("gu", gain.one), gc: price("gc", gain.two) };
  }
  if (gu > 0 || cu > 0) {
    const weights = { one: company, two: bureau, hub: user };
    const gain = shareFromHub(pool("gu"), pool("cu"), weights);
    const price = (channel: Channel, won: number) => sellersPrice(quantities, channel, won, rules);
    return { ...none, gu: price("gu", gain.one), cu: price("cu", gain.two) };
  }
  return none;
}

/** The exact prices as they are published: 10⁻⁶ currency/kWh, inside the band. */
export function publishedPrices(exact: ExactPrices, rules: PriceRules): Prices {
  const publish = (channel: Channel) => {
    const price = exact[channel];
    return price === undefined ? undefined : roundPrice(price, bandOf(channel, rules));
  };
  return { cg: publish("cg"), cu: publish("cu"), gc: publish("gc"), gu: publish("gu") };
}

/**
 * Two parties that both trade with a third, the hub, share two pools: what each gains from its own
 * pool. The hub gains the rest of both, so only an outer party can be owed more than its pool holds.
 */
function shareFromHub(
  poolOne: number,
  poolTwo: number,
  { one, two, hub }: { readonly one: number; readonly two: number; readonly hub: number },
): { one: number; two: number } {
  const all = poolOne + poolTwo;
  const owedOne = (one / (one + two + hub)) * all;
  const owedTwo = (two / (one + two + hub)) * all;
  if (owedOne > poolOne) return { one: poolOne, two: (two / (two + hub)) * poolTwo };
  if (owedTwo > poolTwo) return { one: (one / (one + hub)) * poolOne, two: poolTwo };
  return { one: owedOne, two: owedTwo };
}

const subsidyOf = (channel: Channel, { subsidyPermille }: PriceRules) =>
  channel === "cg" || channel === "cu" ? subsidyPermille / 1000 : 0;

/** All that the price of a channel can move between its two ends, in currency. */
function valuePool(energy: number, channel: Channel, rules: PriceRules): number {
  const { low, high } = bandOf(channel, rules);
  const subsidy = subsidyOf(channel, rules);
  return (energy / 1000) * (worthAt(high, subsidy) - worthAt(low, subsidy));
}

/** The price at which the channel's seller gains `won` above the low end of the band. */
function sellersPrice(
  quantities: Quantities,
  channel: Channel,
  won: number,
  rules: PriceRules,
): number | undefined {
  const energy = quantities[channel];
  if (energy === 0) return undefined;
  const subsidy = subsidyOf(channel, rules);
  const floor = worthAt(bandOf(channel, rules).low, subsidy);
  return priceWorth(floor + won / (energy / 1000), subsidy);
}

/** The price at which the channel's buyer gains `won` below the high end of the band. */
function buyersPrice(
  quantities: Quantities,
  channel: Channel,
  won: number,
  rules: PriceRules,
): number | undefined {
  return sellersPrice(
    quantities,
    channel,
    valuePool(quantities[channel], channel, rules) - won,
    rules,
  );
}
