import { bytes, correction, field, int, oneOf, record, type TypeOf } from "@busbar/protocol/schema";
import { slotKey } from "./settlements.ts";
import { table } from "./state/table.ts";

const { version, importWh, exportWh } = correction.fields;

/** `correction/<slot>/<meter>`: the newest correction that was laid before the members. */
export const corrections = table(
  "correction",
  record("correction-entry", {
    version: field(1, version.type),
    motion: field(2, bytes(32)),
  }),
);

const corrected = record("corrected", {
  version: field(1, version.type),
  importWh: field(2, importWh.type),
  exportWh: field(3, exportWh.type),
  /** Whether it stands instead of what the registers say, or of nothing: then they win once they do. */
  over: field(4, oneOf("registers", "nothing")),
  height: field(5, int(1, Number.MAX_SAFE_INTEGER)),
});

/** `corrected/<slot>/<meter>`: what a meter's slot held by the members' decision. */
export const correctedSlots = table("corrected", corrected);
export type CorrectedSlot = TypeOf<typeof corrected>;

/** Key of a meter's slot in both tables. */
export function meterSlotId(slot: number, meter: string): string {
  return `${slotKey(slot)}/${meter}`;
}
