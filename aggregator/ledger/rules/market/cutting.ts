/**
 * What becomes of a slot's lines when a contract over them falls away. One that sent energy the other way may
 * have stood only in the room that it made: then the contracts over that line are cut to what it carries.
 */
import { allocate, type UtcMs, wh } from "@busbar/protocol";
import { layOut } from "../../../market/clearing/grid.ts";
import { lostOnWay } from "../../../market/routing/losses.ts";
import { exposeContract } from "../../exposure.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import { noteVoid } from "../../voids.ts";
import { linesOf } from "./lines.ts";
import { addToPositions, isTrading } from "./positions.ts";
import { type Contract, contracts, slotKey } from "./tables.ts";

/** Rounds in which parts are cut. A cut may take room from another line; after so many, wholes are. */
const roundsMax = 32;

/**
 * Cuts the contracts of a slot that has not begun until no line carries more than it can: of those over a full
 * line, in the direction that is too much, each in proportion to its energy. What is cut can be traded at the
 * gates that are left, and is imbalance else. In a slot that has begun all stands: there it flows.
 */
export function cutToLines(context: BlockContext, slot: UtcMs): void {
  const { state, time } = context;
  const { grid } = parametersOf(state, slot);
  if (grid === undefined || time >= slot) return;
  /** Lines that what can still be cut does not relieve. */
  const given = new Set<string>();
  for (let round = 0; ; round += 1) {
    const lines = linesOf(state, slot, grid);
    const full = lines.find(
      ({ feeder, capacity = Number.POSITIVE_INFINITY, sentWh = 0 }) =>
        Math.abs(sentWh) > capacity && !given.has(feeder),
    );
    if (full === undefined) return;
    const { feeder, capacity = wh(0), sentWh = 0 } = full;
    const over = overLine(context, { slot, feeder, up: sentWh > 0, grid });
    const excess = Math.abs(sentWh) - capacity;
    const weights = over.map(([id, { energy }]) => ({ id, weight: energy }));
    const there = over.reduce((sum, [, { energy }]) => sum + energy, 0);
    if (there <= excess) given.add(feeder);
    const whole = round >= roundsMax || there <= excess;
    const parts = whole ? over.map(([, { energy }]) => energy) : allocate(excess, weights);
    over.forEach(([id, terms], i) => {
      cut(context, { id, terms, byWh: parts[i] ?? 0, feeder, grid });
    });
  }
}

type OverLine = {
  readonly slot: UtcMs;
  readonly feeder: string;
  readonly up: boolean;
  readonly grid: NonNullable<ReturnType<typeof parametersOf>["grid"]>;
};

/** The contracts that send over a line, to its parent or from it. */
function overLine({ state }: BlockContext, { slot, feeder, up, grid }: OverLine) {
  const { places, placeOf } = layOut(grid);
  const line = placeOf(feeder);
  const isBelow = (at: string | undefined) => {
    let place = placeOf(at);
    while (place > 0 && place !== line) place = places[place]?.parent ?? 0;
    return place === line;
  };
  return [...contracts.scan(state, `${slotKey(slot)}-`)].filter(([, terms]) => {
    const { from, to, isVoid } = terms;
    if (isVoid === 1) return false;
    const [starts, ends] = [isBelow(from), isBelow(to)];
    return starts !== ends && starts === up;
  });
}

function cut(
  { state, emit }: BlockContext,
  {
    id,
    terms,
    byWh,
    feeder,
    grid,
  }: {
    readonly id: string;
    readonly terms: Contract;
    readonly byWh: number;
    readonly feeder: string;
    readonly grid: OverLine["grid"];
  },
): void {
  if (byWh === 0) return;
  const { slot, seller, buyer, energy } = terms;
  const left = wh(energy - byWh);
  const { lossWh: _, ...kept } = terms;
  const lossWh = lostOnWay(grid, { ...terms, energy: left });
  const lost = lossWh === 0 ? {} : { lossWh };
  exposeContract(state, terms, "free");
  exposeContract(state, { ...terms, energy: left }, "bind");
  // Nothing left is nothing to pay: void, and nobody's fault.
  const gone = left === 0 ? ({ isVoid: 1 } as const) : {};
  contracts.set(state, id, { ...kept, ...lost, energy: left, ...gone });
  if (left === 0) noteVoid(state, { contract: id, slot, parties: [seller, buyer] });
  if (isTrading(state, slot)) addToPositions(state, slot, { seller, buyer, energy: -byWh });
  emit({ type: "contract-cut", contract: id, slot, seller, buyer, byWh, quantityWh: left, feeder });
}
