import { type MicroPerKwh, microPerKwh } from "@busbar/protocol";
import {
  type Channel,
  channelEnds,
  channels,
  type PriceRules,
  type Quantities,
  type Role,
} from "./channels.ts";

/**
 * One price to be found: `seller` and `buyer` are indices into the game's parties.
 * Units: kWh, currency/kWh. `subsidy` is κ: the trade is worth Q (p − κ p²) to its seller.
 */
export type Trade = {
  readonly seller: number;
  readonly buyer: number;
  readonly kwh: number;
  readonly low: number;
  readonly high: number;
  readonly subsidy: number;
};

/** A price game among any number of parties (eq. 9 of Liu & Zhou): their weights and their trades. */
export type Game = { readonly weights: readonly number[]; readonly trades: readonly Trade[] };

/** The parties of the paper's game, in the order of its `weights`. */
export const roles: readonly Role[] = ["company", "bureau", "user"];

/** The channels that carry energy, in the order of the game's trades. */
export function tradedChannels(quantities: Quantities): Channel[] {
  return channels.filter((channel) => quantities[channel] > 0);
}

/**
 * The paper's game of one company, one bureau and the users as a whole. A channel without energy is
 * no trade: its price would decide nothing.
 * Throws: `RangeError` for rules that make no sense (see `checkRules`).
 */
export function paperGame(quantities: Quantities, rules: PriceRules): Game {
  checkRules(rules);
  const trades = tradedChannels(quantities).map((channel): Trade => {
    const { seller, buyer, subsidised } = channelEnds[channel];
    const band = bandOf(channel, rules);
    return {
      seller: roles.indexOf(seller),
      buyer: roles.indexOf(buyer),
      kwh: quantities[channel] / 1000,
      low: band.low,
      high: band.high,
      subsidy: subsidised ? rules.subsidyPermille / 1000 : 0,
    };
  });
  return { weights: roles.map((role) => rules.weights[role]), trades };
}

/** The band of a channel in currency/kWh: its seller's. */
export function bandOf(channel: Channel, { bands }: PriceRules): { low: number; high: number } {
  const [low, high] = channel === "gu" || channel === "gc" ? bands.company : bands.bureau;
  return { low: low / 1_000_000, high: high / 1_000_000 };
}

/**
 * A solver's price in currency/kWh as a published price, kept inside its band (eq. 13): the one place where
 * floats of the price game become integers.
 */
export function roundPrice(
  price: number,
  { low, high }: { low: number; high: number },
): MicroPerKwh {
  return microPerKwh(Math.round(Math.min(Math.max(price, low), high) * 1_000_000));
}

/**
 * Throws `RangeError` for weights that are no integers in 1 … 100, for an empty band, or
 * for a band so high that the subsidy κ p² grows faster than the price (p ≥ 1/2κ): a seller would
 * then lose by asking more.
 */
export function checkRules({ bands, weights, subsidyPermille }: PriceRules): void {
  for (const role of roles) checkWeight(role, weights[role]);
  if (!Number.isInteger(subsidyPermille) || subsidyPermille < 0) {
    throw new RangeError(`subsidyPermille: expected an integer ≥ 0, got ${subsidyPermille}`);
  }
  for (const [name, [low, high]] of Object.entries(bands)) {
    if (!(low < high)) {
      throw new RangeError(`band of ${name}: expected low < high, got [${low}, ${high}]`);
    }
  }
  if (subsidyPermille * bands.bureau[1] >= 500_000_000) {
    const most = Math.floor(500_000_000 / subsidyPermille);
    throw new RangeError(
      `band of bureau: with a subsidy of ${subsidyPermille} ‰ its high must stay below ${most}, ` +
        `got ${bands.bureau[1]}: choose a larger unit of currency or a smaller subsidy`,
    );
  }
}

/**
 * Throws `RangeError` for a trade without energy, with an empty band or one that reaches 1/2κ, or
 * between parties that the game does not have; and for weights that are not positive numbers.
 */
export function checkGame({ weights, trades }: Game): void {
  for (const weight of weights) {
    if (!(weight > 0 && Number.isFinite(weight))) {
      throw new RangeError(`weight of a party: expected a number above 0, got ${weight}`);
    }
  }
  for (const { seller, buyer, kwh, low, high, subsidy } of trades) {
    if (!(kwh > 0 && Number.isFinite(kwh) && low < high && Number.isFinite(high - low))) {
      throw new RangeError(
        `trade: expected energy and a band, got ${kwh} kWh in [${low}, ${high}]`,
      );
    }
    if (!(subsidy >= 0 && 2 * subsidy * high < 1)) {
      throw new RangeError(
        `trade: expected a subsidy of 0 or more and prices below 1/2κ, got κ = ${subsidy} up to ${high}`,
      );
    }
    if (weights[seller] === undefined || weights[buyer] === undefined || seller === buyer) {
      throw new RangeError(
        `trade: expected two of ${weights.length} parties, got ${seller}, ${buyer}`,
      );
    }
  }
}

function checkWeight(whose: string, weight: number): void {
  if (!Number.isInteger(weight) || weight < 1 || weight > 100) {
    throw new RangeError(`weight of ${whose}: expected an integer in 1 … 100, got ${weight}`);
  }
}
