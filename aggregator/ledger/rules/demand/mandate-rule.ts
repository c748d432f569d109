import { compareBytes, type DemandMandate, encodeMessage } from "@busbar/protocol";
import { demandMandates } from "../../demand.ts";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { devices } from "../../tables.ts";

/**
 * Takes an owner's limits for orders to one of its units. Codes, in order: `demand.mandate-rights`,
 * `demand.device-unknown`, `demand.exists-different`, `demand.version`.
 */
export const demandMandateRule: TxRule<"demand-mandate"> = ({ state, emit }, message, signer) => {
  const { owner, device, version, until } = message;
  if (signer.kind !== "owner" || signer.id !== owner) {
    const text = `expected the signature of owner ${owner}, got ${signer.id}'s`;
    return refuse("demand.mandate-rights", text);
  }
  if (devices.get(state, device)?.owner !== owner) {
    return refuse("demand.device-unknown", `${owner} has no device ${device}`);
  }
  const current = demandMandates.get(state, device);
  if (current !== undefined && current.version === version) {
    const [one, two] = [payloadOf(current), payloadOf(message)];
    return compareBytes(one, two) === 0
      ? { ok: true, code: "exists" }
      : refuse("demand.exists-different", `version ${version} says something else; raise it`);
  }
  if (current !== undefined && version < current.version) {
    return refuse("demand.version", `version ${current.version} is in force, got ${version}`);
  }
  demandMandates.set(state, device, message);
  emit({ type: "demand-mandate-set", owner, device, version, until });
  return { ok: true };
};

const payloadOf = (mandate: DemandMandate) => encodeMessage("demand-mandate", mandate);
