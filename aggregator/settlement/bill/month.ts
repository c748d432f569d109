import { parseTimeZone, type TimeZone } from "@busbar/protocol";
import { parametersTable } from "../../ledger/parameters.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { monthPeriod, type Period } from "./period.ts";

/** A local month of a site, its clock, and how long its slots are. */
export type Month = Period & { readonly zone: TimeZone; readonly lengthMs: number };

/** The month that a text such as 2026-03 names on a site; undefined for what names none. */
export function monthIn(state: StateReader, text: string): Month | undefined {
  const parameters = parametersTable.get(state, "current");
  const zone = parameters && parseTimeZone(parameters.timeZone);
  const period = zone && monthPeriod(text, zone);
  return period && { ...period, zone, lengthMs: parameters.slotMinutes * 60_000 };
}
