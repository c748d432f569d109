import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { instant } from "../messages/readings.ts";
import type { Refusal } from "../refusal.ts";
import { bytes, int, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { BlockHeader } from "./block.ts";
import type { Membership } from "./membership.ts";
import { type StateProof, verifyStateProof } from "./state-proof.ts";

const most = Number.MAX_SAFE_INTEGER;
const amount = int(0, most);

/** Where a meter's chain of readings stands on the ledger. */
export const meterState = record("meter-state", {
  /** The sequence number that the ledger expects next. */
  next: field(1, int(1, most)),
  /** The chain's head before it. */
  head: field(2, bytes(32)),
  /** Time of the last entry. */
  time: field(3, instant),
  /** Time of the last entry that showed every energy register of the meter. */
  energyTime: optional(4, instant),
  /** What the registers showed then, in Wh. */
  importRegister: optional(5, amount),
  exportRegister: optional(6, amount),
  /** Cumulative energy: equals the register until that begins anew, and goes on from there. */
  importWh: field(7, amount),
  exportWh: field(8, amount),
  /** How often the registers began anew with energy unknown in between. */
  restarts: field(9, amount),
  /** No boundary before this one is kept. */
  oldestBoundary: optional(10, instant),
  /** Accepted batches. */
  batches: field(11, amount),
  /** 1 where the unit estimated or substituted what the registers showed. */
  substituted: optional(12, int<1>(1, 1)),
});

export type MeterState = TypeOf<typeof meterState>;

/** Name of the state's table of meter states; a meter's key is `reading/<meter>`. */
export const meterStateTable = "reading";

/** A meter's state that a certified block proves. */
export type MeterTip = {
  readonly meter: string;
  readonly state: MeterState;
  readonly header: BlockHeader;
};

/**
 * The meter state that a proof proves; undefined for a meter without readings. Codes, in order:
 * `proof.key` (no meter's), `proof.chain`, `proof.path`, `certificate.*`, `cbor.*`, `message.shape`.
 */
export function verifyMeterTip(
  proof: StateProof,
  membership: Membership,
  verify: Verify,
): { readonly ok: true; readonly tip: MeterTip | undefined } | Refusal {
  const { key, value, header } = proof;
  const prefix = `${meterStateTable}/`;
  if (!key.startsWith(prefix)) {
    const message = `expected the state of a meter, got that of ${key}`;
    return { ok: false, code: "proof.key", message };
  }
  const checked = verifyStateProof(proof, membership, verify);
  if (!checked.ok) return checked;
  if (value === undefined) return { ok: true, tip: undefined };
  try {
    const state = meterState.decode(decodeCbor(value), "");
    return { ok: true, tip: { meter: key.slice(prefix.length), state, header } };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `meter state: ${error.message}` };
    }
    throw error;
  }
}
