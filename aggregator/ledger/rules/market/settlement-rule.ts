import assert from "node:assert/strict";
import type { UtcMs } from "@busbar/protocol";
import { roundingOf } from "../../../settlement/balance.ts";
import type { Sale } from "../../../settlement/position.ts";
import { askToCertify } from "../../certificates.ts";
import { type Parameters, parametersOf } from "../../parameters.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { isSettled, lastSettlement, resettle } from "../../settlements.ts";
import { isApart, slotEnergy } from "../../slots.ts";
import type { StateReader } from "../../state/state.ts";
import { owners } from "../../tables.ts";
import { meterStates } from "../meter-state.ts";
import { expectCertificates } from "./certificates-rule.ts";
import {
  contractsDue,
  salesByParty,
  settleContracts,
  subsidiseAnew,
} from "./contract-settlement.ts";
import { judgeDelivery } from "./delivery.ts";
import { type PartyEnergy, provisionalEnergy, shownEnergy, unprovenEnergy } from "./estimate.ts";
import { energyOfEach, marketParties, partyInSlot } from "./parties.ts";
import { makeParties, type PartySlot, resettleParty, settleParties } from "./party-settlement.ts";
import { SettlementNotes } from "./settlement-notes.ts";
import { balanceOf } from "./slot-balance.ts";
import { postSlots, type SlotPosting } from "./slot-posting.ts";
import { estimateDues, slotKey, slots, unsettled } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";
import { isWaitedFor, slotsWaitedFor, waitFor, waitNoMore } from "./waited-slots.ts";
import { waitMsMax } from "./waiting.ts";

const dayMs = 86_400_000;

/** Slots whose silent meters one block estimates: after a long silence the rest follows block by block. */
const estimatesMax = 24;

/**
 * Settles delivered slots party by party, as their meters report: a contract when both sides' meters
 * have, a party's imbalance and charges when its own have. A silent meter holds up nobody but those who
 * trade with it, and them no longer than the parameters say (`provisionalMinutes`): then it is
 * estimated, provisionally, and what its readings show is posted as the difference. Where no reading can
 * ever tell (a meter that came too late, was taken out, or stays silent for `waitMsMax`), what was not
 * proven counts as not given, and no less drawn than was bought.
 */
export const settlementRule: BlockRule = {
  name: "settlement",
  // Readings bring most of the blocks that this rule needs; the clock those that it estimates in.
  due: (state, time) => estimateDue(state, time) !== undefined,
  run(context, touched) {
    const changed = Array.from(resettle.scan(context.state), ([, { owner }]) => owner);
    settleOwners(context, new Set([...touched, ...changed]));
    for (const [, { slot }] of unsettled.scan(context.state)) {
      if (!isOverdue(context, slot)) break;
      const everybody = Array.from(owners.scan(context.state), ([id]) => id);
      settleOwners(context, everybody);
      break;
    }
    settleAnew(context);
    estimateSilent(context);
  },
};

/** Puts a cleared slot on the list: every party's meters are waited for. */
export function expectSettlement(context: BlockContext, slot: UtcMs): void {
  const { state, parameters, time } = context;
  const key = slotKey(slot);
  const parties = marketParties(state).map(({ owner }) => owner);
  unsettled.set(state, key, { slot, left: parties.length });
  const lengthMs = slotMs(parameters);
  for (const owner of parties) waitFor(state, owner, { slot, lengthMs });
  const estimate = estimateId(slot, parameters);
  if (estimate !== undefined && parties.length > 0) estimateDues.set(state, estimate, { slot });
  if (parties.length === 0) close(context, slot);
  // Cleared after a long silence: the meters may have reported all of it before.
  else if (timetable(slot, parameters).end <= time) settleOwners(context, parties);
}

/** A party in a slot; "lost" where no reading will ever tell its energy. */
type Settled = { readonly owner: string; readonly energy: PartyEnergy | "lost" };

