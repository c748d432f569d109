import { localDayStart, type TimeZone, utcOffsetMs } from "@busbar/protocol";
import { utcMonth } from "../../utc-month.ts";

const hourMs = 3_600_000;

/** A local month, or what is left of one: its name and [from, to) in ms since 1970 UTC. */
export type Month = { readonly name: string; readonly from: number; readonly to: number };

/** The local month that holds an instant, from that instant's day on. */
export function monthFrom(time: number, zone: TimeZone): Month {
  const nameOf = (at: number) => utcMonth(at + utcOffsetMs(zone, at));
  const from = localDayStart(zone, time);
  const name = nameOf(from);
  let to = from;
  // A day has 22 to 26 hours.
  while (nameOf(to) === name) to = localDayStart(zone, to + 30 * hourMs);
  return { name, from, to };
}
