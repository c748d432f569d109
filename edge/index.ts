/** What other packages may use of the edge: its meter drivers. */
export { BusPool } from "./framing/bus-pool.ts";
export {
  type Connection,
  type Meter,
  type MeterIdentity,
  type MeterReading,
  openMeter,
  type RegisterValue,
} from "./meters/meter.ts";
export { loadProfile, loadProfiles, type Profile } from "./meters/profile.ts";
export { type ScanProgress, type ScanResult, scan, serialPorts } from "./meters/scan.ts";
