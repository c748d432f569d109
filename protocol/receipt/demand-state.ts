import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import { demandOrder, orderSlotsMax } from "../messages/demand.ts";
import { id } from "../messages/id.ts";
import { price } from "../messages/market.ts";
import { instant } from "../messages/readings.ts";
import type { Refusal } from "../refusal.ts";
import { array, bytes, int, oneOf, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import type { Micro, Wh } from "../units/brands.ts";
import type { Membership } from "./membership.ts";
import { type StateProof, verifyStateProof } from "./state-proof.ts";

const most = Number.MAX_SAFE_INTEGER;
const { slot, slots, energy, action, answerBy, limitW, toSlot } = demandOrder.fields;
const energies = array(int(-most, most), 1, orderSlotsMax);

/** An order of demand response as the ledger holds it. */
export const demandState = record("demand-state", {
  by: field(1, id),
  device: field(2, id),
  owner: field(3, id),
  action: field(4, action.type),
  slot: field(5, slot.type),
  slots: field(6, slots.type),
  energy: field(7, energy.type),
  price: field(8, price),
  answerBy: field(9, answerBy.type),
  limitW: optional(10, limitW.type),
  toSlot: optional(11, toSlot.type),
  /**
   * `offered`: waits for the owner. `contracted`: taken by it, or within its mandate. `acknowledged`: the
   * unit says that it will act. The others are ends.
   */
  status: field(12, oneOf("offered", "contracted", "acknowledged", "refused", "lapsed", "settled")),
  /** What the owner draws usually (import − export) in each of the slots, and of those from `toSlot`, Wh. */
  usual: field(13, energies),
  usualLater: optional(14, energies),
  /** What the orderer is bound to until it is settled. */
  bound: field(15, int<Micro>(0, most)),
  /** SHA-256 of the order's payload. */
  hash: field(16, bytes(32)),
  height: field(17, int(1, most)),
  /** When it is looked at next. */
  dueAt: field(18, instant),
  /** Once settled: proven by the meters, and paid. */
  deliveredWh: optional(19, int<Wh>(0, most)),
  money: optional(20, int<Micro>(0, most)),
  /** `unproven`: its meters do not say it, so nobody is blamed. */
  word: optional(21, oneOf("kept", "unkept", "unproven")),
});

export type DemandState = TypeOf<typeof demandState>;

/** Name of the state's table of orders; an order's key is `demand/<id, hex>`. */
export const demandTable = "demand";

/** An order that a certified block proves: its id in hex, and how it stands. */
export type ProvenDemand = { readonly order: string; readonly demand: DemandState };

/**
 * The order that a proof proves. Codes, in order: `proof.key` (no order's, or of none), `proof.chain`,
 * `proof.path`, `certificate.*`, `cbor.*`, `message.shape`.
 */
export function verifyDemandProof(
  proof: StateProof,
  membership: Membership,
  verify: Verify,
): ({ readonly ok: true } & ProvenDemand) | Refusal {
  const { key, value } = proof;
  const prefix = `${demandTable}/`;
  if (!key.startsWith(prefix) || value === undefined) {
    const message = `expected an order, got ${value === undefined ? "none at" : "the entry"} ${key}`;
    return { ok: false, code: "proof.key", message };
  }
  const checked = verifyStateProof(proof, membership, verify);
  if (!checked.ok) return checked;
  try {
    const demand = demandState.decode(decodeCbor(value), "");
    return { ok: true, order: key.slice(prefix.length), demand };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `order: ${error.message}` };
    }
    throw error;
  }
}
