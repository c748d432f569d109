import { type Block, type BlockCost, type BlockLimits, plan, type Span } from "../planner/plan.ts";

/** One request, and the addresses where it may be parted: between rows, never inside one. */
export type PlannedBlock<Row extends Span> = Block<Row> & { readonly cuts: readonly number[] };

/** What a plan depends on besides its rows. */
export type PlanBasis = {
  readonly limits: BlockLimits;
  readonly cost: BlockCost;
  readonly breaks: ReadonlySet<number>;
};

/** A turnaround wanders between a few values. */
const plansMax = 16;

/** The plan of `plan`, with where its requests may be parted. */
export function planWithCuts<Row extends Span>(
  rows: readonly Row[],
  basis: PlanBasis,
): readonly PlannedBlock<Row>[] {
  return plan(rows, basis).map((block) => ({ ...block, cuts: cutsOf(block.rows) }));
}

/**
 * The plans for the rows that were asked for last. A meter is asked for the same ones with each reading,
 * and to plan them takes as long as to decode what it answers.
 */
export class BlockPlans<Row extends Span> {
  readonly #known = new Map<string, readonly PlannedBlock<Row>[]>();
  #rows: readonly Row[] = [];

  /** As `planWithCuts`. Shape: a row that is given again is as it was. */
  of(rows: readonly Row[], basis: PlanBasis): readonly PlannedBlock<Row>[] {
    const same = rows.length === this.#rows.length && rows.every((row, i) => row === this.#rows[i]);
    if (!same || this.#known.size >= plansMax) this.#known.clear();
    this.#rows = rows;
    const key = keyOf(basis);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const planned = planWithCuts(rows, basis);
    this.#known.set(key, planned);
    return planned;
  }
}

function keyOf({ limits, cost, breaks }: PlanBasis): string {
  const { maxRegisters, evenCount, evenStart } = limits;
  return [cost.requestRegisters, maxRegisters, evenCount, evenStart, ...breaks].join();
}

/** Shape: rows in order of address. */
function cutsOf(rows: readonly Span[]): number[] {
  const cuts: number[] = [];
  let end = 0;
  for (let i = 0; i < rows.length; ) {
    const { address } = rows[i] as Span;
    if (end <= address) cuts.push(address);
    for (; rows[i]?.address === address; i += 1) {
      end = Math.max(end, address + (rows[i]?.words ?? 0));
    }
  }
  return cuts;
}
