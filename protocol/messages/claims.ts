import { keyId } from "../envelope/key-id.ts";
import { array, int, oneOf, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";
import { device, owner, party, publicKey } from "./registry.ts";

/**
 * A label: who has its code makes `device` known as `owner`'s unit, once, before `until`. `key` is the public
 * key that follows from the code; `version` counts what members say about this label, from 1 on. An `open`
 * one that was used may be used once more, for the unit that takes the dead one's place.
 */
export const label = record("label", {
  key: field(1, publicKey),
  version: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  state: field(3, oneOf("open", "revoked")),
  device: field(4, id),
  owner: field(5, id),
  party: field(6, party),
  until: field(7, instant),
});

/** So many labels stand in one message: it fits into a frame, and one sheet has fewer. */
export const labelsMax = 32;

/** A member authorises units before anybody switches them on, or takes that back. */
export const labels = record("labels", {
  member: field(1, id),
  labels: field(2, array(label, 1, labelsMax)),
});

/**
 * What a unit asks with its label's key: to be taken in with its own. `version` is the label's, so that a
 * claim of before counts for nothing once the label was given again. `owner` is taken where the ledger does
 * not know the owner yet; one that it knows stays as it is.
 */
export const claim = record("claim", {
  version: field(1, int(1, Number.MAX_SAFE_INTEGER)),
  device: field(2, device),
  owner: optional(3, owner),
});

/** The id of a label, in the name space of members, owners and devices: it signs in under it. */
export function labelIdOf(key: Uint8Array): string {
  const hex = Array.from(keyId(key).subarray(0, 10), (byte) => byte.toString(16).padStart(2, "0"));
  return `label-${hex.join("")}`;
}

export type Label = TypeOf<typeof label>;
export type Labels = TypeOf<typeof labels>;
export type Claim = TypeOf<typeof claim>;
