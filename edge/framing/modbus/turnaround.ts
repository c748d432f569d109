type Learned = { meanMs: number; lateMs: number };

/** Assumed of a unit that has not answered yet. */
const initialMs = 20;
/** A unit is given at least this long to finish what it may still be sending. */
const quarantineMsMin = 50;
/** One unit's slowness must not hold up the bus for longer. */
const quarantineMsMax = 2000;

/** How long each unit takes from the end of a request to the start of its answer. Units: ms. */
export class Turnarounds {
  readonly #units = new Map<number, Learned>();

  /** Takes what was learned in an earlier run, until the unit answers. */
  expect(unit: number, meanMs: number): void {
    if (!this.#units.has(unit)) this.#units.set(unit, { meanMs, lateMs: 0 });
  }

  /** Learns from an answer in time. */
  answered(unit: number, turnaroundMs: number): void {
    const known = this.#units.get(unit);
    const value = Math.max(0, turnaroundMs);
    const meanMs = known === undefined ? value : known.meanMs + (value - known.meanMs) / 8;
    this.#units.set(unit, { meanMs, lateMs: known?.lateMs ?? 0 });
  }

  /** Learns from an answer that came after its timeout, `sinceAskedMs` after the request. */
  late(unit: number, sinceAskedMs: number): void {
    const { meanMs = initialMs, lateMs = 0 } = this.#units.get(unit) ?? {};
    this.#units.set(unit, { meanMs, lateMs: Math.max(lateMs, sinceAskedMs) });
  }

  meanMs(unit: number): number {
    return this.#units.get(unit)?.meanMs ?? initialMs;
  }

  /** How long to stay silent after a request to this unit timed out `sinceAskedMs` after it. */
  quarantineMs(unit: number, sinceAskedMs: number): number {
    const { meanMs = initialMs, lateMs = 0 } = this.#units.get(unit) ?? {};
    const wait = Math.max(2 * meanMs, lateMs - sinceAskedMs, quarantineMsMin);
    return Math.min(wait, quarantineMsMax);
  }
}
