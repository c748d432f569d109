import type { DatabaseSync } from "node:sqlite";
import { decodeRow } from "./row.ts";

/** How readings leave the journal for other programs. */
export type ExportFormat = "csv" | "json" | "cbor";

/** Which readings: of one meter or all, in a half-open span of site time. */
export type ExportRange = {
  readonly meter?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
};

/**
 * The readings of a range, piece by piece. CSV: one line per register, with a header; JSON: one
 * object per reading and line; CBOR: a sequence (RFC 8742) of `readings` messages.
 */
export function* exportReadings(
  database: DatabaseSync,
  format: ExportFormat,
  { meter, from = 0, to = Number.MAX_SAFE_INTEGER }: ExportRange,
): Generator<string | Uint8Array> {
  if (format === "csv") yield "meter,seq,time,obis,mantissa,exponent,quality,clock,step\n";
  const rows = database
    .prepare(
      `SELECT meter, seq, payload FROM reading
       WHERE time >= ? AND time < ? AND (? IS NULL OR meter = ?) ORDER BY meter, seq`,
    )
    .iterate(from, to, meter ?? null, meter ?? null);
  for (const { payload } of rows) yield piece(payload as Uint8Array, format);
}

function piece(payload: Uint8Array, format: ExportFormat): string | Uint8Array {
  if (format === "cbor") return payload;
  const row = decodeRow(payload);
  if (row === undefined) return "";
  const { meter, seq, prev, entry } = row;
  const time = new Date(entry.time).toISOString();
  const { quality, clock } = entry;
  if (format === "json") {
    const registers = Object.fromEntries(entry.registers);
    const head = Buffer.from(prev).toString("hex");
    return `${JSON.stringify({ meter, seq, time, prev: head, registers, quality, clock })}\n`;
  }
  return [...entry.registers]
    .map(([obis, [mantissa, exponent, step = 1]]) =>
      [meter, seq, time, obis, mantissa, exponent, quality, clock, step].join(","),
    )
    .map((line) => `${line}\n`)
    .join("");
}
