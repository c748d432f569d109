import type { TelegramEntry } from "../telegram.ts";
import { parseReadout } from "./content.ts";
import { refused, streamChunks } from "./entries.ts";
import { type Identification, iecFramer, readoutBytesMax } from "./frame.ts";

/** Why bytes are no readout. */
export const iecReasons: Readonly<Record<string, string>> = {
  noise: "no message starts here",
  bcc: "the block check character does not hold",
  parity: "a character has the wrong parity",
  character: "a readout holds no such character",
  "no-start": "the readout has an end with block check but no start",
  "no-end": "the readout does not end as one does",
  grammar: "without a block check every line has to be a data set, and one is not",
  "too-long": `no end within ${readoutBytesMax} bytes`,
  cut: "the stream ends before the readout does",
};

/**
 * The readouts in what was on the line, in order, each with the identification before it; a refused
 * one with its reason. Requests and acknowledgements are understood and not told.
 */
export function* decodeIec62056(bytes: Uint8Array): Generator<TelegramEntry> {
  let identification: Identification | undefined;
  for (const { offset, ...item } of streamChunks(iecFramer("any"), bytes)) {
    if (item.kind === "damage") {
      yield refused({ offset, ...item }, iecReasons);
      continue;
    }
    const { telegram } = item;
    switch (telegram.kind) {
      case "request":
        identification = undefined;
        break;
      case "identification":
        identification = telegram.identification;
        break;
      case "acknowledgement":
        break;
      case "readout":
        yield entry(offset, telegram.text, identification);
        identification = undefined;
        break;
      case "push":
        yield entry(offset, telegram.text, telegram.identification);
        break;
      default:
        telegram satisfies never;
    }
  }
}

function entry(offset: number, text: string, from: Identification | undefined): TelegramEntry {
  const { serialNumber, readings } = parseReadout(text, from);
  return {
    ok: true,
    offset,
    protocol: "iec62056-21",
    ...(serialNumber === undefined ? {} : { address: serialNumber }),
    readings,
  };
}
