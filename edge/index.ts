/** What other packages may use of the edge: its drivers, its configuration, and its way to the ledger. */

export {
  type OpenGates,
  type Positions,
  parseGates,
  parsePositions,
  type SlotPrices,
} from "./agent/prices.ts";
export { meterPlaceOf, placeText, unitsOf } from "./commands/places.ts";
export { type LoadedConfig, loadConfig } from "./config/load.ts";
export { loadMembership, type MembershipFile } from "./config/membership-file.ts";
export { BusPool } from "./framing/bus-pool.ts";
export {
  type HandedReading,
  journalFolder,
  openPublisher,
  type Publisher,
  type PublisherStatus,
} from "./hand/publisher.ts";
export { parseDecimal } from "./meters/decimal.ts";
export {
  type Connection,
  type Meter,
  type MeterIdentity,
  type MeterReading,
  openMeter,
  type RegisterValue,
} from "./meters/meter.ts";
export { loadProfile, loadProfiles, type Profile, profileOf } from "./meters/profile.ts";
export { type ScanProgress, type ScanResult, scan, serialPorts } from "./meters/scan.ts";
export { builtInProfiles } from "./meters/telegram-profiles.ts";
export { type MeterPlace, openPlace } from "./schedule/source.ts";
