import { obis, quality, type ReadingEntry, utcMs } from "@busbar/protocol";
import type { Journal } from "../journal/journal.ts";
import { wholeWh } from "../schedule/entry.ts";
import type { NetHistory } from "./forecast.ts";

/** A reading stands for a slot boundary when it was taken at most so long after it. */
const lateShare = 0.25;

/** Net energy and power at the unit's connection meters, from the journal's registers. */
export function netHistory(
  journal: Journal,
  { meters, slotMs }: { readonly meters: readonly string[]; readonly slotMs: number },
): NetHistory {
  const registerAt = (meter: string, boundary: number): number | undefined => {
    const until = utcMs(Math.round(boundary + slotMs * lateShare));
    let entry = journal.firstAt(meter, utcMs(boundary), until);
    // A gap says nothing; what follows it may still stand for the boundary.
    while (entry?.quality === quality.gap) {
      entry = journal.firstAt(meter, utcMs(entry.time + 1), until);
    }
    return entry === undefined ? undefined : netRegister(entry);
  };
  return {
    ofSlot: (slot) =>
      slot < 0
        ? undefined
        : sum(meters, (meter) => {
            const [from, to] = [registerAt(meter, slot), registerAt(meter, slot + slotMs)];
            return from === undefined || to === undefined ? undefined : to - from;
          }),
    currentPower: () => sum(meters, (meter) => powerOf(journal.newest(meter))),
  };
}

/** The sum, or undefined when one of them is not known: unknown is never 0. */
function sum(
  meters: readonly string[],
  of: (meter: string) => number | undefined,
): number | undefined {
  const parts = meters.map(of);
  if (parts.length === 0) return undefined;
  return parts.reduce((a, b) => (a === undefined || b === undefined ? undefined : a + b));
}

function netRegister({ registers }: ReadingEntry): number | undefined {
  const [taken, given] = [registers.get(obis.importEnergy), registers.get(obis.exportEnergy)];
  if (taken === undefined && given === undefined) return undefined;
  return (taken === undefined ? 0 : wholeWh(taken)) - (given === undefined ? 0 : wholeWh(given));
}

function powerOf(entry: ReadingEntry | undefined): number | undefined {
  const watts = (code: string) => {
    const value = entry?.registers.get(code);
    return value === undefined ? undefined : value[0] * 10 ** value[1];
  };
  const net = watts(obis.netPower);
  if (net !== undefined) return net;
  const [taken, given] = [watts(obis.importPower), watts(obis.exportPower)];
  if (taken === undefined && given === undefined) return undefined;
  return (taken ?? 0) - (given ?? 0);
}
