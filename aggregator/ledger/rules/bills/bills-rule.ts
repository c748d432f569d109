import { parseTimeZone, utcMs } from "@busbar/protocol";
import { accountEntriesSince } from "../../account-entries.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import { lastSettlement, slotKey } from "../../settlements.ts";
import type { StateReader } from "../../state/state.ts";
import { owners } from "../../tables.ts";
import { takers, takings } from "../../takings.ts";
import { cursors, dues, unsettled } from "../market/tables.ts";
import { countWaitedFor } from "../market/waited-slots.ts";
import { monthFrom } from "./month.ts";
import { type BillCursor, billCursors, bills, type MonthBill } from "./tables.ts";

/** A meter that stays silent holds up the others' bills no longer than this after the month's end. */
const patienceMs = 3 * 86_400_000;
/** Slots that one block adds up: the turn of a month must not make a block of seconds. */
const slotsMax = 3_000;
/** Between two blocks that make out bills, site ms. */
const paceMs = 1_000;
/** Bills of an owner that the state keeps. */
const keptMonths = 12;

/**
 * Says that the bills of a local month are ready: once all of its slots are settled, or some days after its
 * end. A bill counts what stands then; what is settled anew later is told as a correction. Some owners in a
 * block, in the order of their ids, until all had their turn.
 */
export const billsRule: BlockRule = {
  name: "bills",
  due(state, time) {
    const cursor = billCursors.get(state, "next");
    return cursor !== undefined && time >= cursor.at && isReady(state, cursor, time);
  },
  run(context) {
    const { state, time } = context;
    const cursor = billCursors.get(state, "next");
    if (cursor === undefined) return begin(context, time);
    if (time < cursor.at || !isReady(state, cursor, time)) return;
    const last = makeOut(context, cursor);
    if (last === undefined) return begin(context, cursor.to);
    billCursors.set(state, "next", { ...cursor, owner: last, at: utcMs(time + paceMs) });
  },
};

/** Expects the bills of the month that holds an instant. */
function begin({ state, time, parameters }: BlockContext, instant: number): void {
  const zone = parseTimeZone(parameters.timeZone) ?? { standardMs: 0 };
  const { name, from, to } = monthFrom(instant, zone);
  // Where nothing happened for months their bills follow each other at the same pace.
  const at = utcMs(Math.max(to, time + paceMs));
  billCursors.set(state, "next", { month: name, from: utcMs(from), to: utcMs(to), at });
}

function isReady(state: StateReader, { to, owner }: BillCursor, time: number): boolean {
  if (time < to) return false;
  return owner !== undefined || time >= to + patienceMs || isSettled(state, { to, time });
}

/** Whether all slots before an instant went through the market and were settled. */
function isSettled(
  state: StateReader,
  { to, time }: { readonly to: number; readonly time: number },
) {
  const next = cursors.get(state, "open")?.next;
  if (next === undefined || next < to) return false;
  for (const [id] of dues.scan(state)) {
    if (Number(id.slice(0, id.indexOf("/"))) <= time) return false;
    break;
  }
  for (const [, { slot }] of unsettled.scan(state)) return slot >= to;
  return true;
}

/** Makes out the bills of the owners after the cursor's; returns the last of them, or undefined where it
 * was everybody's. */
function makeOut(context: BlockContext, cursor: BillCursor): string | undefined {
  const lengthMs = context.parameters.slotMinutes * 60_000;
  const first = Math.ceil(cursor.from / lengthMs) * lengthMs;
  const each = Math.max(1, Math.ceil((cursor.to - first) / lengthMs));
  let room = Math.max(1, Math.floor(slotsMax / each));
  let last: string | undefined;
  for (const [owner, { party }] of owners.scan(context.state)) {
    if (cursor.owner !== undefined && owner <= cursor.owner) continue;
    if (party === "operator") continue;
    if (room-- === 0) return last;
    tell(context, { owner, cursor, first, lengthMs });
    last = owner;
  }
  return undefined;
}

type Wanted = {
  readonly owner: string;
  readonly cursor: BillCursor;
  readonly first: number;
  readonly lengthMs: number;
};

function tell({ state, emit }: BlockContext, wanted: Wanted): void {
  const bill = sumOf(state, wanted);
  // Who came later, or has no meter: nothing is to be billed.
  if (bill.final + bill.provisional === 0 && bill.total === 0) return;
  const { owner, cursor } = wanted;
  bills.set(state, `${owner}/${cursor.month}`, bill);
  const own = Array.from(bills.scan(state, `${owner}/`), ([id]) => id);
  for (const id of own.slice(0, Math.max(0, own.length - keptMonths))) bills.delete(state, id);
  const { month, to } = cursor;
  emit({ type: "bill-ready", owner, month, to, ...bill });
}

/** What a month comes to, as a bill adds it up: its settlements, what others owed for theirs, and orders. */
function sumOf(state: StateReader, { owner, cursor, first, lengthMs }: Wanted): MonthBill {
  const sum = { total: 0, importWh: 0, exportWh: 0, final: 0, provisional: 0 };
  const takes = takers.get(state, owner) !== undefined;
  for (let slot = first; slot < cursor.to; slot += lengthMs) {
    const taken = takes ? takings.get(state, `${slotKey(slot)}/${owner}`)?.sums : undefined;
    for (const { money } of taken ?? []) sum.total += money;
    const last = lastSettlement(state, slot, owner)?.settlement;
    if (last === undefined) continue;
    const { traded, money, charges = [], importWh = 0, exportWh = 0, why } = last;
    const { soldMoney, boughtMoney, feeMoney, subsidyMoney } = traded;
    const owed = charges.reduce((all, charge) => all + charge.money, 0);
    sum.total += soldMoney - boughtMoney - feeMoney + subsidyMoney + money - owed;
    sum.importWh += importWh;
    sum.exportWh += exportWh;
    if (why === "provisional") sum.provisional += 1;
    else sum.final += 1;
  }
  for (const [, { sort, time, money }] of accountEntriesSince(state, owner, cursor.from)) {
    if (sort === "demand" && time < cursor.to) sum.total += money;
  }
  const { total, importWh, exportWh } = sum;
  // Slots of the month that the party's meters have not told.
  const open = Math.max(0, countWaitedFor(state, owner, cursor) - sum.provisional);
  // What no account could hold is no bill's either; a block must not fail for it.
  return { ...sum, total: safe(total), importWh: safe(importWh), exportWh: safe(exportWh), open };
}

function safe(value: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}
