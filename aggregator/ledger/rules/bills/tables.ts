import {
  field,
  id,
  instant,
  int,
  optional,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const count = int(0, most);
const monthName = text(12, /^\d{4,9}-\d{2}$/);

const billRecord = record("bill", {
  /** What the month comes to: above 0 the owner gets it, below 0 it pays. */
  total: field(1, int(-most, most)),
  importWh: field(2, count),
  exportWh: field(3, count),
  /** Slots that are settled for good, by an estimate, and not at all yet. */
  final: field(4, count),
  provisional: field(5, count),
  open: field(6, count),
});

/**
 * `bill/<owner>/<yyyy-mm>`: what an owner's local month came to when its bill was ready; those of a year. What
 * is corrected later stands in the settlements, and in the bill that is made from them.
 */
export const bills = table("bill", billRecord);
export type MonthBill = TypeOf<typeof billRecord>;

const cursorRecord = record("bill-cursor", {
  month: field(1, monthName),
  from: field(2, instant),
  to: field(3, instant),
  /** The last owner whose bill of this month is out; absent: none is yet. */
  owner: optional(4, id),
  /** The next bills do not go out before this. */
  at: field(5, instant),
});

/** `bill-cursor/next`: the month whose bills are made out next. */
export const billCursors = table("bill-cursor", cursorRecord);
export type BillCursor = TypeOf<typeof cursorRecord>;
