import {
  cost,
  type Micro,
  type MicroPerKwh,
  micro,
  microPerKwh,
  mulDiv,
  type Wh,
  wh,
} from "@busbar/protocol";
import { subsidy } from "../market/game/equations.ts";
import { netMetered, netSold, type Participant, type Sale } from "./position.ts";

/** The community's prices for what was not contracted. */
export type SettlementTerms = {
  readonly feedIn: MicroPerKwh;
  readonly retail: MicroPerKwh;
  /** How much worse than feed-in and retail an imbalance is, in thousandths. */
  readonly imbalancePermille: number;
  /** How much worse it becomes where it is as large as the party's whole position; 0 where absent. */
  readonly imbalanceGrowthPermille?: number;
  /** κ of eq. 3, 6 and 8, in thousandths; the paper's 0.05 is 50. */
  readonly subsidyPermille: number;
};

/**
 * One movement: `energy` goes from seller to buyer, `money` from buyer to seller (a subsidy is a
 * payment from the bureau to a buyer, a grid fee one from a buyer to the lines' account, which hands it
 * on to the lines' operators, a fee, tax or levy one from a party to whom it is for; they move no
 * energy). Each is posted to the seller's sales
 * account and the buyer's purchase account, so every movement sums to zero.
 */
export type Movement = {
  readonly reason:
    | "sale"
    | "grid-fee"
    | "grid-loss"
    | "line-share"
    | "subsidy"
    | "imbalance-surplus"
    | "imbalance-shortage"
    | "fee"
    | "tax"
    | "levy";
  readonly contract?: string;
  readonly seller: string;
  readonly buyer: string;
  readonly energy: Wh;
  /** From buyer to seller; negative = from seller to buyer. */
  readonly money: Micro;
};

/** What a settlement is made by: the community's terms and the party that balances. */
export type Settlement = { readonly bureau: string; readonly terms: SettlementTerms };

/**
 * A sale at its contract's price and, where the bureau sold it, the buyer's subsidy: eq. 3 of Liu &
 * Zhou for a company, eq. 8 for a user; their sum is the bureau's eq. 6. `subsidised` is how much of
 * it the buyer kept: what it sold again at a later gate of the slot earns no subsidy.
 */
export function settleSale(
  sale: Sale,
  { bureau, terms }: Settlement,
  subsidised: Wh = sale.energy,
): Movement[] {
  if (sale.seller !== bureau) return [saleOf(sale)];
  return [saleOf(sale), subsidyOf({ ...sale, energy: subsidised }, terms)];
}

/**
 * What the buyer pays for the way over the grid, so that with the sale's price it pays exactly the cost
 * of its energy at its own feeder's price; undefined where the way costs nothing.
 */
export function settleFee(sale: Sale, grid: string): Movement | undefined {
  const { contract, buyer, energy, price, fee = 0 } = sale;
  if (fee === 0) return undefined;
  const money = micro(cost(microPerKwh(price + fee), energy) - cost(price, energy));
  return { reason: "grid-fee", contract, seller: grid, buyer, energy: wh(0), money };
}

/**
 * What is lost on a sale's way: the lines' account buys it from the bureau at retail, for which the fee
 * of the way was set; undefined where nothing is lost, or nobody delivers it.
 */
export function settleLoss(
  { contract, lossWh = wh(0) }: Pick<Sale, "contract"> & { readonly lossWh?: Wh },
  grid: string,
  { bureau, terms }: Settlement,
): Movement | undefined {
  if (lossWh === 0 || bureau === "") return undefined;
  const money = cost(terms.retail, lossWh);
  return { reason: "grid-loss", contract, seller: bureau, buyer: grid, energy: lossWh, money };
}

/**
 * A party's difference between its meters and its contracts (`sales` are all of the slot's), as a
 * trade with the bureau at prices that are always worse than the market's, and the worse the larger it
 * is beside the party's position: planning well pays, and differing on purpose never does.
 * Undefined where meter and contracts agree. The bureau itself takes the rest and has no imbalance.
 */
