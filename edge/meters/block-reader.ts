import { Failure, type UtcMs } from "@busbar/protocol";
import type { ReadReply } from "../framing/modbus/requests.ts";
import { type BlockLimits, requestCost, type Span } from "../planner/plan.ts";
import { BlockPlans, type PlanBasis, type PlannedBlock, planWithCuts } from "./block-plans.ts";
import type { RegisterPort } from "./reply-memory.ts";

/** What came back for one row. */
export type RowWords = { readonly words: readonly number[]; readonly time: UtcMs };

/** What a unit was found to allow. Addresses as on the wire. */
export type Learned = {
  /** Most registers in one request, where it takes fewer than its type. */
  readonly registersMax?: number;
  /** Rows that cannot be read together with those before them. */
  readonly breaks: readonly number[];
  /** Rows that it does not have. */
  readonly missing: readonly number[];
};

/** Modbus exceptions, by what they mean here. Source: Modbus Application Protocol V1.1b3 §7. */
const illegalValue = 3;
const permanent = new Set([1, 2, illegalValue]);
const busy = new Set([5, 6]);
const gatewayUnanswered = new Set([10, 11]);

/**
 * Reads rows of registers from one unit in as few requests as it allows, and learns what it does not
 * allow: where blocks must be parted, and which rows do not exist. What fails alone, fails alone.
 */
export class BlockReader<Row extends Span> {
  readonly #port: RegisterPort;
  readonly #unit: number;
  readonly #function: 3 | 4;
  readonly #limits: BlockLimits;
  readonly #clock: () => UtcMs;
  readonly #urgent: (row: Row) => boolean;
  readonly #plans = new BlockPlans<Row>();
  readonly #breaks = new Set<number>();
  /** Addresses of rows that the unit does not have. */
  readonly #missing = new Set<number>();
  /** Urgent rows that the unit has shown: one that it refuses now it is asked for again each time. */
  readonly #shown = new Set<number>();
  /** The most registers that came in one answer, and whether more were once too many. */
  #largest = 1;
  #limited = false;

  constructor(options: {
    readonly port: RegisterPort;
    readonly unit: number;
    readonly function: 3 | 4;
    readonly limits: BlockLimits;
    readonly clock: () => UtcMs;
    /** Rows whose blocks are read first. */
    readonly urgent?: (row: Row) => boolean;
  }) {
    this.#port = options.port;
    this.#unit = options.unit;
    this.#function = options.function;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#urgent = options.urgent ?? (() => false);
  }

