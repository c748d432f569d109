import type { Verify } from "@busbar/protocol";
import type { AedesOptions } from "aedes";
import type { Ingest } from "../ingest/ingest.ts";
import type { Registry } from "../ledger/registry.ts";
import type { BoundedLog } from "./bounded-log.ts";
import type { Counters } from "./counters.ts";
import type { Deliveries } from "./deliveries.ts";
import type { BrokerLimits } from "./limits.ts";
import type { Sessions } from "./sessions.ts";
import type { Takeovers } from "./takeovers.ts";
import type { Viewer } from "./viewer.ts";

/** What the hooks work with. `id` is the member that runs the broker; `now` is wall-clock ms. */
export type HookContext = {
  readonly id: string;
  readonly chain: string;
  readonly site: string;
  readonly registry: Registry;
  readonly viewers: readonly Viewer[];
  readonly verify: Verify;
  readonly ingest: Ingest;
  readonly sessions: Sessions;
  readonly deliveries: Deliveries;
  readonly takeovers: Takeovers;
  readonly counters: Counters;
  readonly limits: BrokerLimits;
  readonly log: BoundedLog;
  now(): number;
};

/** What aedes asks before it lets a client in, a packet through, a message out. */
export type Hooks = Required<
  Pick<
    AedesOptions,
    "preConnect" | "authenticate" | "authorizePublish" | "authorizeSubscribe" | "authorizeForward"
  >
>;
