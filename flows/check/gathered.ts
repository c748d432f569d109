import type { FlowNode } from "./flow.ts";
import type { Said } from "./said.ts";

/** What a part of a message is, as far as the nodes before it tell. */
export type Carried = Omit<Said, "unit"> & {
  /** In which unit its source says it, or a function says that it gives it. */
  readonly unit: Said["unit"] | "kW";
  /** Multiplied by this on the way; below 0 the sign was turned. */
  readonly factor: number;
  /** A duration of the environment was multiplied in. */
  readonly timed: boolean;
  /** Its sign was taken away on the way. */
  readonly sized: boolean;
  /** A node says so in words: `unit: kWh`. */
  readonly declared: boolean;
  /** A difference of two readings of one register. */
  readonly difference: boolean;
  /** Parts of one sum have one number. */
  readonly sum: number | undefined;
  /** The node that it comes from. */
  readonly from: FlowNode;
  /** The node behind which nobody can tell what it is; then `what` is "unknown". */
  readonly through: FlowNode | undefined;
};

export type Found = Carried & {
  /** It came by a context: what was, not what is. */
  readonly stored: boolean;
};

/** Puts together what is one value: the difference of two readings, the phases of one power. */
export function gathered(found: readonly Found[]): readonly Carried[] {
  const alone = found.filter(({ sum }) => sum === undefined);
  const sums = Map.groupBy(
    found.filter(({ sum }) => sum !== undefined),
    ({ sum, from, what, unit }) => [sum, from.id, what, unit].join(" "),
  );
  return [...alone, ...[...sums.values()].flatMap(together)];
}

function together(parts: readonly Found[]): readonly Found[] {
  const [first] = parts;
  if (first === undefined) return [];
  const { what, unit, factor } = first;
  if (what === "phase") {
    const phases = new Set(parts.map(({ phase }) => phase));
    const isWhole = phases.size === 3 && parts.every((one) => isNear(one.factor, factor));
    if (!isWhole) return parts;
    const { phase: _, ...one } = first;
    return [{ ...one, what: unit === "W" ? "power" : "energy" }];
  }
  const net = parts.reduce((sum, one) => sum + one.factor, 0);
  if (parts.length < 2 || !isNear(net, 0)) return parts;
  // What is, less what was.
  const now = parts.find(({ stored }) => !stored) ?? first;
  return [{ ...now, difference: true }];
}

export const isNear = (a: number, b: number): boolean =>
  Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b), 1e-6);
