import { type DataSet, parseDataSets } from "../iec62056-21/data-sets.ts";
import { type ObisId, parseObis } from "../iec62056-21/obis.ts";
import {
  type Meaning,
  rawText,
  readingsOf,
  textReading,
  valueReading,
} from "../iec62056-21/readings.ts";
import { meterTime } from "../iec62056-21/time.ts";
import type { TelegramReading } from "../telegram.ts";
import type { DsmrTelegram } from "./frame.ts";

/** What a telegram says. */
export type DsmrContent = {
  readonly model: string;
  readonly serialNumber: string | undefined;
  readonly time: string | undefined;
  readonly readings: readonly TelegramReading[];
};

/** Minutes that winter time is ahead of UTC: 60 in central Europe, 0 in Ireland. */
export const centralEuropeMinutes = 60;

/** Reads a telegram. Readings are in its order, behind the header as text. */
export function parseDsmr(
  { header, text }: DsmrTelegram,
  standardMinutes = centralEuropeMinutes,
): DsmrContent {
  const data = parseDataSets(text);
  const types = deviceTypes(data.sets);
  const meaning: Meaning = (set, id) => dsmrMeaning({ set, id, types, standardMinutes });
  const readings = readingsOf(data, { standardMinutes, meaning });
  return {
    model: header,
    serialNumber: ["0-0:96.1.1", "0-0:96.1.0", "0-0:42.0.0"]
      .map((code) => readings.find(({ obis, text: said }) => obis === code && said !== ""))
      .find((found) => found !== undefined)?.text,
    time: readings.find(({ obis }) => obis === "0-0:1.0.0")?.time,
    readings: [textReading(undefined, "identification", header), ...readings],
  };
}

/** Device types of M-Bus channels. Source: EN 13757-3, table of media. */
const media: Readonly<Record<number, string>> = {
  2: "electricity",
  3: "gas",
  4: "heat",
  6: "hot_water",
  7: "water",
  10: "cooling",
  12: "heat",
};

function deviceTypes(sets: readonly DataSet[]): ReadonlyMap<number, string> {
  const types = new Map<number, string>();
  for (const { id, values } of sets) {
    const obis = parseObis(id);
    if (obis?.text !== `0-${obis?.b}:24.1.0`) continue;
    const name = media[Number(values[0]?.value)];
    if (name !== undefined) types.set(obis.b, name);
  }
  return types;
}

/** Objects of other groups, by code. Source: DSMR P1 companion standard §6.12, e-MUCS P1, IEC 62056-6-1. */
const texts: Readonly<Record<string, string>> = {
  "1-3:0.2.8": "version",
  "0-0:96.1.4": "version",
  "0-0:96.14.0": "tariff",
  "0-0:96.3.10": "breaker",
  "1-0:99.97.0": "outages.log",
  "0-0:98.1.0": "demand.history",
};
const counts: Readonly<Record<string, string>> = {
  "0-0:96.7.21": "outages.short",
  "0-0:96.7.9": "outages.long",
  ...byPhase("32.0", "sags"),
  ...byPhase("36.0", "swells"),
};
/** Limits; all nines say that there is none. */
const limits: Readonly<Record<string, string>> = {
  "0-0:17.0.0": "limit.power",
  "1-0:31.4.0": "limit.current",
};
const demands: Readonly<Record<string, string>> = {
  "1-0:1.4.0": "demand.import",
  "1-0:2.4.0": "demand.export",
  "1-0:1.6.0": "demand.import.max",
  "1-0:2.6.0": "demand.export.max",
};

function byPhase(code: string, name: string): Record<string, string> {
  return Object.fromEntries([1, 2, 3].map((n) => [`1-0:${12 + 20 * n}.${code}`, `${name}.l${n}`]));
}

type Object = {
  readonly set: DataSet;
  readonly id: ObisId;
  readonly types: ReadonlyMap<number, string>;
  readonly standardMinutes: number;
};