function settleOwners(context: BlockContext, list: Iterable<string>): void {
  const bySlot = new Map<UtcMs, Settled[]>();
  for (const owner of [...list].sort()) {
    const reported = [...reportedSlots(context, owner)];
    for (const { slot, settled } of reported) {
      const others = bySlot.get(slot);
      if (others === undefined) bySlot.set(slot, [settled]);
      else others.push(settled);
    }
    waitNoMore(context.state, owner, reported.length);
  }
  const inOrder = [...bySlot].sort(([a], [b]) => a - b);
  // Day by day: what cannot be proven counts as on the day before.
  while (inOrder.length > 0) {
    const until = (inOrder[0]?.[0] ?? 0) + dayMs;
    const later = inOrder.findIndex(([slot]) => slot >= until);
    settleSlots(context, inOrder.splice(0, later < 0 ? inOrder.length : later));
  }
}

function settleSlots(
  context: BlockContext,
  list: readonly (readonly [slot: UtcMs, settled: readonly Settled[]])[],
): void {
  const slots = list.map(([slot, settled]) => readySlot(context, slot, settled));
  const notes = new SettlementNotes();
  postSlots(context, slots, notes);
  for (const { again, fresh } of slots) {
    for (const party of again) resettleParty(context, party, "delivered");
    for (const party of again) judgeDelivery(context, { ...party, isFirst: false });
    for (const party of fresh) judgeDelivery(context, { ...party, isFirst: true });
  }
  notes.write(context.state);
  for (const { slot, left } of slots) {
    if (left > 0) unsettled.set(context.state, slotKey(slot), { slot, left });
    else close(context, slot);
  }
}

/** The slots of a party, oldest first, up to the first that its meters have not come to. */
function* reportedSlots(context: BlockContext, owner: string) {
  for (const slot of slotsWaitedFor(context.state, owner)) {
    const energy = energyOf(context, owner, slot);
    if (energy === "pending") return;
    yield { slot, settled: { owner, energy } };
  }
}

/** The meters of a party that count in a slot, and the slot as a span. */
function metersOf({ state, parameters }: BlockContext, owner: string, slot: UtcMs) {
  const lengthMs = slotMs(parameters);
  const party = partyInSlot(state, owner, { start: slot, end: slot + lengthMs });
  return { meters: party?.meters ?? [], lengthMs };
}

