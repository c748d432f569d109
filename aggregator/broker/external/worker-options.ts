import type { Logger } from "pino";
import type { Counters } from "../counters.ts";
import type { WorkerName } from "./beat.ts";
import type { Sessions } from "./both-sessions.ts";

/** How frames are taken from the broker: each device's topic by itself, or all and dropping others'. */
export type Split = "topics" | "wildcard";

export type WorkerOptions = Omit<Sessions, "instance" | "onFrame" | "onAnswer"> & {
  /** Nodes of one broker; the next one is tried when one does not answer. */
  readonly urls: readonly string[];
  readonly split: Split;
  readonly counters: Counters;
  readonly log: Logger;
  /** Told each time all subscriptions stand for another group, with who is in it. */
  readonly onReady?: (live: readonly WorkerName[]) => void;
};
