/**
 * Equations 10–12 of Liu & Zhou as they are printed, to show what comes of them: `objective:
 * "as-printed"`. For comparison only; no rule of the ledger uses it, so it may take logarithms.
 * Units: kWh, currency/kWh.
 */
import { type Channel, channels, type PriceRules, type Quantities, type Role } from "./channels.ts";
import { bandOf, checkRules, roles } from "./game.ts";

type PerChannel = Readonly<Record<Channel, number>>;
type PerRole = Readonly<Record<Role, number>>;

/** The upper line of (10) and (11), the same in both: p_CU Q_CU + p_CG Q_CG. */
const upper = (q: PerChannel, p: PerChannel) => p.cu * q.cu + p.cg * q.cg;

/** The lower lines: (10) ends in + 0.05 Q_CU p_GC², (11) in − 0.1 Q_CU p_CG². */
const lower10 = (q: PerChannel, p: PerChannel, kappa: number) =>
  p.gc * q.gc + kappa * q.cu * p.gc * p.gc;
const lower11 = (q: PerChannel, p: PerChannel, kappa: number) =>
  p.gc * q.gc - 2 * kappa * q.cu * p.cg * p.cg;

/** (12), which has the subsidy at p_GU instead of p_CU; its lower line is 1. */
const usersCost = (q: PerChannel, p: PerChannel, kappa: number) =>
  p.cu * q.cu + p.gu * q.gu - kappa * q.cu * p.gu * p.gu;

/**
 * (10)–(12) with the bars read as fraction bars: company and bureau maximise, users minimise. (11) has
 * a pole where p_GC Q_GC = 0.1 Q_CU p_CG², inside the price box wherever energy flows both ways, and is
 * negative where the bureau buys nothing: it would then sell as cheaply as it may.
 */
export function printedRatios(q: PerChannel, p: PerChannel, kappa: number): PerRole {
  return {
    company: upper(q, p) / lower10(q, p, kappa),
    bureau: upper(q, p) / lower11(q, p, kappa),
    user: usersCost(q, p, kappa),
  };
}

/** (10)–(12) with the bars read as brackets over two lines, the second taken off the first; users' as income. */
export function printedSums(q: PerChannel, p: PerChannel, kappa: number): PerRole {
  return {
    company: upper(q, p) - (p.gc * q.gc - kappa * q.cu * p.gc * p.gc),
    bureau: upper(q, p) - (p.gc * q.gc + 2 * kappa * q.cu * p.cg * p.cg),
    user: -usersCost(q, p, kappa),
  };
}

/**
 * The weighted bargaining solution over the printed terms (`printedSums`), each party's gain above its
 * worst corner of the price box, by a search along one price after the other. All four prices are there,
 * for the printed terms put a price without energy beside another channel's quantity. No price of
 * (10)–(12) but the users' own stands at p_GU, so nobody bargains for it and it falls to its low end.
 */
export function printedPrices(quantities: Quantities, rules: PriceRules): PerChannel {
  checkRules(rules);
  const q = inKwh(quantities);
  const kappa = rules.subsidyPermille / 1000;
  const box = boxOf(rules);
  const incomes = corners(box).map((corner) => printedSums(q, corner, kappa));
  const worst = (role: Role) => Math.min(...incomes.map((net) => net[role]));
  const floor = { company: worst("company"), bureau: worst("bureau"), user: worst("user") };
  const value = (p: PerChannel) => {
    const net = printedSums(q, p, kappa);
    // A floor of a millionth keeps the search finite where a party has nothing above its worst.
    return roles.reduce(
      (sum, role) => sum + rules.weights[role] * Math.log(net[role] - floor[role] + 1e-6),
      0,
    );
  };
  let prices: PerChannel = middle(box);
  for (let round = 0; round < 60; round += 1) {
    for (const channel of channels) {
      const found = peak(box[channel], (price) => value({ ...prices, [channel]: price }));
      prices = { ...prices, [channel]: found };
    }
  }
  return prices;
}

type Box = Readonly<Record<Channel, { readonly low: number; readonly high: number }>>;

function inKwh({ cg, cu, gc, gu }: Quantities): PerChannel {
  return { cg: cg / 1000, cu: cu / 1000, gc: gc / 1000, gu: gu / 1000 };
}

function boxOf(rules: PriceRules): Box {
  const band = (channel: Channel) => bandOf(channel, rules);
  return { cg: band("cg"), cu: band("cu"), gc: band("gc"), gu: band("gu") };
}

function middle({ cg, cu, gc, gu }: Box): PerChannel {
  const of = ({ low, high }: { low: number; high: number }) => (low + high) / 2;
  return { cg: of(cg), cu: of(cu), gc: of(gc), gu: of(gu) };
}

function corners(box: Box): PerChannel[] {
  return Array.from({ length: 16 }, (_, bits) => {
    const at = (channel: Channel, bit: number) =>
      (bits >> bit) & 1 ? box[channel].high : box[channel].low;
    return { cg: at("cg", 0), cu: at("cu", 1), gc: at("gc", 2), gu: at("gu", 3) };
  });
}

/** The greatest of 41 places of a band, and the greatest of 41 around it: printed terms may have two peaks. */
function peak(
  { low, high }: { readonly low: number; readonly high: number },
  value: (price: number) => number,
): number {
  let [from, to] = [low, high];
  let best = low;
  for (let zoom = 0; zoom < 5; zoom += 1) {
    const step = (to - from) / 40;
    for (let i = 0; i <= 40; i += 1) {
      const price = Math.min(from + i * step, high);
      if (value(price) > value(best)) best = price;
    }
    [from, to] = [Math.max(low, best - step), Math.min(high, best + step)];
  }
  return best;
}
