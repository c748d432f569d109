/** The double auction at 4 000 and 10⁶ orders, its verification, grids, and the pairing. */
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import { verifyClearing } from "../../../aggregator/market/clearing/certificate.ts";
import { clear } from "../../../aggregator/market/clearing/clearing.ts";
import { verifyGridClearing } from "../../../aggregator/market/clearing/grid-certificate.ts";
import { clearOnGrid } from "../../../aggregator/market/clearing/grid-clearing.ts";
import { pairQuotes } from "../../../aggregator/market/clearing/pairing.ts";
import type { Quote } from "../../../aggregator/market/clearing/quotes.ts";
import { type Figure, inTurns } from "./measure.ts";
import { uniform } from "./uniform.ts";

const reference = microPerKwh(556_832);

export function clearingFigures(): Figure[] {
  const sizes = [
    { orders: 4_000, limit: 10, rounds: 41 },
    { orders: 1_000_000, limit: 2_000, rounds: 5 },
  ];
  return [...sizes.flatMap(plainFigures), ...restFigures()];
}

function plainFigures({
  orders,
  limit,
  rounds,
}: {
  orders: number;
  limit: number;
  rounds: number;
}) {
  const quotes = book(orders);
  const clearing = clear(quotes, reference);
  const verdict = verifyClearing(quotes, clearing);
  if (!verdict.ok) throw new Error(verdict.message);
  const times = inTurns(
    {
      cleared: () => clear(quotes, reference),
      verified: () => verifyClearing(quotes, clearing),
    },
    rounds,
  );
  const label = `${orders.toLocaleString("en")} orders`;
  return [
    { name: `clearing, ${label}`, value: times.cleared, unit: "ms", limit },
    { name: `its certificate verified, ${label}`, value: times.verified, unit: "ms" },
  ];
}

function restFigures(): Figure[] {
  const quotes = book(4_000);
  const { fills } = clear(quotes, reference);
  const accepted = quotes.flatMap((quote, i) => {
    const energy = fills[i]?.accepted ?? wh(0);
    return energy > 0 ? [{ ...quote, accepted: energy }] : [];
  });
  const { paired } = inTurns({ paired: () => pairQuotes(accepted) }, 11);
  const label = `pairing of the ${accepted.length.toLocaleString("en")} that trade`;
  return [
    ...gridFigures({ orders: 4_000, feeders: 20, rounds: 11 }),
    ...gridFigures({ orders: 4_000, feeders: 64, rounds: 11 }),
    ...gridFigures({ orders: 100_000, feeders: 64, rounds: 3 }),
    { name: label, value: paired, unit: "ms" },
  ];
}

/** A quarter of the feeders hang on the busbar, the rest on them; lines cost something and fill up. */
function gridFigures({
  orders,
  feeders,
  rounds,
}: {
  readonly orders: number;
  readonly feeders: number;
  readonly rounds: number;
}): Figure[] {
  const quotes = book(orders, feeders);
  const trunks = feeders / 4;
  const segments = Array.from({ length: feeders }, (_, i) => ({
    feeder: `feeder-${i}`,
    fee: microPerKwh(1000 * (i % 5)),
    capacity: wh((125 * orders * 20) / feeders),
    ...(i < trunks ? {} : { parent: `feeder-${i % trunks}` }),
  }));
  const clearing = clearOnGrid(quotes, segments, reference);
  const verdict = verifyGridClearing(quotes, segments, clearing);
  if (!verdict.ok) throw new Error(verdict.message);
  const { cleared, verified } = inTurns(
    {
      cleared: () => clearOnGrid(quotes, segments, reference),
      verified: () => verifyGridClearing(quotes, segments, clearing),
    },
    rounds,
  );
  const label = `${feeders} feeders, ${orders.toLocaleString("en")} orders`;
  return [
    { name: `clearing over ${label}`, value: cleared, unit: "ms" },
    { name: `its certificate verified, ${label}`, value: verified, unit: "ms" },
  ];
}

/** One party a pair of quotes, 1 … 10 kWh at 0.40 … 0.70 currency/kWh, asks and bids alike. */
function book(orders: number, feeders = 20): Quote[] {
  const draws = uniform(2 * orders, 0);
  const upTo = (most: number, at: number) => Math.floor((draws[at] ?? 0) * most);
  return Array.from({ length: orders }, (_, i) => ({
    id: `quote-${i}`,
    party: `party-${i >> 1}`,
    side: i % 2 === 0 ? "ask" : "bid",
    slot: utcMs(0),
    form: "any",
    quantity: wh(1000 + upTo(9000, 2 * i)),
    limit: microPerKwh(400_000 + upTo(300_000, 2 * i + 1)),
    time: utcMs(i),
    feeder: `feeder-${(i >> 1) % feeders}`,
  }));
}
