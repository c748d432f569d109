import type { TelegramReading } from "../telegram.ts";
import { type DataSets, parseDataSets } from "./data-sets.ts";
import type { Identification } from "./frame.ts";
import { readingsOf, textReading } from "./readings.ts";

/** What a readout says. */
export type IecContent = {
  readonly data: DataSets;
  readonly model: string | undefined;
  readonly serialNumber: string | undefined;
  readonly readings: readonly TelegramReading[];
};

/** Where meters say their number, best first: property, serial and device numbers. */
const numbers = [
  "0-0:96.1.0",
  "1-0:96.1.0",
  "1-0:0.0.0",
  "1-1:0.0.0",
  "0-0:96.1.255",
  "0-0:96.1.1",
  "1-0:0.0.1",
];

/**
 * Reads a readout's text. Source: IEC 62056-21 §6.5; codes IEC 62056-6-1 and the older EDIS
 * (DIN 43863-3), whose ids have no A and B.
 */
export function parseReadout(text: string, from: Identification | undefined): IecContent {
  const data = parseDataSets(text);
  const readings = readingsOf(data, { standardMinutes: 60 });
  const said = numbers
    .map((code) => readings.find(({ obis }) => obis === code)?.text?.trim())
    .find((number) => number !== undefined && /[^0]/.test(number));
  const model = from && `${from.manufacturer} ${from.type}`.trim();
  return {
    data,
    model,
    serialNumber: said,
    readings: [
      ...(model === undefined ? [] : [textReading(undefined, "identification", model)]),
      ...readings,
    ],
  };
}