export function settleImbalance(
  { owner, metered }: Participant,
  sales: readonly Sale[],
  { bureau, terms }: Settlement,
): Movement | undefined {
  const [given, sold] = [netMetered(metered), netSold(owner, sales)];
  const difference = given - sold;
  if (difference === 0 || owner === bureau) return undefined;
  const worse = premiumPermille(difference, Math.max(Math.abs(given), Math.abs(sold)), terms);
  return imbalanceOf({ owner, bureau, difference, worse }, terms);
}

/**
 * A party's slot whose readings lie further apart than it is long, so that nobody can tell what flowed in it
 * and what in the slots beside it: all that was drawn counts as drawn without a contract, and all that was
 * bought as given back; likewise what was given and sold. A difference is at most twice the position it is set
 * against, so this is the dearest of the imbalance's prices.
 *
 * Over the slots of a gap nothing that may have happened would have cost more (but for roundings, at prices that
 * stay the same): in each of them shortage ≤ drawn + sold and surplus ≤ given + bought, the registers say
 * what was drawn and given in all of them together, and what both are larger by cancels at a loss. Energy is
 * what the registers show beyond the contracts, as ever.
 */
export function settleApart(
  { owner, metered }: Participant,
  sales: readonly Sale[],
  { bureau, terms }: Settlement,
): Movement | undefined {
  if (owner === bureau) return undefined;
  const sold = netSold(owner, sales);
  const surplus = metered.exportWh + Math.max(0, -sold);
  const shortage = metered.importWh + Math.max(0, sold);
  const { imbalancePermille, imbalanceGrowthPermille = 0 } = terms;
  const prices = imbalancePrices(imbalancePermille + 2 * imbalanceGrowthPermille, terms);
  const owed =
    cost(prices.shortage, wh(shortage), "ceil") - cost(prices.surplus, wh(surplus), "floor");
  const difference = surplus - shortage;
  const energy = wh(Math.abs(difference));
  if (difference === 0 && owed === 0) return undefined;
  if (difference > 0) {
    const money = micro(0 - owed);
    return { reason: "imbalance-surplus", seller: owner, buyer: bureau, energy, money };
  }
  const money = micro(owed);
  return { reason: "imbalance-shortage", seller: bureau, buyer: owner, energy, money };
}

/**
 * How much worse than feed-in and retail a difference is: in proportion to how large it is beside what
 * the party gave or sold, whichever is more (`positionWh`), so that it means the same to large and small.
 */
function premiumPermille(
  difference: number,
  positionWh: number,
  { imbalancePermille, imbalanceGrowthPermille = 0 }: SettlementTerms,
): number {
  const growth = mulDiv(imbalanceGrowthPermille, Math.abs(difference), positionWh, "ceil");
  return imbalancePermille + growth;
}

function saleOf({ contract, seller, buyer, energy, price }: Sale): Movement {
  return { reason: "sale", contract, seller, buyer, energy, money: cost(price, energy) };
}

/** κ · Q · p², paid by the bureau. */
function subsidyOf(
  { contract, seller, buyer, energy, price }: Sale,
  { subsidyPermille }: SettlementTerms,
): Movement {
  const money = micro(-subsidy(energy, price, subsidyPermille));
  return { reason: "subsidy", contract, seller, buyer, energy: wh(0), money };
}

/** A surplus is bought below feed-in, a shortage sold above retail; below 0 as well. */
function imbalanceOf(
  {
    owner,
    bureau,
    difference,
    worse,
  }: { owner: string; bureau: string; difference: number; worse: number },
  terms: SettlementTerms,
): Movement {
  const energy = wh(Math.abs(difference));
  const prices = imbalancePrices(worse, terms);
  if (difference > 0) {
    const money = cost(prices.surplus, energy, "floor");
    return { reason: "imbalance-surplus", seller: owner, buyer: bureau, energy, money };
  }
  const money = cost(prices.shortage, energy, "ceil");
  return { reason: "imbalance-shortage", seller: bureau, buyer: owner, energy, money };
}

/** Feed-in and retail, worse by so many thousandths. */
function imbalancePrices(worse: number, { feedIn, retail }: SettlementTerms) {
  const premium = (price: MicroPerKwh) => mulDiv(Math.abs(price), worse, 1000, "ceil");
  return {
    surplus: microPerKwh(feedIn - premium(feedIn)),
    shortage: microPerKwh(retail + premium(retail)),
  };
}
