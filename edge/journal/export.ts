import type { DatabaseSync } from "node:sqlite";
import { clockSource, quality, type ReadingEntry } from "@busbar/protocol";
import { formatDecimal } from "../meters/decimal.ts";
import { decodeRow } from "./row.ts";
import { type ReadingRange, readingRows } from "./rows.ts";

/** How readings leave the journal for other programs. */
export type ExportFormat = "csv" | "json" | "cbor";

/**
 * The readings of a range, piece by piece. CSV: one line per register, with a header, an entry without
 * registers as one line with none; JSON: one object per reading and line; CBOR: a sequence (RFC 8742)
 * of `readings` messages as they are signed. Values are exact decimals in the register's base unit.
 */
export function* exportReadings(
  database: DatabaseSync,
  format: ExportFormat,
  range: ReadingRange,
): Generator<string | Uint8Array> {
  if (format === "csv") yield "meter,seq,time,obis,value,resolution,quality,clock\n";
  for (const { payload } of readingRows(database, range)) yield piece(payload, format);
}

/** An entry in words and exact decimals. */
export function plainEntry({ time, registers, quality: how, clock }: ReadingEntry) {
  return {
    time: new Date(time).toISOString(),
    registers: Object.fromEntries(
      [...registers].map(([obis, [mantissa, exponent]]) => [
        obis,
        formatDecimal({ mantissa, exponent }),
      ]),
    ),
    /** By how much a register moves at least. */
    resolutions: Object.fromEntries(
      [...registers].map(([obis, [, exponent, step = 1]]) => [
        obis,
        formatDecimal({ mantissa: step, exponent }),
      ]),
    ),
    quality: nameIn(quality, how),
    clock: clockText(clock),
  };
}

function piece(payload: Uint8Array, format: ExportFormat): string | Uint8Array {
  if (format === "cbor") return payload;
  const row = decodeRow(payload);
  if (row === undefined) return "";
  const { meter, seq, prev } = row;
  const { time, registers, resolutions, ...how } = plainEntry(row.entry);
  if (format === "json") {
    const head = Buffer.from(prev).toString("hex");
    return `${JSON.stringify({ meter, seq, time, prev: head, registers, resolutions, ...how })}\n`;
  }
  const values = Object.entries(registers);
  return (values.length > 0 ? values : [["", ""]])
    .map(([obis = "", value]) =>
      [meter, seq, time, obis, value, resolutions[obis], how.quality, how.clock].join(","),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** What the unit's time rested on, and `doubtful` where the entry's time may be wrong. */
function clockText(clock: number): string {
  const source = nameIn(clockSource, clock & 0x70);
  return clock & 0x0f ? `${source} doubtful` : source;
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, known]) => known === value)?.[0] ?? String(value);
}