  /** What this unit allows, as far as it was found out. */
  get learned(): Learned {
    const ascending = (all: Iterable<number>) => [...all].toSorted((a, b) => a - b);
    return {
      ...(this.#limited ? { registersMax: this.#maxRegisters() } : {}),
      breaks: ascending(this.#breaks),
      missing: ascending(this.#missing),
    };
  }

  /** Takes over what was found out of the same unit earlier, in place of what is known now. */
  restore({ registersMax, breaks, missing }: Learned): void {
    this.#forget();
    for (const at of breaks) this.#breaks.add(at);
    for (const at of missing) this.#missing.add(at);
    if (registersMax === undefined) return;
    this.#limited = true;
    this.#largest = registersMax;
  }

  /**
   * The rows that could be read. Rows that are not in the result do not exist or failed this time.
   * Throws: `Failure` when the first request is not answered, when no row could be read, or when
   * the port fails.
   */
  async read(rows: readonly Row[]): Promise<ReadonlyMap<Row, RowWords>> {
    const found = new Map<Row, RowWords>();
    const there = rows.filter(({ address }) => !this.#missing.has(address));
    const planned = this.#plans.of(there, this.#basis(there));
    const urgent = planned.filter((block) => block.rows.some(this.#urgent));
    const blocks = [...urgent, ...planned.filter((block) => !urgent.includes(block))];
    const afterRow = (row: number) =>
      Math.min(...rows.map(({ address }) => address).filter((at) => at > row));
    let heard = false;
    let last: Failure | undefined;
    for (const block of blocks) {
      try {
        await this.#readBlock(block, found, (failure) => {
          last = failure;
        });
        heard = true;
      } catch (error) {
        const timeout = error instanceof Failure && error.code === "meter.timeout";
        if (!timeout || !heard) throw error;
        last = error;
      }
    }
    // What cannot be read alone cannot be read through either.
    for (const row of this.#missing) {
      const next = afterRow(row);
      if (Number.isFinite(next)) this.#breaks.add(next);
    }
    if (found.size > 0 || rows.length === 0) return found;
    // A meter that has nothing of all this may be starting, or be exchanged: it is asked again.
    this.#forget();
    throw last ?? this.#nothing();
  }

  #forget(): void {
    this.#shown.clear();
    this.#missing.clear();
    this.#breaks.clear();
    this.#limited = false;
    this.#largest = 1;
  }

  /** Reads one row on its own; undefined when the unit refuses it. */
  async one(row: Row): Promise<RowWords | undefined> {
    const found = new Map<Row, RowWords>();
    for (const block of this.#plan([row])) await this.#readBlock(block, found, () => {});
    return found.get(row);
  }

  #plan(rows: readonly Row[]): readonly PlannedBlock<Row>[] {
    return planWithCuts(rows, this.#basis(rows));
  }

  #basis(rows: readonly Row[]): PlanBasis {
    const { baud } = this.#port;
    const cost = requestCost({ turnaroundMs: this.#port.turnaroundMs(this.#unit), baud });
    const widest = Math.max(0, ...rows.map(({ words }) => words + 2));
    const maxRegisters = Math.max(
      this.#maxRegisters(),
      Math.min(widest, this.#limits.maxRegisters),
    );
    return { limits: { ...this.#limits, maxRegisters }, cost, breaks: this.#breaks };
  }

  #maxRegisters(): number {
    return this.#limited
      ? Math.min(this.#largest, this.#limits.maxRegisters)
      : this.#limits.maxRegisters;
  }

  /** True when every row of the block was read. */
  async #readBlock(
    block: PlannedBlock<Row>,
    found: Map<Row, RowWords>,
    failed: (failure: Failure) => void,
  ): Promise<boolean> {
    const reply = await this.#ask(block);
    if (reply.ok) {
      const time = this.#clock();
      this.#largest = Math.max(this.#largest, block.count);
      for (const row of block.rows) {
        const from = row.address - block.address;
        if (this.#urgent(row)) this.#shown.add(row.address);
        found.set(row, { words: reply.registers.slice(from, from + row.words), time });
      }
      return true;
    }
    const { exception, suspect, message } = reply;
    failed(new Failure("meter.exception", message, { retry: "later" }));
    if (suspect || busy.has(exception)) return false;
    const [left, right] = halves(block.rows);
    if (right === undefined) {
      // Asked once more: an exception carries no address, this one may be the repetition of another.
      if (permanent.has(exception) && (await this.#refuses(block, exception))) {
        for (const { address } of block.rows) {
          if (!this.#shown.has(address)) this.#missing.add(address);
        }
      }
      return false;
    }
    let whole = true;
    for (const part of [left, right]) {
      for (const smaller of this.#plan(part)) {
        if (!(await this.#readBlock(smaller, found, failed))) whole = false;
      }
    }
    // Both halves can be read, only not together: too long, or a hole that cannot be read through.
    if (whole && exception === illegalValue) this.#limited = true;
    else if (whole) this.#breaks.add(right[0]?.address ?? 0);
    return whole;
  }

  async #refuses(block: PlannedBlock<Row>, exception: number): Promise<boolean> {
    const reply = await this.#request(block);
    return !reply.ok && !reply.suspect && reply.exception === exception;
  }

  /** One request; a second one when the first is lost or the unit is busy. */
  async #ask(block: PlannedBlock<Row>): Promise<ReadReply> {
    const silent = this.#port.isSilent(this.#unit);
    try {
      const reply = await this.#request(block);
      const again = !reply.ok && busy.has(reply.exception);
      return again ? await this.#request(block) : reply;
    } catch (error) {
      if (!(error instanceof Failure) || error.retry !== "now" || silent) throw error;
      return await this.#request(block);
    }
  }

  async #request({ address, count, cuts }: PlannedBlock<Row>): Promise<ReadReply> {
    const maxRegisters = Math.max(count, this.#maxRegisters());
    const { evenCount } = this.#limits;
    const reply = await this.#port.read({
      unit: this.#unit,
      function: this.#function,
      address,
      count,
      maxRegisters,
      evenCount,
      cuts,
    });
    if (!reply.ok && gatewayUnanswered.has(reply.exception)) {
      throw new Failure("meter.timeout", `${reply.message}: the gateway got no answer`, {
        retry: "now",
      });
    }
    return reply;
  }

  #nothing(): Failure {
    const message = `unit ${this.#unit} at ${this.#port.name} has none of the registers; is it another kind of meter?`;
    return new Failure("meter.exception", message, { retry: "never" });
  }
}

function halves<Row>(rows: readonly Row[]): [readonly Row[], (readonly Row[])?] {
  if (rows.length < 2) return [rows];
  const middle = Math.ceil(rows.length / 2);
  return [rows.slice(0, middle), rows.slice(middle)];
}
