import { Failure, obis, quality, type ReadingEntry } from "@busbar/protocol";
import { multiply, parseDecimal } from "../meters/decimal.ts";
import { type Decimal, entryAt, isCredible, wholeWh } from "./entry.ts";
import { fell, leapt, type MeterMemory } from "./memory.ts";

/** What a meter's display showed last, in kWh as it was typed: `12345.6`. */
export type FinalDisplay = { readonly import?: string; readonly export?: string };

const codes = { import: obis.importEnergy, export: obis.exportEnergy } as const;

/**
 * The last entry of a meter that was taken down, from its display; the registers that nobody read off
 * stay as they were known. Undefined where none was read off: then the last reading is the end.
 *
 * Throws: `Failure` `replace.unknown` for a meter that has no readings, `replace.kwh` for what is no
 * number, `replace.register` for a register that the meter never showed, `replace.less` and
 * `replace.more` for a display that cannot follow the last reading: one that was typed wrongly.
 */
export function finalEntry(
  memory: MeterMemory,
  {
    meter,
    display,
    time,
    clock,
  }: {
    readonly meter: string;
    readonly display: FinalDisplay;
    readonly time: number;
    readonly clock: number;
  },
): ReadingEntry | undefined {
  const known = memory.registersOf(meter);
  const lastTime = memory.timeOf(meter);
  if (lastTime === 0) {
    throw stop("unknown", `${meter} has no readings yet: there is nothing to end`);
  }
  const typed = new Map<string, Decimal>();
  for (const way of ["import", "export"] as const) {
    const text = display[way];
    if (text === undefined) continue;
    if (!known.has(codes[way])) {
      throw stop("register", `${meter} never showed ${way}: leave it out`);
    }
    typed.set(codes[way], parseKwh(text));
  }
  if (typed.size === 0) return undefined;
  const said = [...typed].map(([code, value]) => `${code} ${wholeWh(value) / 1000} kWh`).join(", ");
  const last = [...typed.keys()]
    .map((code) => `${wholeWh(known.get(code) ?? [0, 0]) / 1000} kWh`)
    .join(", ");
  if (fell(typed, known)) {
    throw stop("less", `${meter} showed ${last} already, and ${said} is less; look at the digits`);
  }
  if (leapt(typed, known, time - lastTime)) {
    const message = `${said} is more than can have flowed since ${last}; look at the decimal point`;
    throw stop("more", message);
  }
  const registers = new Map([...known, ...typed]);
  // A reset that the ledger was not told of yet is told of here: it would refuse the entry for ever.
  const owed = memory.owed(meter);
  const how = owed === quality.measured ? quality.substituted : owed;
  return entryAt({ registers, quality: how }, { time, clock, lastTime });
}

function parseKwh(text: string): Decimal {
  const number = parseDecimal(text.trim().replace(",", "."));
  const wh = number && multiply(number, { mantissa: 1, exponent: 3 });
  const value = wh && { obis: obis.importEnergy, ...wh };
  const fits = value !== undefined && value.exponent >= -9 && isCredible(value);
  if (!fits) throw stop("kwh", `expected kWh as the display shows them, like 12345.6; got ${text}`);
  return [value.mantissa, value.exponent];
}

function stop(what: string, message: string): Failure {
  return new Failure(`replace.${what}`, message, { retry: "never" });
}
