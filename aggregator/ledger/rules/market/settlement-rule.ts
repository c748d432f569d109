import assert from "node:assert/strict";
import { micro, type UtcMs, wh } from "@busbar/protocol";
import type { Sale } from "../../../settlement/position.ts";
import { type Movement, settleImbalance, settleSale } from "../../../settlement/settle.ts";
import { type Entry, postIfItFits } from "../../accounts.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { slotEnergy } from "../../slots.ts";
import { owners } from "../../tables.ts";
import { gapMsMax } from "../boundaries.ts";
import { meterStates } from "../meter-state.ts";
import { bureauOf, type MarketParty, marketParties, marketParty, meteredBy } from "./parties.ts";
import { type Contract, contracts, slotKey, slots, unsettled, waiting } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";

/**
 * How long after its end a slot is waited for. Nothing later can come: beyond this gap readings are
 * not shared out over slots.
 */
export const waitMsMax = gapMsMax;

/**
 * Settles delivered slots party by party, as their meters report: a contract when both sides' meters
 * have, a party's imbalance when its own have. A silent meter holds up nobody but those who trade
 * with it, and them no longer than `waitMsMax`. Where what flowed can never be known (a meter that
 * came too late, was replaced, or stays silent), contracts count as they were signed and there is no
 * imbalance: nobody is billed by a guess.
 */
export const settlementRule: BlockRule = {
  name: "settlement",
  // Readings bring the blocks that this rule needs.
  due: () => false,
  run(context, touched) {
    settleOwners(context, touched);
    for (const [, { slot }] of unsettled.scan(context.state)) {
      if (!isOverdue(context, slot)) break;
      const everybody = Array.from(owners.scan(context.state), ([id]) => id);
      settleOwners(context, everybody);
      break;
    }
  },
};

/** Puts a cleared slot on the list: every party's meters are waited for. */
export function expectSettlement(context: BlockContext, slot: UtcMs): void {
  const { state, parameters, time } = context;
  const key = slotKey(slot);
  const parties = marketParties(state).map(({ owner }) => owner);
  unsettled.set(state, key, { slot, left: parties.length });
  for (const owner of parties) waiting.set(state, `${owner}/${key}`, { slot });
  if (parties.length === 0) close(context, slot);
  // Cleared after a long silence: the meters may have reported all of it before.
  else if (timetable(slot, parameters).end <= time) settleOwners(context, parties);
}

/** A party in a slot; without energy where it will never be known. */
type Settled = {
  readonly owner: string;
  readonly energy: { readonly importWh: number; readonly exportWh: number } | undefined;
};

function settleOwners(context: BlockContext, list: Iterable<string>): void {
  const bySlot = new Map<UtcMs, Settled[]>();
  for (const owner of [...list].sort()) {
    for (const { slot, settled } of reportedSlots(context, owner)) {
      const others = bySlot.get(slot);
      if (others === undefined) bySlot.set(slot, [settled]);
      else others.push(settled);
    }
  }
  const inOrder = [...bySlot].sort(([a], [b]) => a - b);
  for (const [slot, settled] of inOrder) settleSlot(context, slot, settled);
}

/** The slots of a party, oldest first, up to the first that its meters have not come to. */
function* reportedSlots(context: BlockContext, owner: string) {
  const { state } = context;
  const party = marketParty(state, owner);
  for (const [, { slot }] of waiting.scan(state, `${owner}/`)) {
    const energy = party === undefined ? "lost" : energyOf(context, party, slot);
    if (energy === "pending") return;
    yield { slot, settled: { owner, energy: energy === "lost" ? undefined : energy } };
  }
}

/** What a party's meters showed; `lost` when no reading can tell it any more. */
function energyOf(context: BlockContext, { meters }: MarketParty, slot: UtcMs) {
  const { state, parameters } = context;
  const lengthMs = slotMs(parameters);
  const energy = meteredBy(state, meters, { start: slot, lengthMs });
  if (energy !== undefined) return energy;
  const passed = (meter: string) => {
    if (slotEnergy(state, meter, slot, lengthMs) !== undefined) return true;
    const last = meterStates.get(state, meter)?.energyTime;
    return last !== undefined && last >= slot + lengthMs;
  };
  return isOverdue(context, slot) || meters.every(passed) ? "lost" : "pending";
}

function isOverdue({ time, parameters }: BlockContext, slot: UtcMs): boolean {
  return timetable(slot, parameters).end + waitMsMax <= time;
}

function settleSlot(context: BlockContext, slot: UtcMs, settled: readonly Settled[]): void {
  const { state } = context;
  const key = slotKey(slot);
  const record = unsettled.get(state, key);
  assert(record !== undefined, `slot ${slot} is waited for, so it is unsettled`);
  for (const { owner } of settled) waiting.delete(state, `${owner}/${key}`);
  const sales = settleContracts(context, slot);
  for (const party of settled) settleParty(context, slot, party, sales.get(party.owner) ?? []);
  const left = record.left - settled.length;
  if (left > 0) unsettled.set(state, key, { slot, left });
  else close(context, slot);
}

/** Settles the contracts neither side of which is waited for. Returns all of the slot's, by party. */
function settleContracts(context: BlockContext, slot: UtcMs): ReadonlyMap<string, Sale[]> {
  const { state, parameters } = context;
  const key = slotKey(slot);
  const silent = (owner: string) => waiting.get(state, `${owner}/${key}`) !== undefined;
  // Parties of the book settle with each other, also on a site without a bureau.
  const settlement = { bureau: bureauOf(state) ?? "", terms: parameters };
  const byParty = new Map<string, Sale[]>();
  for (const [contract, terms] of [...contracts.scan(state, `${key}-`)]) {
    const sale = saleOf(contract, terms);
    for (const owner of [terms.seller, terms.buyer]) {
      const own = byParty.get(owner);
      if (own === undefined) byParty.set(owner, [sale]);
      else own.push(sale);
    }
    if (terms.settled === 1 || silent(terms.seller) || silent(terms.buyer)) continue;
    const movements = settleSale(sale, settlement);
    if (!book(context, slot, movements)) continue;
    contracts.set(state, contract, { ...terms, settled: 1 });
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
  return byParty;
}

function settleParty(
  context: BlockContext,
  slot: UtcMs,
  { owner, energy }: Settled,
  sales: readonly Sale[],
): void {
  const { state, parameters } = context;
  const bureau = bureauOf(state);
  if (bureau === undefined || energy === undefined) return;
  const metered = { importWh: wh(energy.importWh), exportWh: wh(energy.exportWh) };
  const movement = settleImbalance({ owner, metered }, sales, { bureau, terms: parameters });
  if (movement === undefined) return;
  if (!book(context, slot, [movement])) return;
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

/**
 * Movements that belong together as one posting: each to the seller's sales account and the buyer's
 * purchase account. What does not fit into an account is held and on record: it must stop nobody.
 */
function book({ state, emit }: BlockContext, slot: UtcMs, movements: readonly Movement[]): boolean {
  const entries = movements.flatMap(({ seller, buyer, money, energy }): Entry[] => [
    { owner: seller, side: "sales", money, energyWh: -energy },
    { owner: buyer, side: "purchase", money: micro(-money), energyWh: energy },
  ]);
  const fits = postIfItFits(state, entries);
  const [first] = movements;
  if (!fits && first !== undefined) {
    const { contract = null, seller, buyer } = first;
    emit({ type: "settlement-held", slot, contract, seller, buyer });
  }
  return fits;
}

function saleOf(contract: string, { seller, buyer, energy, price }: Contract): Sale {
  return { contract, seller, buyer, energy, price };
}
