import { type UtcMs, utcMs } from "@busbar/protocol";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { type SlotEnergy, slotEnergy } from "../ledger/slots.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { type MeterEntry, meters } from "../ledger/tables.ts";

/** What the site generated and used in one slot, in Wh; null until it is known. */
export type SiteEnergy = { readonly generationWh: number | null; readonly loadWh: number | null };

/** Slots whose sums are held; more than the portal shows at once. */
const heldMax = 1_000;

const unknown: SiteEnergy = { generationWh: null, loadWh: null };

/**
 * Adds up the site's slots from its meters. What a slot's meters measured never changes once all are
 * known, so its sums are remembered.
 */
export function siteEnergies(state: StateReader, slotMs: number): (slot: number) => SiteEnergy {
  const held = new Map<number, SiteEnergy>();
  return (slot) => {
    const known = held.get(slot);
    if (known !== undefined) return known;
    const { sums, final } = sumSlot(state, utcMs(slot), slotMs);
    if (!final) return sums;
    const [oldest] = held.keys();
    if (held.size >= heldMax && oldest !== undefined) held.delete(oldest);
    held.set(slot, sums);
    return sums;
  };
}

/**
 * Generation is what generation meters give, and what the connections of owners without one give;
 * load is what is left of it and of the imports: generation + Σ import − Σ export at connections.
 */
function sumSlot(state: StateReader, slot: UtcMs, slotMs: number) {
  const all = Array.from(meters.scan(state), ([, meter]) => meter).filter(
    ({ until }) => until === undefined || until >= slot + slotMs,
  );
  const generators = new Set(
    all.flatMap(({ role, owner }) => (role === "generation" ? owner : [])),
  );
  let [generationWh, drawnWh, final] = [0, 0, all.length > 0];
  for (const meter of all) {
    if (meter.role !== "generation" && meter.role !== "connection") continue;
    const energy = slotEnergy(state, meter.id, slot, slotMs);
    if (energy === undefined) {
      const began = beginning(state, meter);
      // A meter that began later says nothing about this slot; one that never reported may still.
      if (began === undefined) final = false;
      else if (began <= slot) return { sums: unknown, final: false };
      continue;
    }
    if (meter.role === "connection") drawnWh += energy.importWh - energy.exportWh;
    generationWh += generated(meter, energy, generators);
  }
  // Meters round and interpolate each for itself, so an idle site may add up to a few Wh below 0.
  return { sums: { generationWh, loadWh: Math.max(0, generationWh + drawnWh) }, final };
}

function generated(
  { role, owner }: MeterEntry,
  { exportWh }: SlotEnergy,
  generators: ReadonlySet<string>,
): number {
  return role === "generation" || !generators.has(owner) ? exportWh : 0;
}

/** The first slot boundary that a meter's readings cover. */
function beginning(state: StateReader, { id }: MeterEntry): number | undefined {
  return meterStates.get(state, id)?.oldestBoundary;
}
