import type { UtcMs } from "@busbar/protocol";
import { askToCertify } from "../certificates.ts";
import { correctedSlots, meterSlotId } from "../corrections.ts";
import { askToProve } from "../demand.ts";
import type { BlockContext } from "../rule.ts";
import { askToResettle, lastSettlement, type SettlementReason } from "../settlements.ts";
import { registerEnergy } from "../slots.ts";
import type { MeterEntry } from "../tables.ts";
import { gapMsMax } from "./boundaries.ts";

/**
 * What readings change that come after their slots were settled, or corrected for want of them: the
 * registers win over a correction that stood instead of nothing, and the owner is settled anew.
 * `ends` are the boundaries that the readings settled.
 */
export function noteLate(context: BlockContext, meter: MeterEntry, ends: readonly number[]): void {
  const { state, time, parameters } = context;
  const slotMs = parameters.slotMinutes * 60_000;
  for (const end of ends) {
    const slot = (end - slotMs) as UtcMs;
    const id = meterSlotId(slot, meter.id);
    const corrected = correctedSlots.get(state, id);
    // Before that a settled slot was known.
    if (corrected === undefined && end + gapMsMax > time) continue;
    const energy = registerEnergy(state, meter.id, slot, slotMs);
    if (energy === undefined) continue;
    if (corrected?.over === "nothing") {
      correctedSlots.delete(state, id);
      context.emit({
        type: "slot-corrected",
        meter: meter.id,
        owner: meter.owner,
        slot,
        version: corrected.version,
        reason: "late-readings",
        before: { importWh: corrected.importWh, exportWh: corrected.exportWh },
        importWh: energy.importWh,
        exportWh: energy.exportWh,
      });
    }
    resettleOwner(context, meter, slot, "late-readings");
    askToCertify(state, slot);
  }
}

/**
 * Asks for a new settlement of a meter's owner, and of the order that its slot was under, where the meter counts and
 * there was one.
 */
export function resettleOwner(
  { state }: BlockContext,
  { owner, role }: MeterEntry,
  slot: UtcMs,
  why: SettlementReason,
): void {
  if (role !== "connection") return;
  askToProve(state, { owner, slot });
  if (lastSettlement(state, slot, owner) === undefined) return;
  askToResettle(state, { slot, owner, why });
}
