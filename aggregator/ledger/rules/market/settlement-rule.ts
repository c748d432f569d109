import assert from "node:assert/strict";
import { micro, type UtcMs, wh } from "@busbar/protocol";
import type { Sale } from "../../../settlement/position.ts";
import { type Movement, settleImbalance, settleSale } from "../../../settlement/settle.ts";
import { post } from "../../accounts.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { bureauOf, type MarketParty, marketParties, meteredBy } from "./parties.ts";
import { type Contract, contracts, slotKey, slots, unsettled, waiting } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";

/**
 * Settles delivered slots party by party, as their meters report: a contract when both sides' meters
 * have, a party's imbalance when its own have. A silent meter holds up nobody but those who trade
 * with it.
 */
export const settlementRule: BlockRule = {
  name: "settlement",
  // Readings bring the blocks that this rule needs.
  due: () => false,
  run(context) {
    for (const [, { slot }] of [...unsettled.scan(context.state)]) {
      if (timetable(slot, context.parameters).end <= context.time) settleReported(context, slot);
    }
  },
};

/** Puts a cleared slot on the list: every party's meters are waited for. */
export function expectSettlement({ state }: BlockContext, slot: UtcMs): void {
  unsettled.set(state, slotKey(slot), { slot });
  for (const { owner } of marketParties(state)) {
    waiting.set(state, `${slotKey(slot)}/${owner}`, { slot });
  }
}

function settleReported(context: BlockContext, slot: UtcMs): void {
  const { state, parameters } = context;
  const key = slotKey(slot);
  const at = { start: slot, lengthMs: slotMs(parameters) };
  const open = [...waiting.scan(state, `${key}/`)].map(([id]) => id.slice(key.length + 1));
  const parties = new Map(marketParties(state).map((party) => [party.owner, party]));
  const reported = open.filter((owner) => {
    const party = parties.get(owner);
    return party === undefined || meteredBy(state, party.meters, at) !== undefined;
  });
  if (reported.length > 0) {
    const silent = new Set(open.filter((owner) => !reported.includes(owner)));
    settleContracts(context, slot, silent);
    for (const owner of reported) {
      const party = parties.get(owner);
      if (party !== undefined) settleParty(context, slot, party);
      waiting.delete(state, `${key}/${owner}`);
    }
  }
  if (reported.length === open.length) close(context, slot);
}

/** Settles the contracts neither side of which is waited for. */
function settleContracts(context: BlockContext, slot: UtcMs, silent: ReadonlySet<string>): void {
  const settlement = settlementOf(context);
  if (settlement === undefined) return;
  for (const [contract, terms] of [...contracts.scan(context.state, `${slotKey(slot)}-`)]) {
    if (terms.settled === 1 || silent.has(terms.seller) || silent.has(terms.buyer)) continue;
    const movements = settleSale(saleOf(contract, terms), settlement);
    for (const movement of movements) book(context, movement);
    contracts.set(context.state, contract, { ...terms, settled: 1 });
    const subsidy = movements.find(({ reason }) => reason === "subsidy");
    context.emit({
      type: "contract-settled",
      contract,
      slot,
      seller: terms.seller,
      buyer: terms.buyer,
      deliveredWh: terms.energy,
      amount: movements[0]?.money ?? 0,
      subsidy: subsidy === undefined ? 0 : -subsidy.money,
    });
  }
}

function settleParty(context: BlockContext, slot: UtcMs, { owner, meters }: MarketParty): void {
  const { state, parameters } = context;
  const settlement = settlementOf(context);
  const energy = meteredBy(state, meters, { start: slot, lengthMs: slotMs(parameters) });
  if (settlement === undefined || energy === undefined) return;
  const metered = { importWh: wh(energy.importWh), exportWh: wh(energy.exportWh) };
  const sales = [...contracts.scan(state, `${slotKey(slot)}-`)].map(([id, terms]) =>
    saleOf(id, terms),
  );
  const movement = settleImbalance({ owner, metered }, sales, settlement);
  if (movement === undefined) return;
  book(context, movement);
  const surplus = movement.reason === "imbalance-surplus";
  context.emit({
    type: "imbalance-settled",
    owner,
    slot,
    side: surplus ? "ask" : "bid",
    imbalanceWh: movement.energy,
    amount: surplus ? movement.money : -movement.money,
  });
}

function close({ state, emit }: BlockContext, slot: UtcMs): void {
  const key = slotKey(slot);
  const record = slots.get(state, key);
  assert(record !== undefined, `slot ${slot} is unsettled, so it was opened`);
  slots.set(state, key, { ...record, stage: "settled" });
  unsettled.delete(state, key);
  emit({ type: "slot-settled", slot, rounding: 0 });
}

/** One movement as a posting: the seller's sales account and the buyer's purchase account. */
function book({ state }: BlockContext, { seller, buyer, money, energy }: Movement): void {
  post(state, [
    { owner: seller, side: "sales", money, energyWh: -energy },
    { owner: buyer, side: "purchase", money: micro(-money), energyWh: energy },
  ]);
}

function settlementOf({ state, parameters }: BlockContext) {
  const bureau = bureauOf(state);
  return bureau === undefined ? undefined : { bureau, terms: parameters };
}

function saleOf(contract: string, { seller, buyer, energy, price }: Contract): Sale {
  return { contract, seller, buyer, energy, price };
}
