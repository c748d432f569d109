import { cost, micro, type UtcMs, wh } from "@busbar/protocol";
import { chargeMovements } from "../../../settlement/charges.ts";
import type { Sale } from "../../../settlement/position.ts";
import type { Movement } from "../../../settlement/settle.ts";
import { type Statement, type StatementTerms, stateSlot } from "../../../settlement/statement.ts";
import type { BlockContext } from "../../rule.ts";
import {
  addSettlement,
  lastSettlement,
  type Settlement,
  type SettlementReason,
} from "../../settlements.ts";
import type { PartyEnergy } from "./estimate.ts";
import { book, differenceOf, noWh } from "./posting.ts";
import { SettlementNotes } from "./settlement-notes.ts";
import { countNets, type Shown } from "./site-net.ts";
import { countInBalance } from "./slot-balance.ts";
import { openPayees, statementTerms } from "./statement-terms.ts";

/** A party in a slot, with its energy as it counts. */
export type PartySlot = {
  readonly slot: UtcMs;
  readonly owner: string;
  readonly energy: PartyEnergy;
  /** All of the slot's that count. */
  readonly sales: readonly Sale[];
};

/** A party with what its slot comes to. */
export type MadeParty = { readonly party: PartySlot; readonly made: Made };

/** Settles parties of a slot for the first time: their imbalances, and fees, taxes and levies. */
export function settleParties(
  context: BlockContext,
  parties: readonly PartySlot[],
  why: FirstReason,
): void {
  const notes = new SettlementNotes();
  postParties(context, makeParties(context, parties, why), notes);
  notes.write(context.state);
}

type FirstReason = "delivered" | "provisional";

/** What a slot comes to for parties of it that are settled for the first time. */
export function makeParties(
  context: BlockContext,
  parties: readonly PartySlot[],
  why: FirstReason,
): readonly MadeParty[] {
  const [first] = parties;
  if (first === undefined) return [];
  const terms = statementTerms(context.state, first.slot);
  return parties.map((party) => ({ party, made: make(context, party, { why, terms }) }));
}

/** Posts what parties of one slot owe and get: together where all of it fits. */
export function postParties(
  context: BlockContext,
  all: readonly MadeParty[],
  notes: SettlementNotes,
): void {
  const slot = all[0]?.party.slot;
  if (slot === undefined) return;
  const movements = all.flatMap(({ made }) => made.movements);
  openPayees(context.state, movements);
  const fits = book(context, differenceOf([], movements), { slot, movement: undefined });
  if (fits) countInBalance(context.state, slot, { after: movements });
  noteParties(context, all, {
    notes,
    isPosted: ({ party, made }) => fits || bookOne(context, party, made),
  });
}

/** Notes what parties of one slot came to, and tells it; `isPosted`: whether an account could hold it. */
export function noteParties(
  context: BlockContext,
  all: readonly MadeParty[],
  {
    notes,
    isPosted,
  }: { readonly notes: SettlementNotes; readonly isPosted: (one: MadeParty) => boolean },
): void {
  const slot = all[0]?.party.slot;
  if (slot === undefined) return;
  for (const one of all) noteSettled(context, one, isPosted(one), notes);
  const shown = all.map(({ party: { owner, energy } }) => {
    return { owner, before: undefined, after: measured(energy) };
  });
  countNets(context.state, slot, shown);
}

function bookOne(context: BlockContext, { slot }: PartySlot, { movements }: Made): boolean {
  const posted = book(context, differenceOf([], movements), { slot, movement: movements[0] });
  if (posted) countInBalance(context.state, slot, { after: movements });
  return posted;
}

function noteSettled(
  context: BlockContext,
  { party: { slot, owner, energy }, made }: MadeParty,
  posted: boolean,
  notes: SettlementNotes,
): void {
  notes.addVersion(slot, owner, posted ? made.settlement : unposted(made.settlement));
  if (!posted) return;
  const { imbalance, charges } = made.statement;
  if (imbalance !== undefined) {
    const surplus = imbalance.reason === "imbalance-surplus";
    context.emit({
      type: "imbalance-settled",
      owner,
      slot,
      side: surplus ? "ask" : "bid",
      imbalanceWh: imbalance.energy,
      amount: surplus ? imbalance.money : 0 - imbalance.money,
      soldWh: made.settlement.soldWh,
      penalty: penaltyOf(made.terms, imbalance),
      ...(energy.method === undefined ? {} : { method: energy.method }),
    });
  }
  if (charges.length > 0) context.emit({ type: "charges-settled", owner, slot, charges });
}

/** What the tariff alone would have been worth more, or cost less. */
function penaltyOf(
  { terms: { feedIn, retail } }: StatementTerms,
  { reason, energy, money }: Movement,
): number {
  return reason === "imbalance-surplus"
    ? cost(feedIn, energy) - money
    : money - cost(retail, energy);
}

/**
 * Settles a party's slot anew, as its meters and contracts are known now: the difference is posted,
 * in money and in energy, and the version before stays. Nothing happens where nothing changed, but that
 * what was provisional becomes final.
 */
