import type { Report } from "../../hardware/virtual-site/supervisor/report.ts";
import type { Kind } from "./plan.ts";
import type { Sample } from "./sample.ts";

/** One fault that befell the site: when it began and ended, s, and how long all took to be as before, ms. */
export type Mark = {
  readonly kind: Kind;
  readonly text: string;
  readonly second: number;
  readonly untilSecond: number;
  /** From the end of the round's last fault. */
  readonly recoveredMs: number | undefined;
};

/** What a run came to. */
export type SoakResult = {
  readonly hours: number;
  readonly seed: number;
  readonly speed: number;
  /** Kinds of faults that the seed chose from; another choice gives other rounds. */
  readonly among: readonly Kind[];
  /** The bound of recovery, s. */
  readonly withinS: number;
  readonly cores: number;
  /** How long it really went on. */
  readonly seconds: number;
  readonly samples: readonly Sample[];
  readonly marks: readonly Mark[];
  readonly blocks: number;
  readonly readings: number;
  /** The ledgers after the end, each replayed; undefined where it did not come to that. */
  readonly end: Report | undefined;
  /** Faults that this machine lacks a program for. */
  readonly leftOut: readonly string[];
  /** What must not be; nothing where all went well. */
  readonly problems: readonly string[];
};
