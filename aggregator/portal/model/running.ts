import type { CommittedBlock } from "../../ledger/block.ts";
import type { Reader } from "./asking.ts";
import type { Engine } from "./statements.ts";

/** What is to happen once the tables have a block. */
export type Shown = (block: CommittedBlock) => unknown;

/** A running aggregator's read model, wherever it lies. */
export interface ReadModel {
  readonly reader: Reader<Engine>;
  /** Begins to follow the ledger. Throws: `Failure` `read-model.*` where trying again is of no use. */
  start(shown: Shown): Promise<void>;
  /** The ledger has another block on disk. */
  committed(block: CommittedBlock): void;
  stop(): Promise<void>;
}
