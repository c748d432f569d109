import assert from "node:assert/strict";
import type { Objection, UtcMs } from "@busbar/protocol";
import { reportViolation } from "../../credit.ts";
import { exposeContract } from "../../exposure.ts";
import type { BlockContext } from "../../rule.ts";
import { askToResettle } from "../../settlements.ts";
import { noteVoid } from "../../voids.ts";
import { settleContracts } from "../market/contract-settlement.ts";
import { cutToLines } from "../market/cutting.ts";
import { addToPositions, isTrading } from "../market/positions.ts";
import { contracts } from "../market/tables.ts";
import type { CaseOutcome } from "./tables.ts";

/**
 * Ends the hold on a contract. One whose objection was upheld is void: its energy is imbalance of
 * both its parties, whether they were settled before or are later. Any other contract stands and is
 * paid as all are. Whoever was wrong has it in the credit report: the parties whose fault the
 * contract was, or who objected to a sound one. Nobody is blamed where nobody decided.
 */
export function carryOutObjection(
  context: BlockContext,
  {
    slot,
    objection,
    outcome,
  }: { readonly slot: UtcMs; readonly objection: Objection; readonly outcome: CaseOutcome },
): void {
  const { state, emit } = context;
  const { contract, by, against } = objection;
  const terms = contracts.get(state, contract);
  assert(terms !== undefined, "a contract is kept as long as the case about it");
  const { held: _, ...released } = terms;
  const { seller, buyer } = terms;
  if (outcome === "upheld") {
    contracts.set(state, contract, { ...released, isVoid: 1 });
    exposeContract(state, terms, "free");
    noteVoid(state, { contract, slot, parties: [seller, buyer] });
    if (isTrading(state, slot)) {
      addToPositions(state, slot, { seller, buyer, energy: -terms.energy });
    }
    for (const owner of [seller, buyer])
      askToResettle(state, { slot, owner, why: "contract-void" });
    emit({ type: "contract-void", contract, slot, seller, buyer, against });
    cutToLines(context, slot);
    const guilty = against === "both" ? [seller, buyer] : [against === "seller" ? seller : buyer];
    for (const id of guilty) {
      const why = `contract ${contract} is void: ${objection.reason}`;
      reportViolation(context, { id, kind: "void-contract", reason: why });
    }
    return;
  }
  contracts.set(state, contract, released);
  emit({ type: "contract-stands", contract, slot, seller, buyer, outcome });
  if (outcome === "rejected") {
    const reason = `its objection to contract ${contract} was rejected`;
    reportViolation(context, { id: by, kind: "wrong-objection", reason });
  }
  // Before its delivery nothing of a slot is paid: what it comes to is not known.
  if (!isTrading(state, slot)) settleContracts(context, slot);
}
