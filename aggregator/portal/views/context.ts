import type { Session } from "../../broker/sessions.ts";
import type { Takeover } from "../../broker/takeovers.ts";
import type { ConsensusStatus } from "../../consensus/status.ts";
import type { OtherFeeders } from "../../feeders/others.ts";
import type { Application } from "../../ledger/application.ts";
import type { Store } from "../../ledger/store.ts";
import type { CarbonFactors } from "../../settlement/carbon.ts";
import type { NoticeCounts } from "../api.ts";

/** Who is connected to this member's broker, and who fights over a client id. */
export type Connections = {
  clients(): readonly Pick<
    Session,
    "client" | "address" | "since" | "identity" | "looksOnly" | "certificateEnds"
  >[];
  takeovers(): readonly Takeover[];
};

/** What the views look at. All of it is the ledger, what is projected from it, or what runs here. */
export type ViewContext = {
  readonly store: Store;
  readonly application: Application;
  readonly member: string;
  readonly clock: { now(): number; readonly speed: number };
  readonly connections: Connections;
  readonly consensus: () => ConsensusStatus;
  readonly notices: () => NoticeCounts;
  /** Over all accounts; 0 on every sound ledger. */
  readonly sums: () => { readonly money: number; readonly energyWh: number };
  /** When the certificate of this member's broker ends, wall ms; undefined without one. */
  readonly certificateEnds?: () => number | undefined;
  /** Factors of the carbon figure, where the member states some. */
  readonly carbon?: CarbonFactors | undefined;
  /** What is known of the other feeders besides the ledger; nothing where it is left out. */
  readonly others?: OtherFeeders;
  /** Wall ms. */
  readonly now: () => number;
};
