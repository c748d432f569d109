import { mulDiv, obis, type ReadingEntry, type Refusal } from "@busbar/protocol";
import { refuse } from "../refuse.ts";

/** The billed registers of an entry in whole Wh; one that did not answer is missing, not 0. */
export type EnergyRegisters = { readonly importWh?: number; readonly exportWh?: number };

/** 10 TWh: more on a meter of a microgrid is a typing error, or an attempt to overflow sums. */
const registerWhMax = 10_000_000_000_000;

const billed = [
  [obis.importEnergy, "importWh"],
  [obis.exportEnergy, "exportWh"],
] as const;

/** Reads the billed registers; code `readings.register` for one below 0 or beyond 10 TWh. */
export function energyRegisters({
  registers,
}: ReadingEntry): { readonly ok: true; readonly energy: EnergyRegisters } | Refusal {
  const energy: { importWh?: number; exportWh?: number } = {};
  for (const [code, name] of billed) {
    const decimal = registers.get(code);
    if (decimal === undefined) continue;
    const wh = wholeWh(decimal);
    if (wh === undefined) {
      const [mantissa, exponent] = decimal;
      return refuse(
        "readings.register",
        `${code}: expected 0 to 10 TWh, got ${mantissa}e${exponent} Wh`,
      );
    }
    energy[name] = wh;
  }
  return { ok: true, energy };
}

/** mantissa · 10^exponent rounded down: what the register had passed for certain. */
function wholeWh([mantissa, exponent]: readonly [number, number, number?]): number | undefined {
  if (mantissa < 0) return undefined;
  if (exponent < 0) return bounded(mulDiv(mantissa, 1, 10 ** -exponent, "floor"));
  // Exact up to 2⁵³, and what is beyond stays beyond 10 TWh when it is rounded.
  return bounded(mantissa * 10 ** exponent);
}

function bounded(value: number): number | undefined {
  return value > registerWhMax ? undefined : value;
}
