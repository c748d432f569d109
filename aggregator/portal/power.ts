import { decodeMessage, obis, openFrame, type Readings } from "@busbar/protocol";
import type { CommittedBlock } from "../ledger/block.ts";

type Registers = Readings["entries"][number]["registers"];

/** What a meter's last entry shows: power in W, positive = drawn from the grid, null where it shows none,
 * and its clock byte. */
export type Shown = { readonly powerW: number | null; readonly clock: number | null };

/**
 * What each of the `meters` (keys) showed last in a block. Frames are decoded from the end and only until
 * every meter was met.
 */
export function newestPowers(
  { frames, results }: Pick<CommittedBlock, "frames" | "results">,
  meters: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, Shown> {
  const powers = new Map<string, Shown>();
  for (let i = frames.length - 1; i >= 0 && powers.size < meters.size; i--) {
    const bytes = frames[i];
    if (bytes === undefined || results[i] !== "ok") continue;
    const batch = readingsOf(bytes);
    if (batch === undefined || !meters.has(batch.meter) || powers.has(batch.meter)) continue;
    const last = batch.entries.at(-1);
    powers.set(batch.meter, { powerW: powerOf(last?.registers), clock: last?.clock ?? null });
  }
  return powers;
}

/** The batch in a committed frame; undefined when the frame is of another kind. */
function readingsOf(bytes: Uint8Array): Readings | undefined {
  const opened = openFrame(bytes);
  if (!opened.ok || opened.frame.kind !== "readings") return undefined;
  const decoded = decodeMessage("readings", opened.frame.envelope.payload);
  return decoded.ok ? decoded.message : undefined;
}

/** The signed net power (16.7.0), else import less export (1.7.0, 2.7.0). */
function powerOf(registers: Registers | undefined): number | null {
  const net = watts(registers, obis.netPower);
  if (net !== undefined) return net;
  const [drawn, given] = [watts(registers, obis.importPower), watts(registers, obis.exportPower)];
  return drawn === undefined && given === undefined ? null : (drawn ?? 0) - (given ?? 0);
}

function watts(registers: Registers | undefined, code: string): number | undefined {
  const decimal = registers?.get(code);
  if (decimal === undefined) return undefined;
  const [mantissa, exponent] = decimal;
  // For the eye only: no money is made of it.
  const value = Math.round(mantissa * 10 ** exponent);
  return Number.isSafeInteger(value) ? value : undefined;
}