/** What a party's meters showed; `lost` when no reading can tell it any more. */
function energyOf(
  context: BlockContext,
  owner: string,
  slot: UtcMs,
): PartyEnergy | "lost" | "pending" {
  const { state } = context;
  const { meters, lengthMs } = metersOf(context, owner, slot);
  if (meters.length === 0) return "lost";
  const each = energyOfEach(state, meters, { start: slot, lengthMs });
  if (each !== undefined) {
    // Readings on both boundaries, or the members' word, leave no gap to look for.
    const apart = meters.some((meter, i) => {
      const method = each[i]?.method;
      if (method === "exact" || method === "corrected") return false;
      return isApart(state, meter, slot, lengthMs);
    });
    return shownEnergy(each, apart);
  }
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

/** A slot of which parties have reported: those settled now, those that were estimated, and how many are left. */
type ReadySlot = SlotPosting & {
  readonly fresh: readonly PartySlot[];
  readonly again: readonly PartySlot[];
  readonly left: number;
};

function readySlot(context: BlockContext, slot: UtcMs, settled: readonly Settled[]): ReadySlot {
  const { state } = context;
  const record = unsettled.get(state, slotKey(slot));
  assert(record !== undefined, `slot ${slot} is waited for, so it is unsettled`);
  const sales = salesByParty(state, slot);
  const [fresh, again]: [PartySlot[], PartySlot[]] = [[], []];
  for (const { owner, energy: known } of settled) {
    const own = sales.get(owner) ?? [];
    const energy = known === "lost" ? unproven(context, { slot, owner, sales: own }) : known;
    (isSettled(state, slot, owner) ? again : fresh).push({ slot, owner, energy, sales: own });
  }
  return {
    slot,
    due: contractsDue(context, slot, sales),
    parties: makeParties(context, fresh, "delivered"),
    fresh,
    again,
    left: record.left - settled.length,
  };
}

type Trader = { readonly slot: UtcMs; readonly owner: string; readonly sales: readonly Sale[] };

function unproven(context: BlockContext, { slot, owner, sales }: Trader): PartyEnergy {
  const meters = metersOf(context, owner, slot);
  return unprovenEnergy(context.state, { owner, slot, sales, ...meters });
}

/** Settles anew what late readings, corrections and decisions about contracts have changed. */
function settleAnew(context: BlockContext): void {
  const { state } = context;
  const list = [...resettle.scan(state)];
  let sales: { slot: UtcMs; of: ReturnType<typeof salesByParty> } | undefined;
  for (const [id, { slot, owner, why }] of list) {
    resettle.delete(state, id);
    // A slot of long ago has left the state: what came of it stays as it is.
    if (slots.get(state, slotKey(slot)) === undefined) continue;
    const last = lastSettlement(state, slot, owner);
    if (last === undefined) continue;
    if (sales?.slot !== slot) sales = { slot, of: salesByParty(state, slot) };
    const party = { slot, owner, sales: sales.of.get(owner) ?? [] };
    const known = energyOf(context, owner, slot);
    if (why === "contract-void") subsidiseAnew(context, party);
    // While it is waited for, it stays an estimate.
    if (known === "pending" && last.settlement.why === "provisional") {
      resettleParty(context, { ...party, energy: estimated(context, party) }, "provisional");
      continue;
    }
    const energy = typeof known === "string" ? unproven(context, party) : known;
    resettleParty(context, { ...party, energy }, why);
    judgeDelivery(context, { ...party, energy, isFirst: false });
    askToCertify(state, slot);
  }
}

/** The first entry of the list whose time has come. */
function estimateDue(state: StateReader, time: UtcMs) {
  for (const [id, { slot }] of estimateDues.scan(state)) {
    return Number(id.slice(0, id.indexOf("/"))) <= time ? { id, slot } : undefined;
  }
  return undefined;
}

/** Key of a slot in that list; undefined where its parameters know no estimates. */
function estimateId(slot: UtcMs, parameters: Parameters): string | undefined {
  const { provisionalMinutes } = parameters;
  if (provisionalMinutes === undefined) return undefined;
  const at = timetable(slot, parameters).end + provisionalMinutes * 60_000;
  return `${slotKey(at)}/${slotKey(slot)}`;
}

/** Settles those provisionally whose meters have been silent for as long as the parameters allow. */
function estimateSilent(context: BlockContext): void {
  const { state, time } = context;
  for (let i = 0; i < estimatesMax; i++) {
    const due = estimateDue(state, time);
    if (due === undefined) return;
    const { id, slot } = due;
    estimateDues.delete(state, id);
    const sales = salesByParty(state, slot);
    const silent = Array.from(owners.scan(state), ([owner]) => owner).filter(
      (owner) => isWaitedFor(state, owner, slot) && !isSettled(state, slot, owner),
    );
    const parties = silent.map((owner) => {
      const party = { slot, owner, sales: sales.get(owner) ?? [] };
      return { ...party, energy: estimated(context, party) };
    });
    settleParties(context, parties, "provisional");
    settleContracts(context, slot, sales);
  }
}

function estimated(context: BlockContext, { slot, owner, sales }: Trader): PartyEnergy {
  const meters = metersOf(context, owner, slot);
  return provisionalEnergy(context.state, { owner, slot, sales, ...meters });
}

function close(context: BlockContext, slot: UtcMs): void {
  const { state, emit } = context;
  const key = slotKey(slot);
  const record = slots.get(state, key);
  assert(record !== undefined, `slot ${slot} is unsettled, so it was opened`);
  slots.set(state, key, { ...record, stage: "settled" });
  unsettled.delete(state, key);
  const estimate = estimateId(slot, parametersOf(state, slot));
  if (estimate !== undefined) estimateDues.delete(state, estimate);
  const balance = balanceOf(state, slot);
  emit({ type: "slot-settled", slot, ...balance, rounding: roundingOf(balance) });
  expectCertificates(context, slot);
}
