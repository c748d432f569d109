import { compareBytes, idPattern, kinds, type Mandate } from "@busbar/protocol";
import { type Codec, encodeAs } from "@busbar/protocol/schema";
import { refuse } from "../refuse.ts";
import type { TxRule } from "../rule.ts";
import { table } from "../state/table.ts";
import { devices } from "../tables.ts";

const codec: Codec<Mandate> = kinds.mandate;

/** `mandate/<device>`: the limits that the device's owner signed last. */
export const mandates = table("mandate", codec);

/**
 * Takes an owner's limits for one of its devices. Codes, in order: `mandate.rights`,
 * `mandate.device-unknown`, `mandate.exists-different`, `mandate.version`.
 */
export const mandateRule: TxRule<"mandate"> = ({ state, emit }, message, signer) => {
  const { owner, device, version, until } = message;
  if (signer.kind !== "owner" || signer.id !== owner) {
    return refuse("mandate.rights", `expected the signature of owner ${owner}, got ${signer.id}'s`);
  }
  if (!idPattern.test(device) || devices.get(state, device)?.owner !== owner) {
    return refuse("mandate.device-unknown", `${owner} has no device ${device}`);
  }
  const current = mandates.get(state, device);
  if (current !== undefined && current.version === version) {
    return same(current, message)
      ? { ok: true, code: "exists" }
      : refuse("mandate.exists-different", `version ${version} says something else; raise it`);
  }
  if (current !== undefined && version < current.version) {
    return refuse("mandate.version", `expected a version above ${current.version}, got ${version}`);
  }
  mandates.set(state, device, message);
  emit({ type: "mandate-set", owner, device, version, until });
  return { ok: true };
};

function same(a: Mandate, b: Mandate): boolean {
  return compareBytes(encodeAs(codec, a), encodeAs(codec, b)) === 0;
}
