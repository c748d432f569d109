/** The k-d tree beside brute force over the same points, and the pairing that is built on it. */
import { type EnergyForm, microPerKwh, wh } from "@busbar/protocol";
import type { AcceptedQuote } from "../../aggregator/market/clearing/nearest-first.ts";
import { pairQuotes } from "../../aggregator/market/clearing/pairing.ts";
import { randomFrom } from "../../aggregator/market/colony/random.ts";
import { KdTree } from "../../aggregator/market/kdtree/kd-tree.ts";

export const name = "kdtree";
export const title = "k-d tree: a million points in 2-D and 4-D; pairing of 10 000 quotes";

const points = 1_000_000;
/** Wall time per rate, so that the whole stays below fifteen seconds. */
const lineMs = 500;

/** Prints build times, rates of searches and changes, and the time of a pairing. */
export async function run(): Promise<void> {
  for (const dimension of [2, 4]) measureTree(dimension);
  const quotes = bookOf(10_000);
  const times = Array.from({ length: 5 }, () => elapsed(() => pairQuotes(quotes)));
  line("pairing, 10 000 quotes", `${medianOf(times).toFixed(0)} ms`);
}

function measureTree(dimension: number): void {
  const coordinates = uniform(points * dimension, 1);
  const queries = uniform(4096 * dimension, 2);
  const query = (i: number) => {
    const at = (i % 4096) * dimension;
    return queries.subarray(at, at + dimension);
  };
  const builds = Array.from({ length: 4 }, () =>
    elapsed(() => new KdTree({ dimension, coordinates })),
  );
  const tree = new KdTree({ dimension, coordinates });
  const label = (text: string) => `${dimension}-D ${text}`;
  line(label("build"), `${medianOf(builds).toFixed(0)} ms`);
  rate(label("1-NN"), (i) => tree.nearest(query(i)));
  rate(label("8-NN"), (i) => tree.nearestMany(query(i), 8));
  rate(label("8-NN, every other one"), (i) =>
    tree.nearestMany(query(i), 8, { accept: (id) => id % 2 === 0 }),
  );
  rate(label("1-NN, brute force"), (i) => {
    const found = bruteForce(coordinates, query(i));
    if (found !== tree.nearest(query(i))?.id)
      throw new Error(`query ${i}: expected point ${found}`);
  });
  // The first question about an id builds the index of ids; it is no part of the rates below.
  line(label("index of ids"), `${elapsed(() => tree.has(0)).toFixed(0)} ms`);
  rate(label("remove"), (i) => tree.remove(i));
  rate(label("insert"), (i) => tree.insert(points + i, query(i)));
}

function bruteForce(coordinates: Float64Array, query: Float64Array): number {
  const dimension = query.length;
  let [best, nearest] = [-1, Infinity];
  for (let at = 0; at < coordinates.length; at += dimension) {
    let squared = 0;
    for (let i = 0; i < dimension; i += 1) {
      const difference = (coordinates[at + i] ?? 0) - (query[i] ?? 0);
      squared += difference * difference;
    }
    if (squared < nearest) {
      nearest = squared;
      best = at / dimension;
    }
  }
  return best;
}

/** Half asks, half bids, a party each, on 20 feeders; the last one evens the totals out. */
function bookOf(count: number): AcceptedQuote[] {
  const draws = uniform(4 * count, 3);
  const draw = (i: number, most: number) => Math.floor(((draws[i] ?? 0) + 1) * 0.5 * most);
  const forms: readonly EnergyForm[] = ["solar", "wind", "storage", "any"];
  let open = 0;
  return Array.from({ length: count }, (_, i) => {
    const ask = i % 2 === 0;
    const energy = 2000 + draw(4 * i, 2000);
    open += ask ? energy : 0;
    const accepted = ask ? energy : i === count - 1 ? open : Math.min(open - 1, energy);
    open -= ask ? 0 : accepted;
    return {
      id: `q${i}`,
      party: `p${i}`,
      side: ask ? "ask" : "bid",
      form: forms[draw(4 * i + 1, 4)] ?? "any",
      accepted: wh(accepted),
      limit: microPerKwh(draw(4 * i + 2, 200_000) + (ask ? 0 : 200_000)),
      feeder: `f${draw(4 * i + 3, 20)}`,
    };
  });
}

function uniform(count: number, seed: number): Float64Array {
  const draws = new Float64Array(count);
  randomFrom(new Uint8Array(32).fill(seed)).fillSymmetric(draws);
  return draws;
}

function elapsed(act: () => unknown): number {
  const start = performance.now();
  act();
  return performance.now() - start;
}

function medianOf(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

function rate(label: string, act: (i: number) => unknown): void {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < lineMs) {
    act(count);
    count += 1;
  }
  const perSecond = Math.round((count * 1000) / (performance.now() - start));
  line(label, `${perSecond.toLocaleString("en")}/s`);
}

function line(label: string, value: string): void {
  console.log(`  ${label.padEnd(28)} ${value}`);
}
