import type { Correction } from "@busbar/protocol";
import { askToCertify } from "../../certificates.ts";
import { slotCode } from "../../completeness.ts";
import { correctedSlots, meterSlotId } from "../../corrections.ts";
import { askToProve } from "../../demand.ts";
import type { BlockContext } from "../../rule.ts";
import { askToResettle } from "../../settlements.ts";
import { registerEnergy, slotEnergy } from "../../slots.ts";
import { meters } from "../../tables.ts";
import { mark } from "../completeness.ts";
import type { CaseOutcome } from "./tables.ts";

/** Puts a correction into force that the members upheld; any other outcome changes nothing. */
export function carryOutCorrection(
  context: BlockContext,
  { meter, slot, version, importWh, exportWh, reason }: Correction,
  outcome: CaseOutcome,
): void {
  const entry = meters.get(context.state, meter);
  if (outcome !== "upheld" || entry === undefined) return;
  const { state, parameters, height, emit } = context;
  const slotMs = parameters.slotMinutes * 60_000;
  const before = slotEnergy(state, meter, slot, slotMs);
  const known = registerEnergy(state, meter, slot, slotMs) !== undefined;
  const over = known ? "registers" : "nothing";
  correctedSlots.set(state, meterSlotId(slot, meter), {
    version,
    importWh,
    exportWh,
    over,
    height,
  });
  mark(state, { meter, slotMs }, [slot], () => slotCode("estimated", "corrected"));
  emit({
    type: "slot-corrected",
    meter,
    owner: entry.owner,
    slot,
    version,
    reason,
    before: before === undefined ? null : { importWh: before.importWh, exportWh: before.exportWh },
    importWh,
    exportWh,
  });
  askToCertify(state, slot);
  // Also where it was not settled yet: it may be now.
  if (entry.role !== "connection") return;
  askToResettle(state, { slot, owner: entry.owner, why: "correction" });
  askToProve(state, { slot, owner: entry.owner });
}
