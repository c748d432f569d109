import { divideBig } from "./mul-div.ts";

/** One party of a sharing: `weight` is an integer ≥ 0, `id` breaks ties. */
export type Share = { readonly id: string; readonly weight: number };

/**
 * Shares `total` in proportion to the weights so that the parts add up to it exactly: the largest
 * remainder method, ties to the smaller id (by UTF-16 code unit).
 *
 * Shape: total is an integer, negative allowed (the parts are then ≤ 0); the result is in the order
 * of `shares`. With all weights 0 and a total of 0 every part is 0.
 * Throws: `RangeError` for a weight that is not an integer ≥ 0, for repeated ids, or when a total
 * other than 0 meets weights that are all 0.
 */
export function allocate(total: number, shares: readonly Share[]): number[] {
  if (!Number.isSafeInteger(total)) throw new RangeError(`allocate: total ${total} is no integer`);
  const ids = new Set<string>();
  let sum = 0n;
  for (const { id, weight } of shares) {
    if (!Number.isSafeInteger(weight) || weight < 0) {
      throw new RangeError(`allocate: weight of ${id} must be an integer ≥ 0, got ${weight}`);
    }
    if (ids.has(id)) throw new RangeError(`allocate: id ${id} appears twice`);
    ids.add(id);
    sum += BigInt(weight);
  }
  if (sum === 0n) {
    if (total !== 0) throw new RangeError(`allocate: nobody to share ${total} with`);
    return shares.map(() => 0);
  }
  const size = BigInt(Math.abs(total));
  const parts = shares.map(({ id, weight }, index) => {
    const scaled = size * BigInt(weight);
    return { id, index, part: divideBig(scaled, sum, "floor"), rest: scaled % sum };
  });
  let left = Math.abs(total) - parts.reduce((have, { part }) => have + part, 0);
  const order = [...parts].sort((a, b) =>
    a.rest !== b.rest ? (a.rest > b.rest ? -1 : 1) : a.id < b.id ? -1 : 1,
  );
  for (const entry of order) {
    if (left === 0) break;
    entry.part += 1;
    left -= 1;
  }
  return parts.map(({ part }) => (total < 0 && part !== 0 ? -part : part));
}
