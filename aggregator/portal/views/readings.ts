import { decodeMessage, obis, openFrame, type ReadingEntry } from "@busbar/protocol";
import { meterStates } from "../../ledger/rules/meter-state.ts";
import type { Store } from "../../ledger/store.ts";
import type { StatementDetail } from "./shapes.ts";

type Reading = StatementDetail["meters"][number]["readings"]["from"][number];
type Entry = { readonly sequence: number; readonly entry: ReadingEntry };

/**
 * The signed readings that a boundary rests on: the one that was taken at it, else the last before and
 * the first after it. Found by halving the meter's chain, so it costs a few batches, however long that is.
 */
export function readingsAround(store: Store, meter: string, time: number): readonly Reading[] {
  const next = meterStates.get(store.state, meter)?.next ?? 1;
  // Of all sequences in [low, high) that were taken at or before `time`, the last one is below `low`.
  let [low, high] = [1, next];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = entryOf(store, meter, middle);
    // What lies in an archive is older than what is here.
    if (found === undefined || found.entry.time <= time) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [entryOf(store, meter, low - 1), entryOf(store, meter, low)];
  if (before?.entry.time === time) return [readingOf(before, "exact")];
  return [
    ...(before === undefined ? [] : [readingOf(before, "before")]),
    ...(after === undefined ? [] : [readingOf(after, "after")]),
  ];
}

function entryOf(store: Store, meter: string, sequence: number): Entry | undefined {
  const place = store.placeOfReading(meter, sequence);
  const frame = place && store.framesOf(place.height)[place.index];
  const opened = frame && openFrame(frame);
  if (opened === undefined || !opened.ok || opened.frame.kind !== "readings") return undefined;
  const decoded = decodeMessage("readings", opened.frame.envelope.payload);
  if (!decoded.ok) return undefined;
  const entry = decoded.message.entries[sequence - decoded.message.first];
  return entry && { sequence, entry };
}

function readingOf({ sequence, entry }: Entry, at: Reading["at"]): Reading {
  const { time, registers } = entry;
  const [importWh, exportWh] = [obis.importEnergy, obis.exportEnergy].map((code) =>
    whOf(registers.get(code)),
  );
  return { sequence, time, importWh: importWh ?? null, exportWh: exportWh ?? null, at };
}

/** For the eye: what the ledger counts with is its own (`rules/registers.ts`). */
function whOf(decimal: readonly [number, number, number?] | undefined): number | undefined {
  if (decimal === undefined) return undefined;
  const [mantissa, exponent] = decimal;
  const value = Math.floor(mantissa * 10 ** exponent);
  return Number.isSafeInteger(value) ? value : undefined;
}
