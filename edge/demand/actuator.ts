import type { Range } from "./plan.ts";

/** Something that limits what is drawn behind the owner's connection. */
export interface Actuator {
  readonly id: string;
  readonly range: Range;
  /** Holds the draw at `limitW`, which lies in the range. Throws: `Failure` where it cannot be done. */
  hold(limitW: number): Promise<void>;
  /** Back to what it is without orders. Throws: `Failure` where it cannot be done. */
  release(): Promise<void>;
  close(): Promise<void>;
}
