import assert from "node:assert/strict";
import type { UtcMs } from "@busbar/protocol";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { resettle } from "../../settlements.ts";
import { slotEnergy } from "../../slots.ts";
import { owners } from "../../tables.ts";
import { gapMsMax } from "../boundaries.ts";
import { meterStates } from "../meter-state.ts";
import { salesByParty, settleContracts } from "./contract-settlement.ts";
import { marketParties, meteredBy, partyInSlot } from "./parties.ts";
import { resettleParty, settleParty } from "./party-settlement.ts";
import { slotKey, slots, unsettled, waiting } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";

/**
 * How long after its end a slot is waited for. A meter that was away for longer has its energy shared
 * out over slots no more; one whose readings lie at its unit may still bring them, and what they show
 * is settled as a difference.
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
    const changed = Array.from(resettle.scan(context.state), ([, { owner }]) => owner);
    settleOwners(context, new Set([...touched, ...changed]));
    for (const [, { slot }] of unsettled.scan(context.state)) {
      if (!isOverdue(context, slot)) break;
      const everybody = Array.from(owners.scan(context.state), ([id]) => id);
      settleOwners(context, everybody);
      break;
    }
    settleAnew(context);
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
  for (const [, { slot }] of waiting.scan(context.state, `${owner}/`)) {
    const energy = energyOf(context, owner, slot);
    if (energy === "pending") return;
    yield { slot, settled: { owner, energy: energy === "lost" ? undefined : energy } };
  }
}

/** What a party's meters showed; `lost` when no reading can tell it any more. */
function energyOf(context: BlockContext, owner: string, slot: UtcMs) {
  const { state, parameters } = context;
  const lengthMs = slotMs(parameters);
  const { meters } = partyInSlot(state, owner, { start: slot, end: slot + lengthMs }) ?? {};
  if (meters === undefined) return "lost";
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
  settleContracts(context, slot);
  const sales = salesByParty(state, slot);
  for (const { owner, energy } of settled) {
    settleParty(context, { slot, owner, energy, sales: sales.get(owner) ?? [] });
  }
  const left = record.left - settled.length;
  if (left > 0) unsettled.set(state, key, { slot, left });
  else close(context, slot);
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
    if (sales?.slot !== slot) sales = { slot, of: salesByParty(state, slot) };
    const known = energyOf(context, owner, slot);
    const energy = typeof known === "string" ? undefined : known;
    resettleParty(context, { slot, owner, energy, sales: sales.of.get(owner) ?? [] }, why);
  }
}

function close({ state, emit }: BlockContext, slot: UtcMs): void {
  const key = slotKey(slot);
  const record = slots.get(state, key);
  assert(record !== undefined, `slot ${slot} is unsettled, so it was opened`);
  slots.set(state, key, { ...record, stage: "settled" });
  unsettled.delete(state, key);
  emit({ type: "slot-settled", slot, rounding: 0 });
}
