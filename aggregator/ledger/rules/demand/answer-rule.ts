import type { DemandAnswer } from "@busbar/protocol";
import { reportViolation } from "../../credit.ts";
import { closeOffer, type Demand, demands, putDemand } from "../../demand.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, Outcome, TxRule } from "../../rule.ts";
import { hex } from "../market/tables.ts";
import { checkFree, endDemand, endOf, takeSlots } from "./span.ts";

/**
 * Takes an owner's or its unit's word on an order. An offered one is taken by the owner itself; a contract
 * is acknowledged by the unit. Who does not carry out a contract has it on its credit report.
 *
 * Codes, in order: `demand.unknown`, `demand.answer-rights`, `demand.closed`, `demand.taken`.
 */
export const demandAnswerRule: TxRule<"demand-answer"> = (context, message, signer): Outcome => {
  const order = hex(message.id);
  const demand = demands.get(context.state, order);
  if (demand === undefined) return refuse("demand.unknown", `no order ${order} is on the ledger`);
  const isOwner = signer.kind === "owner" && signer.id === demand.owner;
  const isUnit = signer.kind === "device" && signer.id === demand.device;
  if (message.owner !== demand.owner || !(isOwner || isUnit)) {
    const text = `expected the word of ${demand.owner} or ${demand.device}, got ${signer.id}'s`;
    return refuse("demand.answer-rights", text);
  }
  return message.word === "refuse"
    ? decline(context, { order, demand, message })
    : accept(context, { order, demand, isOwner });
};

function accept(
  context: BlockContext,
  { order, demand, isOwner }: { order: string; demand: Demand; isOwner: boolean },
): Outcome {
  const { state, emit, time } = context;
  const { status, owner, device } = demand;
  const about = { type: "demand-answered", order, owner, device, by: demand.by } as const;
  switch (status) {
    case "offered": {
      if (!isOwner) {
        const text = `${device} has no mandate for this order; ${owner} itself may take it`;
        return refuse("demand.answer-rights", text);
      }
      if (time >= demand.answerBy) return closed(order, "lapsed");
      const taken = checkFree(context, demand, { owner, order });
      if (taken !== undefined) return taken;
      const dueAt = endOf(context, demand);
      putDemand(state, order, { ...demand, status: "contracted", dueAt });
      takeSlots(context, order, demand);
      closeOffer(state, demand.by);
      emit({ ...about, status: "contracted", reason: null });
      return { ok: true };
    }
    case "contracted":
      if (isOwner) return { ok: true, code: "exists" };
      putDemand(state, order, { ...demand, status: "acknowledged" });
      emit({ ...about, status: "acknowledged", reason: null });
      return { ok: true };
    case "acknowledged":
      return { ok: true, code: "exists" };
    default:
      return closed(order, status);
  }
}

function decline(
  context: BlockContext,
  { order, demand, message }: { order: string; demand: Demand; message: DemandAnswer },
): Outcome {
  const { emit } = context;
  const { status, owner, device, by } = demand;
  if (status === "refused") return { ok: true, code: "exists" };
  if (status === "lapsed" || status === "settled") return closed(order, status);
  endDemand(context, order, { ...demand, status: "refused" });
  const { reason = "unwanted" } = message;
  emit({ type: "demand-answered", order, owner, device, by, status: "refused", reason });
  if (status === "offered") return { ok: true };
  reportViolation(context, {
    id: owner,
    kind: "order-refused",
    reason: `order ${order} for slot ${demand.slot} was a contract and is refused: ${reason}`,
  });
  return { ok: true };
}

function closed(order: string, status: string): Outcome {
  return refuse("demand.closed", `order ${order} is ${status}`);
}
