/** The double auction beside its limits: 4 000 and 10⁶ orders in one slot, and its verification. */
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import { verifyClearing } from "../../aggregator/market/clearing/certificate.ts";
import { clear } from "../../aggregator/market/clearing/clearing.ts";
import type { Quote } from "../../aggregator/market/clearing/quotes.ts";
import { randomFrom } from "../../aggregator/market/colony/random.ts";

export const name = "clearing";
export const title = "Clearing: a uniform-price double auction with its certificate";

export async function run(): Promise<void> {
  for (const { orders, limit, rounds } of [
    { orders: 4_000, limit: 10, rounds: 41 },
    { orders: 1_000_000, limit: 2_000, rounds: 3 },
  ]) {
    const quotes = book(orders);
    const reference = microPerKwh(556_832);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now();
      clear(quotes, reference);
      times.push(performance.now() - start);
    }
    const clearing = clear(quotes, reference);
    const start = performance.now();
    const verdict = verifyClearing(quotes, clearing);
    const verified = performance.now() - start;
    times.sort((a, b) => a - b);
    const middle = times[times.length >> 1] ?? Number.NaN;
    console.log(
      `  ${String(orders).padStart(9)} orders  cleared in ${middle.toFixed(1)} ms (limit ${limit} ms), ` +
        `${verdict.ok ? "verified" : verdict.code} in ${verified.toFixed(1)} ms`,
    );
  }
}

/** One party a quote in 1 … 10 kWh at 0.40 … 0.70 currency/kWh, asks and bids alike. */
function book(orders: number): Quote[] {
  const draws = new Float64Array(2 * orders);
  randomFrom(new Uint8Array(32)).fillSymmetric(draws);
  const upTo = (most: number, at: number) => Math.floor((((draws[at] ?? 0) + 1) / 2) * most);
  return Array.from({ length: orders }, (_, i) => ({
    id: `quote-${i}`,
    party: `party-${i >> 1}`,
    side: i % 2 === 0 ? "ask" : "bid",
    slot: utcMs(0),
    form: "any",
    quantity: wh(1000 + upTo(9000, 2 * i)),
    limit: microPerKwh(400_000 + upTo(300_000, 2 * i + 1)),
    time: utcMs(i),
  }));
}
