import { compareBytes, encodeMessage, type Objection } from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { Identity } from "../../registry.ts";
import type { TxRule } from "../../rule.ts";
import { paymentOf } from "../../settlements.ts";
import { sha256 } from "../../sha256.ts";
import type { StateReader } from "../../state/state.ts";
import { members } from "../../tables.ts";
import { contracts } from "../market/tables.ts";
import { timetable } from "../market/timetable.ts";
import { openCase } from "./cases.ts";
import { objections } from "./tables.ts";

/**
 * Holds a contract that the bureau objects to, and lays it before the voting members. The window is
 * from signing to the end of the contract's slot: no contract is paid before.
 *
 * Codes, in order: `objection.rights`, `objection.contract-unknown`; for a contract that was objected
 * to `exists` (same content) or `objection.exists-different`; `objection.own-contract`,
 * `objection.across` (of a trade with another feeder), `objection.too-late`.
 */
export const objectionRule: TxRule<"objection"> = (context, message, signer) => {
  const { state, time, parameters, emit } = context;
  const { by, contract, against, reason } = message;
  if (!isBureau(state, message, signer)) {
    return refuse(
      "objection.rights",
      `expected the signature of ${by}, a bureau; got ${signer.kind} ${signer.id}'s`,
    );
  }
  const terms = contracts.get(state, contract);
  if (terms === undefined) {
    return refuse("objection.contract-unknown", `no contract ${contract} is on the ledger`);
  }
  const motion = sha256(encodeMessage("objection", message));
  const before = objections.get(state, contract);
  if (before !== undefined) {
    return compareBytes(before.motion, motion) === 0
      ? { ok: true, code: "exists" }
      : refuse("objection.exists-different", `${contract} was objected to already`);
  }
  const { slot, seller, buyer } = terms;
  if (by === seller || by === buyer) {
    return refuse("objection.own-contract", `${by} is a party of ${contract}`);
  }
  if (terms.across !== undefined) {
    const text = `${contract} is of trade ${terms.across} with another feeder, which ends by its own steps`;
    return refuse("objection.across", text);
  }
  const { end } = timetable(slot, parameters);
  const isOver = terms.isVoid === 1 || paymentOf(state, contract, terms) !== undefined;
  if (time >= end || isOver) {
    return refuse("objection.too-late", `the slot of ${contract} ended at ${end}, it is ${time}`);
  }
  objections.set(state, contract, { contract, motion });
  contracts.set(state, contract, { ...terms, held: 1 });
  emit({ type: "contract-held", contract, slot, seller, buyer, by, against, reason });
  openCase(context, motion, { slot, by, objection: message });
  return { ok: true };
};

function isBureau(state: StateReader, { by }: Objection, signer: Identity): boolean {
  if (signer.id !== by) return false;
  if (signer.kind === "owner") return signer.owner.party === "bureau";
  return signer.kind === "member" && members.get(state, by)?.role === "bureau";
}
