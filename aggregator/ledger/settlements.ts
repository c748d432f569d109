import type { Micro, UtcMs } from "@busbar/protocol";
import {
  array,
  field,
  id,
  instant,
  int,
  oneOf,
  optional,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { groupedTable } from "./state/grouped.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const amount = int(0, most);
/** An owner's, or one of the site's own, whose names begin with `~`. */
const account = text(32, /^~?[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/);

/** Why a party's slot was settled, or settled once more; `provisional`: before its meters reported. */
const why = oneOf("delivered", "late-readings", "correction", "contract-void", "provisional");

/** How energy was put that no reading shows; how each comes about says `rules/market/estimate.ts`. */
const estimate = oneOf("days-before", "as-contracted", "unproven");
export type EstimateMethod = "days-before" | "as-contracted" | "unproven";

/** A fee, tax or levy, and the account that it went to. */
const owed = record("owed", {
  id: field(1, id),
  sort: field(2, oneOf("fee", "tax", "levy")),
  to: field(3, account),
  money: field(4, int<Micro>(-most, most)),
});

const money = int<Micro>(-most, most);

/** What the party's contracts of the slot come to, each at its price. */
const traded = record("traded", {
  contracts: field(1, amount),
  soldMoney: field(2, money),
  boughtMoney: field(3, money),
  feeMoney: field(4, money),
  subsidyMoney: field(5, money),
});

const settlement = record("settlement", {
  why: field(1, why),
  height: field(2, int(1, most)),
  /** What the party's meters showed, or count as having shown where `method` says so. */
  importWh: optional(3, amount),
  exportWh: optional(4, amount),
  /** Its contracts' energy: sold minus bought. */
  soldWh: field(5, int(-most, most)),
  /** The imbalance that was posted: a surplus is positive; and what the party got for it. */
  imbalanceWh: field(6, int(-most, most)),
  money: field(7, int<Micro>(-most, most)),
  /** With whom; absent where nothing was posted. */
  bureau: optional(8, id),
  /** How the energy was put; absent where it was measured, or corrected by the members. */
  method: optional(9, estimate),
  traded: field(10, traded),
  /** Absent where nothing is owed. */
  charges: optional(11, array(owed, 1, 16)),
});

export type Settlement = TypeOf<typeof settlement>;
export type SettlementReason = Settlement["why"];

/** A contract that was paid: its number in its slot, and what its buyer was paid for buying from the bureau. */
const paidContract = record("paid-contract", {
  number: field(1, int(1, most)),
  subsidy: optional(2, int<Micro>(0, most)),
});
export type PaidContract = TypeOf<typeof paidContract>;

const settledSlot = record("settled-slot", {
  /** None for a bureau, which has contracts and is settled with nobody. */
  versions: field(1, array(settlement, 0, 1_000_000)),
  /** Which of its contracts are paid. */
  paid: optional(2, array(paidContract, 1, 1_000_000)),
});

const hourMs = 3_600_000;
const minuteMs = 60_000;

/**
 * `settlement/<hour, 15 digits>/<owner>`: what the slots of an hour came to for a party, by the minute, as long as each
 * slot: each version in its order, and its contracts that are paid. Money and energy of a version replace those of the
 * one before: what was posted is the difference. They stand in one entry, so that whoever shows it shows all of them.
 * An id is `<slot, 15 digits>/<owner>`.
 */
export const settlements = groupedTable("settlement", settledSlot, {
  place(id) {
    const slot = Number(id.slice(0, 15));
    const hour = Math.floor(slot / hourMs) * hourMs;
    return { group: settlementHour(id), part: (slot - hour) / minuteMs };
  },
  idOf: (group, minute) =>
    `${slotKey(Number(group.slice(0, 15)) + minute * minuteMs)}${group.slice(15)}`,
  prefixOf: (idPrefix) => (idPrefix.length < 15 ? "" : settlementHour(idPrefix)),
});

/** The same for the hour that a slot lies in. */
function settlementHour(id: string): string {
  return `${slotKey(Math.floor(Number(id.slice(0, 15)) / hourMs) * hourMs)}${id.slice(15)}`;
}

/** `resettle/<slot>/<owner>`: parties whose slot is settled anew at the end of the block. */
export const resettle = table(
  "resettle",
  record("resettle", { slot: field(1, instant), owner: field(2, id), why: field(3, why) }),
);

/** Fifteen digits: sorts like the number, holds every instant until the year 33658. */
export function slotKey(start: number): string {
  return String(start).padStart(15, "0");
}

/** Key of a party's slot in its table. */
export function settlementId(slot: number, owner: string): string {
  return `${slotKey(slot)}/${owner}`;
}

/** All versions of what a party's slot came to, the first one first; none before it was settled. */
export function settlementVersions(
  state: StateReader,
  slot: number,
  owner: string,
): readonly Settlement[] {
  return settlements.get(state, settlementId(slot, owner))?.versions ?? [];
}

/** A party's slot as it stands, and how many versions there are; undefined before the first. */
export function lastSettlement(
  state: StateReader,
  slot: number,
  owner: string,
): { readonly version: number; readonly settlement: Settlement } | undefined {
  const versions = settlementVersions(state, slot, owner);
  const settlement = versions.at(-1);
  return settlement && { version: versions.length, settlement };
}

/** Puts what a party's slot came to behind what it came to before. */
export function addSettlement(
  state: State,
  { slot, owner }: { readonly slot: number; readonly owner: string },
  settlement: Settlement,
): void {
  const id = settlementId(slot, owner);
  const { versions = [], ...rest } = settlements.get(state, id) ?? {};
  settlements.set(state, id, { ...rest, versions: [...versions, settlement] });
}

/** Whether a party's slot was settled, provisionally or for good. */
export function isSettled(state: StateReader, slot: number, owner: string): boolean {
  return settlementVersions(state, slot, owner).length > 0;
}

/** A contract as far as it is paid: `<slot>-<number>` is its id. */
type Payable = { readonly slot: number; readonly seller: string; readonly buyer: string };

/** What was noted when a contract was paid; undefined for one that is not. */
export function paymentOf(
  state: StateReader,
  contract: string,
  { slot, seller, buyer }: Payable,
): PaidContract | undefined {
  const number = contractNumber(contract);
  // Each side has it; a bill's grounds hold one of them.
  for (const owner of [buyer, seller]) {
    const own = settlements.get(state, settlementId(slot, owner));
    const found = own?.paid?.find((one) => one.number === number);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Numbers of a slot's contracts that are paid. */
export function paidIn(state: StateReader, slot: number): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const [, { paid = [] }] of settlements.scan(state, `${slotKey(slot)}/`)) {
    for (const { number } of paid) numbers.add(number);
  }
  return numbers;
}

/** The id of a slot's contract by its number, from 1. */
export function contractId(slot: number, number: number): string {
  return `${slotKey(slot)}-${String(number).padStart(4, "0")}`;
}

/** A contract's number in its slot. */
export function contractNumber(contract: string): number {
  return Number(contract.slice(contract.indexOf("-") + 1));
}

/** Asks for a party's slot to be settled anew; one that never was stays with its first settlement. */
export function askToResettle(
  state: State,
  about: { readonly slot: UtcMs; readonly owner: string; readonly why: SettlementReason },
): void {
  resettle.set(state, `${slotKey(about.slot)}/${about.owner}`, about);
}
