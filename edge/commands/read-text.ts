import { formatDecimal } from "../meters/decimal.ts";
import type { MeterIdentity, MeterReading, RegisterValue } from "../meters/meter.ts";
import { table } from "./output.ts";
import { wrap } from "./terminal.ts";

/** "grid: eastron-sdm630, serial 4711, 2026-11-27T19:50:12.345Z". */
export function readingHead(id: string, identity: MeterIdentity, { time }: MeterReading): string {
  const serial = identity.serialNumber === undefined ? "" : `, serial ${identity.serialNumber}`;
  return `${id}: ${identity.profile}${serial}, ${new Date(time).toISOString()}`;
}

export type TableOptions = {
  readonly width: number;
  readonly raw: boolean;
  /** Quantities to mark: they changed since the reading before. */
  readonly changed?: ReadonlySet<string>;
};

/** Values with OBIS code, unit and on wish registers; those the meter does not know below. */
export function valuesText({ values, unknown }: MeterReading, options: TableOptions): string[] {
  const { width, raw, changed } = options;
  const rows = values.map((value) => [
    value.obis ?? "",
    value.quantity,
    formatDecimal(value),
    `${value.unit}${changed?.has(value.quantity) === true ? " *" : ""}`,
    ...(raw ? [value.raw.map((word) => word.toString(16).padStart(4, "0")).join(" ")] : []),
  ]);
  const head = ["OBIS", "quantity", "value", "unit", ...(raw ? ["registers"] : [])];
  const lines = table(head, rows).split("\n");
  const column = raw ? (lines[0]?.indexOf("registers") ?? 0) : 4;
  const missing = unknown.length === 0 ? [] : [`unknown: ${unknown.join(", ")}`];
  return [...lines.map((line) => wrap(line, width, " ".repeat(column))), ...missing].flatMap(
    (line) => wrap(line, width, "  ").split("\n"),
  );
}

/** One line a value, for other programs: time, meter, code, quantity, value, unit. */
export function valueLines(id: string, { time, values }: MeterReading): string {
  const at = new Date(time).toISOString();
  const line = (value: RegisterValue) =>
    [at, id, value.obis ?? "-", value.quantity, formatDecimal(value), value.unit]
      .join(" ")
      .trimEnd();
  return values.map((value) => `${line(value)}\n`).join("");
}

/** A reading with the values only whose code or quantity has one of the texts in it. */
export function only(reading: MeterReading, texts: readonly string[]): MeterReading {
  if (texts.length === 0) return reading;
  const fits = (name: string) => texts.some((text) => name.includes(text));
  const values = reading.values.filter(({ obis = "", quantity }) => fits(obis) || fits(quantity));
  return { ...reading, values, unknown: reading.unknown.filter(fits) };
}
