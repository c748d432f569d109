/** Registers that one row needs, together in one answer. */
export type Span = { readonly address: number; readonly words: number };

/** One request, and the rows that its answer holds. */
export type Block<Row extends Span> = {
  readonly address: number;
  readonly count: number;
  readonly rows: readonly Row[];
};

/** What a device allows in one request. */
export type BlockLimits = {
  readonly maxRegisters: number;
  readonly evenCount: boolean;
  readonly evenStart: boolean;
};

/** What reading costs, in units of one register's time on the line. */
export type BlockCost = { readonly requestRegisters: number };

/**
 * What one more request costs, in registers that could be read in its time: the hole between two
 * rows is worth reading through up to this size.
 *
 * Units: turnaround in ms from the end of a request to the start of its answer; `baud` undefined for
 * a network, where only the turnaround counts and a register is taken as 2 bytes at 100 kbit/s.
 * Source: Modbus over Serial Line V1.02 §2.5.1: 8 bytes of request, 5 around the answer's registers,
 * 3.5 characters of silence before each, 10 bits a character.
 */
export function requestCost(line: {
  readonly turnaroundMs: number;
  readonly baud: number | undefined;
}): BlockCost {
  const byteMs = 10_000 / (line.baud ?? 100_000);
  const requestMs = (8 + 5 + 2 * 3.5) * byteMs + line.turnaroundMs;
  return { requestRegisters: Math.floor(requestMs / (2 * byteMs)) };
}

/**
 * The block reads that fetch all rows in the least time within the limits, in order of address.
 *
 * Shape: rows may overlap; a row listed in `breaks` (by address) never shares a block with rows
 * before it: what a device once refused to read together.
 * Throws: `RangeError` when a single row does not fit the limits.
 */
export function plan<Row extends Span>(
  rows: readonly Row[],
  options: {
    readonly limits: BlockLimits;
    readonly cost: BlockCost;
    readonly breaks?: ReadonlySet<number>;
  },
): Block<Row>[] {
  const { limits, cost, breaks = new Set() } = options;
  const sorted = rows.toSorted((a, b) => a.address - b.address || a.words - b.words);
  // best[n]: the cheapest way to read the first n rows, and where its last block begins.
  const best: { cost: number; from: number }[] = [{ cost: 0, from: 0 }];
  for (let to = 1; to <= sorted.length; to += 1) {
    let choice = { cost: Number.POSITIVE_INFINITY, from: to - 1 };
    let end = 0;
    for (let from = to - 1; from >= 0; from -= 1) {
      const { address, words } = sorted[from] as Row;
      end = Math.max(end, address + words);
      const { count } = frame(address, end, limits);
      if (count > limits.maxRegisters) break;
      const total = (best[from]?.cost ?? 0) + cost.requestRegisters + count;
      if (total < choice.cost) choice = { cost: total, from };
      if (breaks.has(address)) break;
    }
    if (choice.cost === Number.POSITIVE_INFINITY) {
      const address = sorted[to - 1]?.address;
      throw new RangeError(`register ${address} does not fit ${limits.maxRegisters} registers`);
    }
    best.push(choice);
  }
  return blocksOf(sorted, best, limits);
}

function blocksOf<Row extends Span>(
  sorted: readonly Row[],
  best: readonly { readonly from: number }[],
  limits: BlockLimits,
): Block<Row>[] {
  const blocks: Block<Row>[] = [];
  let to = sorted.length;
  while (to > 0) {
    const from = best[to]?.from ?? 0;
    const rows = sorted.slice(from, to);
    const end = Math.max(...rows.map(({ address, words }) => address + words));
    blocks.unshift({ ...frame(rows[0]?.address ?? 0, end, limits), rows });
    to = from;
  }
  return blocks;
}

/** The smallest allowed request around the registers from `lowest` up to `end`, which is not in it. */
function frame(
  lowest: number,
  end: number,
  limits: BlockLimits,
): { address: number; count: number } {
  const address = limits.evenStart ? lowest - (lowest % 2) : lowest;
  const count = end - address;
  return { address, count: limits.evenCount ? count + (count % 2) : count };
}
