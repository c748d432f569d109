import { bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";
import { publicKey } from "./registry.ts";
import { programVersion } from "./releases.ts";

const most = Number.MAX_SAFE_INTEGER;

/** An installer's word on a sheet: its key, and its signature over the sheet's hash (`sheetDomain`). */
export const countersign = record("countersign", {
  key: field(1, publicKey),
  signature: field(2, bytes(64)),
});

/**
 * A unit says which sheet was made when it was put into service: SHA-256 over the sheet's bytes, as unit
 * and installer signed them. `number` counts the sheets of this unit from 1 on; `open`: points that
 * were not done, or did not pass.
 */
export const commissioning = record("commissioning", {
  device: field(1, id),
  number: field(2, int(1, most)),
  sheet: field(3, bytes(32)),
  at: field(4, instant),
  open: field(5, int(0, 1000)),
  installer: optional(6, countersign),
});

/** What became of a release at a unit: kept after its trial, undone, or not taken in at all. */
export const releaseResult = oneOf("kept", "rolled-back", "refused");

/** A unit says which program runs it now, and what became of the last release it was offered. */
export const deviceReport = record("device-report", {
  device: field(1, id),
  at: field(2, instant),
  program: field(3, programVersion),
  /** Of the release, where there was one; with its result. */
  release: optional(4, int(1, most)),
  result: optional(5, releaseResult),
  reason: optional(6, text(200)),
});

/** What an installer signs: the hash of a sheet, for this chain, and nothing else. */
export const sheetDomain = (chain: string) => ({ chain, kind: "commissioning-hash" });

export type Commissioning = TypeOf<typeof commissioning>;
export type DeviceReport = TypeOf<typeof deviceReport>;
export type ReleaseResult = TypeOf<typeof releaseResult>;
