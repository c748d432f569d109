import type { UtcMs } from "@busbar/protocol";
import { correctedSlots, meterSlotId } from "../../ledger/corrections.ts";
import { netOf, type PartyEnergy, shownEnergy } from "../../ledger/rules/market/estimate.ts";
import { partyInSlot } from "../../ledger/rules/market/parties.ts";
import type { Settlement } from "../../ledger/settlements.ts";
import { isApart, registerEnergy } from "../../ledger/slots.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { meters } from "../../ledger/tables.ts";
import type { BillMeter } from "./document.ts";
import { BillError, type BillGrounds, type ProvedBatch } from "./grounds.ts";
import { meterKey } from "./keys.ts";
import { replayMeter } from "./replay.ts";

/** What the signed readings say of each of an owner's meters. */
export type MeterBooks = ReadonlyMap<
  string,
  { readonly boundaries: StateReader; readonly batches: readonly ProvedBatch[] }
>;

/** Replays the readings of all meters. Throws: `BillError` `bill.readings`. */
export function readMeters({ state, batches }: BillGrounds): MeterBooks {
  const books = new Map<string, { boundaries: StateReader; batches: readonly ProvedBatch[] }>();
  for (const [id, own] of batches) {
    const meter = meters.get(state, id);
    if (meter === undefined) {
      throw new BillError("bill.readings", `no meter ${id} is proved`, { key: meterKey(id) });
    }
    const replayed = replayMeter(meter, own, state);
    if (!replayed.ok) {
      const frame = own[replayed.at]?.frame;
      const about = frame === undefined ? "all" : { frames: [frame] };
      throw new BillError("bill.readings", replayed.why, about);
    }
    books.set(id, { boundaries: replayed.boundaries, batches: own });
  }
  return books;
}

type Span = { readonly slot: UtcMs; readonly lengthMs: number };

/**
 * What a party's meters held in a slot by the signed readings and the members' corrections, compared with
 * what was settled. An estimate has no readings: it is what the certified settlement says.
 * Throws: `BillError` `bill.energy`.
 */
export function energyInSlot(
  { owner, state }: BillGrounds,
  books: MeterBooks,
  { slot, lengthMs, settlement }: Span & { readonly settlement: Settlement },
): { readonly energy: PartyEnergy; readonly meters: readonly BillMeter[] } {
  const { importWh = 0, exportWh = 0, method } = settlement;
  if (method !== undefined) {
    const energy = { importWh, exportWh, net: netOf([{ importWh, exportWh }]), method };
    return { energy, meters: [] };
  }
  const party = partyInSlot(state, owner, { start: slot, end: slot + lengthMs });
  const each = (party?.meters ?? []).map((meter) =>
    meterInSlot(state, books, meter, { slot, lengthMs }),
  );
  const sum = (of: (one: BillMeter) => number) => each.reduce((all, one) => all + of(one), 0);
  const shown = { importWh: sum((one) => one.importWh), exportWh: sum((one) => one.exportWh) };
  if (shown.importWh !== importWh || shown.exportWh !== exportWh) {
    const message = `the signed readings show ${shown.importWh} Wh drawn and ${shown.exportWh} Wh given, settled were ${importWh} and ${exportWh}`;
    throw new BillError("bill.energy", message, { slot });
  }
  const apart = each.some(({ meter, how }) => {
    const own = books.get(meter);
    return (
      how !== "corrected" && own !== undefined && isApart(own.boundaries, meter, slot, lengthMs)
    );
  });
  return { energy: shownEnergy(each, apart), meters: each };
}

function meterInSlot(
  state: StateReader,
  books: MeterBooks,
  meter: string,
  { slot, lengthMs }: Span,
): BillMeter {
  const corrected = correctedSlots.get(state, meterSlotId(slot, meter));
  if (corrected !== undefined) {
    const { importWh, exportWh } = corrected;
    return { meter, importWh, exportWh, how: "corrected", frames: null };
  }
  const book = books.get(meter);
  const energy = book && registerEnergy(book.boundaries, meter, slot, lengthMs);
  if (book === undefined || energy === undefined) {
    throw new BillError("bill.energy", `no signed readings of ${meter} reach over the slot`, {
      slot,
    });
  }
  const { importWh, exportWh, method } = energy;
  const frames = framesAround(book.batches, slot, slot + lengthMs);
  return { meter, importWh, exportWh, how: method, frames };
}

/** The frames from the last batch that begins before a slot to the first that reaches its end. */
function framesAround(
  batches: readonly ProvedBatch[],
  start: number,
  end: number,
): readonly [number, number] {
  let from = 0;
  let high = batches.length - 1;
  while (from < high) {
    const middle = (from + high + 1) >> 1;
    if ((batches[middle]?.batch.entries[0]?.time ?? 0) <= start) from = middle;
    else high = middle - 1;
  }
  let to = from;
  while (to < batches.length - 1 && (batches[to]?.batch.entries.at(-1)?.time ?? 0) < end) to += 1;
  return [batches[from]?.frame ?? 0, batches[to]?.frame ?? 0];
}
