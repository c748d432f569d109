import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";

/** What orders transactions into blocks and drives the application with them. */
export interface Engine {
  start(): void;
  /** Resolves when the block at work, if any, is on disk. */
  stop(): Promise<void>;
  /** Called after the block is durable, in order of height. A listener that throws stops the
   * process: what it missed it rebuilds from the store. */
  onCommit(listener: (block: CommittedBlock) => void): void;
  /** Called for each pooled frame that the rules refuse, after it left the pool for good. */
  onRefused(listener: (refused: RefusedFrame) => void): void;
}
