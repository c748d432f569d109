/**
 * Equations 1–8 of Liu & Zhou for one slot, in integers. Each product is rounded once and enters
 * every equation with that same value, so the three net incomes add up to zero exactly.
 */
import { cost, divideBig, type Micro, type MicroPerKwh, micro, type Wh } from "@busbar/protocol";
import { type Channel, channelEnds, channels, type Prices, type Quantities } from "./channels.ts";
import { worthAt } from "./worth.ts";

/** Energy and prices of one slot. A price may be undefined only where the quantity is 0. */
export type Trades = {
  readonly quantities: Quantities;
  readonly prices: Prices;
  readonly subsidyPermille: number;
};

/** eq. 1 of Liu & Zhou, the company's sales: p_GU Q_GU + p_GC Q_GC. */
export const companySales = (t: Trades): Micro => micro(paid(t, "gu") + paid(t, "gc"));

/** eq. 2 of Liu & Zhou, the company's purchases: p_CG Q_CG. */
export const companyPurchases = (t: Trades): Micro => paid(t, "cg");

/** eq. 3 of Liu & Zhou, the subsidy to the company: 0.05 Q_CG p_CG². */
export const companySubsidy = (t: Trades): Micro => subsidised(t, "cg");

/** eq. 4 of Liu & Zhou, the bureau's sales: p_CU Q_CU + p_CG Q_CG. */
export const bureauSales = (t: Trades): Micro => micro(paid(t, "cu") + paid(t, "cg"));

/** eq. 5 of Liu & Zhou, the bureau's purchases: p_GC Q_GC. */
export const bureauPurchases = (t: Trades): Micro => paid(t, "gc");

/** eq. 6 of Liu & Zhou, the subsidies the bureau pays: exactly eq. 3 + eq. 8. */
export const bureauSubsidies = (t: Trades): Micro => micro(companySubsidy(t) + usersSubsidy(t));

/** eq. 7 of Liu & Zhou, the users' cost: p_CU Q_CU + p_GU Q_GU. */
export const usersCost = (t: Trades): Micro => micro(paid(t, "cu") + paid(t, "gu"));

/** eq. 8 of Liu & Zhou, the subsidy to the users: 0.05 Q_CU p_CU². */
export const usersSubsidy = (t: Trades): Micro => subsidised(t, "cu");

/** What each party keeps: the terms of objectives 10–12 for one slot, users' cost as negative income. */
export function netIncomes(t: Trades): { company: Micro; bureau: Micro; user: Micro } {
  return {
    company: micro(companySales(t) - companyPurchases(t) + companySubsidy(t)),
    bureau: micro(bureauSales(t) - bureauPurchases(t) - bureauSubsidies(t)),
    user: micro(usersSubsidy(t) - usersCost(t)),
  };
}

/**
 * The subsidy on `energy` bought at `price`: κ Q p² with κ in thousandths, rounded once, half to even; none
 * below a price of 0, where the buyer is paid already (`worth.ts`).
 * Units: Wh · (10⁻⁶/kWh)² · 10⁻³ = 10⁻¹² of 10⁻⁶, hence the divisor.
 */
export function subsidy(energy: Wh, price: MicroPerKwh, permille: number): Micro {
  if (price <= 0) return micro(0);
  const product = BigInt(energy) * BigInt(price) * BigInt(price) * BigInt(permille);
  return micro(divideBig(product, 1_000_000_000_000n, "half-even"));
}

/** The same net incomes in floats, for solvers: kWh and currency/kWh in, currency out. */
export function netIncomesFloat(
  kwh: Readonly<Record<Channel, number>>,
  prices: Readonly<Record<Channel, number>>,
  subsidyRate: number,
): { company: number; bureau: number; user: number } {
  const net = { company: 0, bureau: 0, user: 0 };
  for (const channel of channels) {
    const { seller, buyer, subsidised } = channelEnds[channel];
    const price = prices[channel];
    const value = kwh[channel] * (subsidised ? worthAt(price, subsidyRate) : price);
    net[seller] += value;
    net[buyer] -= value;
  }
  return net;
}

function paid({ quantities, prices }: Trades, channel: Channel): Micro {
  const energy = quantities[channel];
  return energy === 0 ? micro(0) : cost(known(prices, channel), energy);
}

function subsidised({ quantities, prices, subsidyPermille }: Trades, channel: Channel): Micro {
  const energy = quantities[channel];
  return energy === 0 ? micro(0) : subsidy(energy, known(prices, channel), subsidyPermille);
}

function known(prices: Prices, channel: Channel): MicroPerKwh {
  const price = prices[channel];
  if (price === undefined) {
    throw new RangeError(`channel ${channel} carries energy, so it needs a price; got none`);
  }
  return price;
}