export function resettleParty(
  context: BlockContext,
  party: PartySlot,
  why: SettlementReason,
): void {
  const { slot, owner, energy } = party;
  const last = lastSettlement(context.state, slot, owner);
  if (last === undefined) return;
  const before = last.settlement;
  const terms = statementTerms(context.state, slot);
  const { settlement, movements } = make(context, party, { why, terms });
  if (before.why !== "provisional" && isSame(before, settlement)) return;
  const posted = movementsOf(owner, before);
  const [movement = posted[0]] = movements;
  openPayees(context.state, movements);
  if (!book(context, differenceOf(posted, movements), { slot, movement })) return;
  countInBalance(context.state, slot, { before: posted, after: movements });
  countNets(context.state, slot, [{ owner, before: shownIn(before), after: measured(energy) }]);
  const version = last.version + 1;
  addSettlement(context.state, { slot, owner }, settlement);
  context.emit({
    type: "settlement-corrected",
    owner,
    slot,
    version,
    why,
    imbalanceWh: settlement.imbalanceWh,
    money: settlement.money,
    imbalanceDifferenceWh: settlement.imbalanceWh - before.imbalanceWh,
    moneyDifference: settlement.money - before.money,
    ...(settlement.method === undefined ? {} : { method: settlement.method }),
    ...chargeDifference(before, settlement),
  });
}

type Made = {
  readonly terms: StatementTerms;
  readonly settlement: Settlement;
  readonly movements: readonly Movement[];
  readonly statement: Statement;
};

function make(
  { height }: BlockContext,
  { owner, energy, sales }: PartySlot,
  { why, terms }: { readonly why: SettlementReason; readonly terms: StatementTerms },
): Made {
  const { importWh, exportWh, net, method, apart } = energy;
  const metered = { importWh: wh(importWh), exportWh: wh(exportWh) };
  const statement = stateSlot({ owner, metered, net, sales, apart }, terms);
  const { traded, imbalance, charges } = statement;
  const { soldWh, ...sums } = traded;
  const sign = imbalance?.reason === "imbalance-surplus" ? 1 : -1;
  const settlement: Settlement = {
    why,
    height,
    importWh,
    exportWh,
    soldWh,
    imbalanceWh: imbalance === undefined ? 0 : sign * imbalance.energy,
    money: micro(imbalance === undefined ? 0 : sign > 0 ? imbalance.money : 0 - imbalance.money),
    ...(imbalance === undefined ? {} : { bureau: terms.bureau }),
    ...(method === undefined ? {} : { method }),
    traded: sums,
    ...(charges.length === 0 ? {} : { charges }),
  };
  const movements = [
    ...(imbalance === undefined ? [] : [imbalance]),
    ...chargeMovements(owner, charges, noWh),
  ];
  return { terms, settlement, movements, statement };
}

/** Energy that readings show, or the members said; an estimate teaches no forecast. */
function measured({ importWh, exportWh, method }: PartyEnergy): Shown {
  return method === undefined ? { importWh, exportWh } : undefined;
}

/** What a party's meters showed when it was settled, where that was known. */
function shownIn({ importWh, exportWh, method }: Settlement): Shown {
  return importWh === undefined || exportWh === undefined || method !== undefined
    ? undefined
    : { importWh, exportWh };
}

/** What a settlement posted, made again from what is on record. */
function movementsOf(owner: string, settlement: Settlement): Movement[] {
  const { imbalanceWh, money, bureau, charges = [] } = settlement;
  const owed = chargeMovements(owner, charges, noWh);
  if (bureau === undefined) return owed;
  const energy = wh(Math.abs(imbalanceWh));
  const imbalance: Movement =
    imbalanceWh > 0
      ? { reason: "imbalance-surplus", seller: owner, buyer: bureau, energy, money }
      : {
          reason: "imbalance-shortage",
          seller: bureau,
          buyer: owner,
          energy,
          money: micro(0 - money),
        };
  return [imbalance, ...owed];
}

function unposted({ bureau: _, charges: __, ...settlement }: Settlement): Settlement {
  return { ...settlement, imbalanceWh: 0, money: micro(0) };
}

function isSame(a: Settlement, b: Settlement): boolean {
  const { height: _, why: __, ...one } = a;
  const { height: ___, why: ____, ...other } = b;
  return JSON.stringify(settlementText(one)) === JSON.stringify(settlementText(other));
}

/** In one order of its fields, wherever it comes from. */
function settlementText(settlement: Omit<Settlement, "height" | "why">): unknown[] {
  const { importWh, exportWh, soldWh, imbalanceWh, money, bureau, method, traded } = settlement;
  const { contracts, soldMoney, boughtMoney, feeMoney, subsidyMoney } = traded;
  const charges = (settlement.charges ?? []).map(({ id, to, money: owed }) => [id, to, owed]);
  return [
    ...[importWh, exportWh, soldWh, imbalanceWh, money, bureau, method],
    ...[contracts, soldMoney, boughtMoney, feeMoney, subsidyMoney],
    charges,
  ];
}

/** What fees, taxes and levies together became more (above 0) or less; left out where nothing. */
function chargeDifference(before: Settlement, after: Settlement) {
  const sum = ({ charges = [] }: Settlement) => charges.reduce((all, one) => all + one.money, 0);
  const difference = sum(after) - sum(before);
  return difference === 0 ? {} : { chargeDifference: difference };
}
