import { micro, type UtcMs, wh } from "@busbar/protocol";
import { netSold, type Sale } from "../../../settlement/position.ts";
import { type Movement, settleImbalance } from "../../../settlement/settle.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import {
  lastSettlement,
  type Settlement,
  type SettlementReason,
  settlements,
  slotKey,
} from "../../settlements.ts";
import { bureauOf } from "./parties.ts";
import { book, differenceOf } from "./posting.ts";
import { countNet, type Shown } from "./site-net.ts";

/** A party in a slot; without energy where that is not known. */
export type PartySlot = {
  readonly slot: UtcMs;
  readonly owner: string;
  readonly energy: { readonly importWh: number; readonly exportWh: number } | undefined;
  /** All of the slot's that count. */
  readonly sales: readonly Sale[];
};

/** Settles a party's imbalance for the first time. */
export function settleParty(context: BlockContext, party: PartySlot): void {
  const made = make(context, party, "delivered");
  const { slot, owner, energy } = party;
  countNet(context.state, { slot, owner, before: undefined, after: energy });
  const posted = book(context, differenceOf([], made.movements), {
    slot,
    movement: made.movements[0],
  });
  const settlement = posted ? made.settlement : unposted(made.settlement);
  write(context, { slot, owner, version: 1, settlement });
  const [movement] = made.movements;
  if (!posted || movement === undefined) return;
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

/**
 * Settles a party's slot anew, as its meters and contracts are known now: the difference is posted,
 * in money and in energy, and the version before stays. Nothing happens where nothing changed.
 */
export function resettleParty(
  context: BlockContext,
  party: PartySlot,
  why: SettlementReason,
): void {
  const { slot, owner } = party;
  const last = lastSettlement(context.state, slot, owner);
  if (last === undefined) return;
  const before = last.settlement;
  const { settlement, movements } = make(context, party, why);
  if (isSame(before, settlement)) return;
  const entries = differenceOf(movementsOf(owner, before), movements);
  const [movement = movementsOf(owner, before)[0]] = movements;
  if (!book(context, entries, { slot, movement })) return;
  countNet(context.state, { slot, owner, before: shownIn(before), after: party.energy });
  const version = last.version + 1;
  write(context, { slot, owner, version, settlement });
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
  });
}

function make(
  { state, height }: BlockContext,
  { slot, owner, energy, sales }: PartySlot,
  why: SettlementReason,
): { settlement: Settlement; movements: readonly Movement[] } {
  const bureau = bureauOf(state);
  const soldWh = netSold(owner, sales);
  const movement =
    bureau === undefined || energy === undefined
      ? undefined
      : settleImbalance(
          { owner, metered: { importWh: wh(energy.importWh), exportWh: wh(energy.exportWh) } },
          sales,
          { bureau, terms: parametersOf(state, slot) },
        );
  const known = { why, height, ...energy, soldWh };
  if (bureau === undefined || movement === undefined) {
    return { settlement: { ...known, imbalanceWh: 0, money: micro(0) }, movements: [] };
  }
  const sign = movement.reason === "imbalance-surplus" ? 1 : -1;
  const settlement = {
    ...known,
    imbalanceWh: sign * movement.energy,
    money: sign > 0 ? movement.money : micro(0 - movement.money),
    bureau,
  };
  return { settlement, movements: [movement] };
}

/** What a party's meters showed when it was settled, where that was known. */
function shownIn({ importWh, exportWh }: Settlement): Shown {
  return importWh === undefined || exportWh === undefined ? undefined : { importWh, exportWh };
}

/** What a settlement posted, made again from what is on record. */
function movementsOf(owner: string, { imbalanceWh, money, bureau }: Settlement): Movement[] {
  if (bureau === undefined) return [];
  const energy = wh(Math.abs(imbalanceWh));
  return imbalanceWh > 0
    ? [{ reason: "imbalance-surplus", seller: owner, buyer: bureau, energy, money }]
    : [
        {
          reason: "imbalance-shortage",
          seller: bureau,
          buyer: owner,
          energy,
          money: micro(0 - money),
        },
      ];
}

function unposted({ bureau: _, ...settlement }: Settlement): Settlement {
  return { ...settlement, imbalanceWh: 0, money: micro(0) };
}

function isSame(a: Settlement, b: Settlement): boolean {
  return (
    a.importWh === b.importWh &&
    a.exportWh === b.exportWh &&
    a.soldWh === b.soldWh &&
    a.imbalanceWh === b.imbalanceWh &&
    a.money === b.money
  );
}

function write(
  { state }: BlockContext,
  {
    slot,
    owner,
    version,
    settlement,
  }: { slot: UtcMs; owner: string; version: number; settlement: Settlement },
): void {
  const number = String(version).padStart(3, "0");
  settlements.set(state, `${slotKey(slot)}/${owner}/${number}`, settlement);
}
