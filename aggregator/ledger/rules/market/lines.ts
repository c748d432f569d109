import type { GridSegment } from "@busbar/protocol";
import { type Grid, layOut } from "../../../market/clearing/grid.ts";
import { pricedGrid } from "../../../market/routing/losses.ts";
import type { Parameters } from "../../parameters.ts";
import type { StateReader } from "../../state/state.ts";
import { feederOf, feedersOf } from "./parties.ts";
import { contracts, slotKey } from "./tables.ts";

/**
 * A grid as it is left for a slot's next gate: each line with what the slot's contracts send over it.
 * One that is void sends nothing, one that is held does until it is decided. What the bureau takes and
 * gives is not among them: it is the rest, which flows whether it is contracted or not.
 */
export function linesOf(state: StateReader, slot: number, grid: readonly GridSegment[]): Grid {
  const parents = new Map(grid.map(({ feeder, parent }) => [feeder, parent]));
  const sent = new Map<string, number>();
  const add = (from: string | undefined, energy: number) => {
    for (let at = from; at !== undefined; at = parents.get(at)) {
      sent.set(at, (sent.get(at) ?? 0) + energy);
    }
  };
  for (const [, { from, to, energy, isVoid }] of contracts.scan(state, `${slotKey(slot)}-`)) {
    if (isVoid === 1) continue;
    add(from, energy);
    add(to, -energy);
  }
  return grid.map((segment) => ({ ...segment, sentWh: sent.get(segment.feeder) ?? 0 }));
}

/**
 * Where a party's quotes stand. Over a grid, of the feeders of its connection meters it is the one from
 * which the way to the busbar costs most (of equals that with the smallest id): a second meter makes
 * no way cheaper. The bureau is at the busbar.
 */
export function placeOf(
  state: StateReader,
  owner: string,
  parameters: Pick<Parameters, "grid" | "retail">,
): string | undefined {
  const grid = pricedGrid(parameters);
  return grid === undefined ? feederOf(state, owner) : farthest(state, owner, grid)?.feeder;
}

/** What the way from there to the busbar costs, 10⁻⁶ currency/kWh: what a buyer pays on top at least. */
export function wayFeeOf(
  state: StateReader,
  owner: string,
  parameters: Pick<Parameters, "grid" | "retail">,
): number {
  const grid = pricedGrid(parameters);
  return grid === undefined ? 0 : (farthest(state, owner, grid)?.cost ?? 0);
}

function farthest(state: StateReader, owner: string, grid: readonly GridSegment[]) {
  const { places, placeOf: numberOf } = layOut(grid);
  const costs: number[] = [];
  for (const { parent, fee } of places) costs.push((costs[parent] ?? 0) + fee);
  let best: { readonly feeder: string; readonly cost: number } | undefined;
  for (const feeder of feedersOf(state, owner)) {
    const cost = costs[numberOf(feeder)] ?? 0;
    const nearer = best === undefined || cost > best.cost;
    if (nearer || (cost === best?.cost && feeder < best.feeder)) best = { feeder, cost };
  }
  return best;
}

/**
 * A feeder of a party's connection meters that no line of the grid names, so that nobody knows what its
 * ways cost; undefined where there is none.
 */
export function strayFeeder(
  state: StateReader,
  owner: string,
  { grid }: Pick<Parameters, "grid">,
): string | undefined {
  if (grid === undefined) return undefined;
  return feedersOf(state, owner).find((at) => grid.every(({ feeder }) => feeder !== at));
}
