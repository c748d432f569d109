import { cost, type Micro, type UtcMs, type Wh, wh } from "@busbar/protocol";
import type { Movement } from "../../../settlement/settle.ts";
import type { BlockContext } from "../../rule.ts";
import { askToResettle, contractId, contractNumber, paymentOf } from "../../settlements.ts";
import { noteVoid } from "../../voids.ts";
import { addToPositions, isTrading } from "../market/positions.ts";
import { book, entriesOf } from "../market/posting.ts";
import { SettlementNotes } from "../market/settlement-notes.ts";
import { countInBalance } from "../market/slot-balance.ts";
import { contracts, slotKey, slots } from "../market/tables.ts";
import type { FeederTerms } from "./tables.ts";

/** Who trades here: on the seller's chain it sells to who stands for the other feeder, on the buyer's that one sells. */
export type Sides = { readonly seller: string; readonly buyer: string };

/**
 * Makes the contract that a trade with another feeder is here: its energy counts in both sides' positions from now
 * on, its money is held until the other chain has said how it ended. It binds no credit: the money is in escrow.
 */
export function bind(
  { state }: BlockContext,
  { trade, terms, seller, buyer }: Sides & { readonly trade: string; readonly terms: FeederTerms },
): string {
  const { slot, energy, price } = terms;
  const record = slots.get(state, slotKey(slot));
  const number = (record?.contracts ?? 0) + 1;
  const contract = contractId(slot, number);
  if (record !== undefined) slots.set(state, slotKey(slot), { ...record, contracts: number });
  contracts.set(state, contract, {
    ...{ slot, seller, buyer, energy, price, origin: "book", held: 1 },
    ...{ scale: "intraday", across: trade },
  });
  if (isTrading(state, slot)) addToPositions(state, slot, { seller, buyer, energy });
  return contract;
}

/** Makes the contract void: its energy is imbalance of both sides, and the bureau's to take and give. */
export function unbind({ state }: BlockContext, contract: string): void {
  const terms = contracts.get(state, contract);
  // A slot of long ago has left the state: what came of it stays as it is.
  if (terms === undefined || terms.isVoid === 1) return;
  if (paymentOf(state, contract, terms) !== undefined) return;
  const { held: _, ...released } = terms;
  const { slot, seller, buyer, energy } = terms;
  contracts.set(state, contract, { ...released, isVoid: 1 });
  noteVoid(state, { contract, slot, parties: [seller, buyer] });
  if (isTrading(state, slot)) addToPositions(state, slot, { seller, buyer, energy: -energy });
  askAnew({ state }, slot, [seller, buyer]);
}

/**
 * Pays the contract for what crossed the boundary, which becomes its energy: the rest was never sold. One that fell
 * before is made good again. Returns what was paid; undefined where the slot has left the state, or an
 * account can hold no more.
 */
export function fulfil(context: BlockContext, contract: string, energy: Wh): Micro | undefined {
  const { state } = context;
  const before = contracts.get(state, contract);
  if (before === undefined || paymentOf(state, contract, before) !== undefined) return undefined;
  const { held: _, isVoid, ...terms } = before;
  const { slot, seller, buyer, price } = terms;
  const money = cost(price, energy);
  const movement: Movement = { reason: "sale", contract, seller, buyer, energy, money };
  if (energy > 0) {
    if (!book(context, entriesOf([movement]), { slot, movement: undefined })) return undefined;
    countInBalance(state, slot, { after: [movement] });
  }
  if (energy === 0) {
    contracts.set(state, contract, { ...terms, energy, isVoid: 1 });
    noteVoid(state, { contract, slot, parties: [seller, buyer] });
  } else {
    contracts.set(state, contract, { ...terms, energy });
    const notes = new SettlementNotes();
    for (const owner of [seller, buyer]) {
      notes.addPaid(slot, owner, { number: contractNumber(contract) });
    }
    notes.write(state);
  }
  const counted = isVoid === 1 ? wh(0) : before.energy;
  if (energy !== counted) askAnew(context, slot, [seller, buyer]);
  return money;
}

function askAnew(
  { state }: Pick<BlockContext, "state">,
  slot: UtcMs,
  parties: readonly string[],
): void {
  for (const owner of parties) askToResettle(state, { slot, owner, why: "contract-void" });
}