function dsmrMeaning(object: Object): TelegramReading | undefined {
  const { set, id, standardMinutes } = object;
  const [first = { value: "", unit: undefined }, ...others] = set.values;
  const obis = id.text;
  if (obis === "0-0:1.0.0") {
    const time = meterTime(first.value, standardMinutes);
    return { ...textReading(obis, "time", first.value), ...(time === undefined ? {} : { time }) };
  }
  if (id.a === 0 && id.c === 24) return subMeter(object);
  const text = texts[obis];
  if (text !== undefined)
    return textReading(obis, text, others.length > 0 ? rawText(set) : first.value);
  if (id.a === 0 && id.b > 0 && id.c === 96 && id.d === 1) {
    return textReading(obis, `ch${id.b}.serial`, fromHex(first.value));
  }
  if (["0-0:96.1.1", "0-0:96.1.0", "0-0:42.0.0"].includes(obis)) {
    return textReading(obis, "serial", fromHex(first.value));
  }
  if (id.a === 0 && id.c === 96 && id.d === 13)
    return textReading(obis, "message", fromHex(first.value));
  return numberMeaning(object);
}

function numberMeaning({ set, id, standardMinutes }: Object): TelegramReading | undefined {
  const obis = id.text;
  const [first = { value: "", unit: undefined }, second] = set.values;
  const count = counts[obis];
  if (count !== undefined)
    return valueReading({ obis, quantity: count, sent: first, time: undefined });
  const limit = limits[obis];
  if (limit !== undefined) {
    const none = /^9+(\.9+)?$/.test(first.value);
    const { value, unit } = first;
    return none
      ? { ...textReading(obis, limit, value), unit: unit ?? "" }
      : valueReading({ obis, quantity: limit, sent: first, time: undefined });
  }
  const demand = demands[obis];
  if (demand === undefined) return undefined;
  const time = second && meterTime(first.value, standardMinutes);
  return valueReading({ obis, quantity: demand, sent: second ?? first, time });
}

/** A meter behind the electricity meter: 24.1.0 its type, 24.2.n its counter, 24.3.0 DSMR 2.2's. */
function subMeter({ set, id, types, standardMinutes }: Object): TelegramReading {
  const obis = id.text;
  const device = types.get(id.b) ?? "other";
  const quantity = `ch${id.b}.${device}`;
  const [first = { value: "", unit: undefined }, second] = set.values;
  if (id.d === 1) return textReading(obis, `ch${id.b}.type`, first.value);
  if (id.d === 2 && second !== undefined) {
    return counter({ obis, quantity, sent: second, at: first.value, standardMinutes });
  }
  // (time)(status)(minutes)(values)(code)(unit)(value)
  const [, , , , code, unit, value] = set.values;
  if (id.d === 3 && code !== undefined && unit !== undefined && value !== undefined) {
    const sent = { value: value.value, unit: unit.value };
    return counter({ obis: code.value, quantity, sent, at: first.value, standardMinutes });
  }
  if (id.d === 4) return textReading(obis, `ch${id.b}.valve`, first.value);
  return textReading(obis, quantity, rawText(set));
}

/** A counter's value is known only with the unit and the time that belong to it. */
function counter(sent: {
  readonly obis: string;
  readonly quantity: string;
  readonly sent: { readonly value: string; readonly unit: string | undefined };
  readonly at: string;
  readonly standardMinutes: number;
}): TelegramReading {
  const time = meterTime(sent.at, sent.standardMinutes);
  if (time === undefined || sent.sent.unit === undefined) {
    return textReading(sent.obis, sent.quantity, `(${sent.at})(${sent.sent.value})`);
  }
  return valueReading({ ...sent, time });
}

/** Octets written as hex digits, as the text they are; what is no such text stays as it is. */
function fromHex(digits: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(digits)) return digits;
  const text = Buffer.from(digits, "hex").toString("latin1");
  return /^[\x20-\x7e]+$/.test(text) ? text : digits;
}
