import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import { instant } from "../messages/readings.ts";
import { publicKey } from "../messages/registry.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, int, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { StateProof } from "./state-proof.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A unit's commissioning sheet as the ledger holds it. */
export const sheetState = record("sheet-state", {
  number: field(1, int(1, most)),
  /** SHA-256 over the sheet's bytes. */
  sheet: field(2, bytes(32)),
  at: field(3, instant),
  open: field(4, int(0, 1000)),
  /** The key of the installer who countersigned it. */
  installer: optional(5, publicKey),
  height: field(6, int(1, most)),
  /** The sheet before it. */
  before: optional(7, bytes(32)),
});

export type SheetState = TypeOf<typeof sheetState>;

/** Name of the state's table of sheets; that of a unit is `commissioning/<device>`. */
export const sheetTable = "commissioning";

/**
 * The sheet of a unit in an entry of the state, once that was proven. Codes, in order: `proof.key` (not that
 * of this unit's sheet, or there is none), `cbor.*`, `message.shape`.
 */
export function sheetIn(
  { key, value }: Pick<StateProof, "key" | "value">,
  device: string,
): { readonly ok: true; readonly state: SheetState } | Refusal {
  if (key !== `${sheetTable}/${device}` || value === undefined) {
    const message = `expected the sheet of ${device}, got ${value === undefined ? "none at" : "the entry"} ${key}`;
    return { ok: false, code: "proof.key", message };
  }
  try {
    return { ok: true, state: sheetState.decode(decodeCbor(value), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `sheet: ${error.message}` };
    }
    throw error;
  }
}
