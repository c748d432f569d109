import type { CaseEvent } from "./events/cases.ts";
import type { DemandEvent } from "./events/demand.ts";
import type { FeederEvent } from "./events/feeders.ts";
import type { MarketEvent } from "./events/market.ts";
import type { MemberEvent } from "./events/members.ts";
import type { MeterEvent } from "./events/meters.ts";
import type { SettlementEvent } from "./events/settlement.ts";
import type { UnitEvent } from "./events/units.ts";

export type { SlotPrices } from "./events/market.ts";

/**
 * What a block brought about, in the order it happened: plain data that survives JSON. Events are
 * deterministic (their digest is under the results root) and are stored with the block; the read
 * model, the notices and what is published on MQTT are projections of them.
 *
 * Units: names end in them; `time`, `slot`, `from`, `to` are site ms; prices are 10⁻⁶ currency/kWh,
 * money 10⁻⁶ currency. Byte strings (quote ids, hashes) are hex.
 */
export type LedgerEvent =
  | MeterEvent
  | MemberEvent
  | DemandEvent
  | MarketEvent
  | SettlementEvent
  | CaseEvent
  | UnitEvent
  | FeederEvent;
