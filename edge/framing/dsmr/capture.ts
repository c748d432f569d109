import { refused, streamChunks } from "../iec62056-21/entries.ts";
import type { TelegramEntry } from "../telegram.ts";
import { type Checksum, type DsmrTelegram, dsmrFramer, telegramBytesMax } from "./frame.ts";
import { centralEuropeMinutes, parseDsmr } from "./parse.ts";

/** Why bytes are no telegram. */
export const dsmrReasons: Readonly<Record<string, string>> = {
  noise: "no telegram starts here",
  crc: "the checksum does not hold",
  "no-crc":
    "the telegram has no checksum; a DSMR 2.2 or 3 meter sends none, which has to be allowed for it",
  "line-ends":
    "the checksum holds only with CR LF line ends: the capture was converted; record it as binary",
  parity: "a character has the wrong parity",
  grammar: "without a checksum every line has to be a data set, and one is not",
  encrypted:
    "the telegram is encrypted, as meters in Luxembourg and Austria send it; the grid operator gives the key on request, and a decrypting adapter is needed",
  "too-long": `no end within ${telegramBytesMax} bytes`,
  cut: "the stream ends before the telegram does",
};

/** The telegrams of a P1 port's bytes, in order; a refused one with its reason. */
export function* decodeDsmr(
  bytes: Uint8Array,
  options: { readonly checksum?: Checksum; readonly standardMinutes?: number } = {},
): Generator<TelegramEntry> {
  const { checksum = "required", standardMinutes = centralEuropeMinutes } = options;
  for (const item of streamChunks(dsmrFramer(checksum), bytes)) {
    if (item.kind === "damage") yield refused(item, dsmrReasons);
    else yield dsmrEntry(item.offset, item.telegram, standardMinutes);
  }
}

function dsmrEntry(offset: number, telegram: DsmrTelegram, standardMinutes: number): TelegramEntry {
  const { serialNumber, time, readings } = parseDsmr(telegram, standardMinutes);
  return {
    ok: true,
    offset,
    protocol: "dsmr",
    ...(serialNumber === undefined ? {} : { address: serialNumber }),
    ...(time === undefined ? {} : { time }),
    readings,
  };
}
