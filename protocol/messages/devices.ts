import { int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";

/**
 * A member, or the owner of a unit, suspends the unit or lets it go on: what a suspended unit signs
 * counts for nothing. `version` counts the changes of this unit from 1 on.
 */
export const deviceChange = record("device-change", {
  by: field(1, id),
  device: field(2, id),
  version: field(3, int(1, Number.MAX_SAFE_INTEGER)),
  change: field(4, oneOf("suspend", "resume")),
  reason: field(5, oneOf("lost", "stolen", "defective", "tampering", "maintenance", "cleared")),
  note: optional(6, text(200)),
});

export type DeviceChange = TypeOf<typeof deviceChange>;
