import { allocate, type GridSegment, micro, type Wh } from "@busbar/protocol";
import type { Sale } from "./position.ts";
import type { Movement } from "./settle.ts";

/**
 * Hands what a buyer paid for the way over the grid on to the operators of the lines on it, in proportion
 * to the lines' fees, equally where none has one: the lines' account keeps nothing. A congested line's
 * price is part of it, so a community that does not want it to go to an operator says so by vote.
 * `operatorOf` says whose account a line's share goes to; undefined: it stays where it is.
 */
export function shareFee(
  paid: Pick<Movement, "money">,
  sale: Sale,
  {
    grid,
    account,
    operatorOf,
    none,
  }: {
    readonly grid: readonly GridSegment[];
    readonly account: string;
    operatorOf(segment: GridSegment): string | undefined;
    readonly none: Wh;
  },
): Movement[] {
  const path = pathOf(sale, grid);
  if (path.length === 0) return [];
  const free = path.every(({ fee }) => fee === 0);
  const weights = path.map(({ feeder, fee }) => ({ id: feeder, weight: free ? 1 : fee }));
  const parts = allocate(paid.money, weights);
  const sums = new Map<string, number>();
  for (const [i, segment] of path.entries()) {
    const operator = operatorOf(segment);
    const part = parts[i] ?? 0;
    if (operator !== undefined && part !== 0) {
      sums.set(operator, (sums.get(operator) ?? 0) + part);
    }
  }
  return Array.from(sums, ([operator, money]) => {
    const { contract } = sale;
    return {
      reason: "line-share",
      contract,
      seller: operator,
      buyer: account,
      energy: none,
      money: micro(money),
    };
  });
}

/** The lines between a sale's feeders: those of both ways to the busbar that they do not share. */
export function pathOf(
  { from, to }: Pick<Sale, "from" | "to">,
  grid: readonly GridSegment[],
): GridSegment[] {
  const byFeeder = new Map(grid.map((segment) => [segment.feeder, segment]));
  const way = (feeder: string | undefined) => {
    const segments: GridSegment[] = [];
    for (let at = feeder; at !== undefined; at = segments.at(-1)?.parent) {
      const segment = byFeeder.get(at);
      if (segment === undefined) break;
      segments.push(segment);
    }
    return segments;
  };
  const [out, back] = [way(from), way(to)];
  return [...out.filter((one) => !back.includes(one)), ...back.filter((one) => !out.includes(one))];
}
