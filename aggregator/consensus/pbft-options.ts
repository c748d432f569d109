import type { Signer, Verify } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Application } from "../ledger/application.ts";
import type { Store } from "../ledger/store.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Links } from "./links/links.ts";
import type { Timing } from "./pbft/limits.ts";
import type { TurnTimers } from "./timers.ts";

/** What the engine of several members is made of. */
export type PbftOptions = {
  readonly application: Application;
  readonly store: Store;
  /** With the same `timers`. */
  readonly pool: DurablePool;
  /** Started and stopped by who made them: started before this, stopped after. */
  readonly links: Pick<Links, "send" | "flush" | "onMessage">;
  readonly clock: SiteClock;
  readonly verify: Verify;
  readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  /** Least wall ms between two proposals; a full block never waits. */
  readonly blockIntervalMs?: number;
  /** A snapshot is made at each multiple of this height. */
  readonly snapshotEvery?: number;
  /** Blocks behind from which on a snapshot is fetched. */
  readonly snapshotGap?: number;
  /** Bytes of a snapshot's chunk, the same on all members; tests make small ones. */
  readonly chunkBytes?: number;
  /** This member neither proposes nor votes for a block above this one, and waits for none. */
  readonly until?: number | undefined;
  readonly timing?: Timing;
  readonly timers?: TurnTimers;
};
