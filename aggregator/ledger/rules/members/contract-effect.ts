import { type ContractMotion, compareBytes, type Refusal } from "@busbar/protocol";
import { contractName, contractOf, contractsOf, contractTable } from "../../contract/state.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";
import { isSlotStart } from "../market/timetable.ts";
import { firstUnopened } from "./parameters-effect.ts";

/**
 * Why a version cannot be that of the slots from `from` on; codes, in order: `contract.slot`,
 * `contract.open`, `contract.exists-different`, `contract.same`. Whether this program has the version
 * plays no part: members with other programs must come to the same state.
 */
export function checkContract(
  context: BlockContext,
  { from, contract }: Pick<ContractMotion, "from" | "contract">,
): Refusal | undefined {
  const { state, parameters } = context;
  if (!isSlotStart(from, parameters)) {
    return refuse("contract.slot", `expected the start of a slot, got ${from}`);
  }
  const next = firstUnopened(context);
  if (from < next) {
    const message = `slots before ${next} are open and keep their version, got ${from}; take a later start`;
    return refuse("contract.open", message);
  }
  const same = contractsOf(state).find(({ version }) => version === contract.version);
  if (same !== undefined && compareBytes(same.hash, contract.hash) !== 0) {
    const message = `the chain knows version ${contractName(same)}, got ${contractName(contract)}; a version is one code for ever`;
    return refuse("contract.exists-different", message);
  }
  if (contractOf(state, from).version !== contract.version) return undefined;
  return refuse("contract.same", `slots from ${from} on have version ${contract.version} already`);
}

/** Lets a version be that of the slots from a later one on. */
export function enactContractMotion(
  context: BlockContext,
  { from, contract }: ContractMotion,
): Refusal | undefined {
  const refusal = checkContract(context, { from, contract });
  if (refusal !== undefined) return refusal;
  const { version, hash } = contract;
  contractTable.set(context.state, slotKey(from), contract);
  const hex = Buffer.from(hash).toString("hex");
  context.emit({ type: "contract-decided", from, version, hash: hex });
  return undefined;
}
