import { randomFrom } from "../../../aggregator/market/colony/random.ts";

/** Draws between 0 and 1, the same for the same seed. */
export function uniform(count: number, seed: number): Float64Array {
  const draws = new Float64Array(count);
  randomFrom(new Uint8Array(32).fill(seed)).fillSymmetric(draws);
  return draws.map((draw) => (draw + 1) / 2);
}
