import type { UtcMs } from "@busbar/protocol";
import type { Pass } from "./timetable.ts";

/** A slot at one of its gates. */
export type SlotPass = {
  readonly slot: UtcMs;
  /** Which of its gates, from 0. */
  readonly number: number;
  readonly pass: Pass;
  /** After it the bureau takes and gives what is left, and the slot is settled. */
  readonly isLast: boolean;
};
