import type { Channel, Prices } from "./channels.ts";
import { priceAtShare } from "./division.ts";
import { roundPrice } from "./game.ts";
import type { GateGame } from "./players.ts";
import { priceWorth, worthAt } from "./worth.ts";

/**
 * A gate's published prices: of each channel the one at which its trades together would be worth what
 * they are. It is unique even where single prices around a ring of trades are not; a channel without
 * energy has none.
 */
export function channelPrices(game: GateGame, shares: Float64Array): Prices {
  const price = (channel: Channel) => {
    let [kwh, worth, kappa] = [0, 0, 0];
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    game.trades.forEach((trade, e) => {
      if (trade.channel !== channel) return;
      kappa = trade.subsidy;
      kwh += trade.kwh;
      worth += trade.kwh * worthAt(priceAtShare(trade, shares[e] ?? 0), kappa);
      low = Math.min(low, trade.low);
      high = Math.max(high, trade.high);
    });
    return kwh > 0 ? roundPrice(priceWorth(worth / kwh, kappa), { low, high }) : undefined;
  };
  return { cg: price("cg"), cu: price("cu"), gc: price("gc"), gu: price("gu") };
}
