import { type Decimal, formatDecimal, multiply } from "../../meters/decimal.ts";
import type { TelegramReading } from "../telegram.ts";
import { decodeNumber, decodeText, decodeTime } from "./data.ts";
import { electricity, type MbusHeader, type MbusRefusal, readHeader } from "./header.ts";
import { type MbusRecord, readRecords } from "./records.ts";
import {
  hex,
  type Meaning,
  meaningOf,
  type Phase,
  type Qualifiers,
  qualifiersOf,
} from "./units.ts";

/** One value of an answer, and the bytes that it was read from. */
export type MbusValue = { readonly reading: TelegramReading; readonly raw: Uint8Array };

export type MbusAnswer = {
  readonly ok: true;
  readonly header: MbusHeader;
  /** Their codes are final only after `withoutClashes` over all telegrams of an answer. */
  readonly values: readonly MbusValue[];
  /** The meter's clock, where the telegram has it. */
  readonly time: string | undefined;
  /** Further records come in the next telegram. */
  readonly more: boolean;
};

/** Reads the data field of a meter's answer. */
export function readAnswer(ci: number, data: Uint8Array): MbusAnswer | MbusRefusal {
  const head = readHeader(ci, data);
  if (!head.ok) return head;
  const { header } = head;
  const read = readRecords(data, header.recordsAt);
  if (!read.ok) return read;
  const records = header.bigEndian
    ? read.records.map((record) => ({ ...record, data: record.data.toReversed() }))
    : read.records;
  const dates = datesOf(records);
  const values = records.map((record) => valueOfRecord(record, header, dates));
  return {
    ok: true,
    header,
    values,
    time: dates.get(0),
    more: read.more,
  };
}

/** The date that each storage number carries. */
function datesOf(records: readonly MbusRecord[]): Map<number, string> {
  const dates = new Map<number, string>();
  for (const record of records) {
    const { vif, vifes, storage } = record;
    const plain = record.function === "instantaneous" && vifes.length === 0;
    if (!plain || meaningOf(vif)?.kind !== "time") continue;
    const time = decodeTime(record.data);
    if (time !== undefined && !dates.has(storage)) dates.set(storage, time);
  }
  return dates;
}

function valueOfRecord(
  record: MbusRecord,
  { meter }: MbusHeader,
  dates: ReadonlyMap<number, string>,
): MbusValue {
  const meaning = meaningOf(record.vif);
  const qualifiers = qualifiersOf(record, meter?.manufacturer);
  const name = nameOf({ record, meaning, qualifiers, meter });
  const time = meaning?.kind === "time" ? undefined : dates.get(record.storage);
  const dated = time === undefined ? {} : { time };
  const raw = record.data;
  if (meaning?.kind === "text" || meaning?.kind === "time" || isText(record)) {
    const text = meaning?.kind === "time" ? decodeTime(raw) : decodeText(record);
    const said = text === undefined || qualifiers.invalid ? {} : { text };
    const reading = { ...name, value: undefined, unit: "", scaler: 0, ...said, ...dated };
    return { reading, raw };
  }
  const scaler = (meaning?.exponent ?? 0) + qualifiers.exponent;
  const number = qualifiers.invalid ? undefined : decodeNumber(record);
  const value = number && scaled(number, scaler);
  const own = ownRegister(meaning, record.subunit, meter);
  const unit = own?.unit ?? meaning?.unit ?? record.plainText ?? "";
  return { reading: { ...name, value, unit, scaler, ...dated }, raw };
}

const isText = ({ coding }: MbusRecord): boolean => coding === "text" || coding === "binary";

function scaled(number: Decimal, scaler: number): string | undefined {
  const product = multiply(number, { mantissa: 1, exponent: scaler });
  return product && formatDecimal(product);
}

type Named = Pick<TelegramReading, "obis" | "quantity">;
type Naming = {
  readonly record: MbusRecord;
  readonly meaning: Meaning | undefined;
  readonly qualifiers: Qualifiers;
  readonly meter: MbusHeader["meter"];
};

/** Quantities that have a value a phase, and with it a total. */
const phased = new Set(["energy", "power", "reactive_energy", "reactive", "apparent_energy"]);

/**
 * A name that no other quantity has: all that sets a record apart and is not understood is part of
 * it. A code only where nothing is left to doubt, and for electricity alone.
 */
function nameOf({ record, meaning, qualifiers, meter }: Naming): Named {
  const { storage, tariff, subunit } = record;
  const { phase, others } = qualifiers;
  const own = ownRegister(meaning, subunit, meter);
  const base = own?.base ?? baseOf(record, meaning, meter);
  const direction = own?.direction ?? qualifiers.direction ?? (base === "energy" ? "import" : "");
  const known = own !== undefined || subunit === 0;
  const now = record.function === "instantaneous" && storage === 0;
  const plain = known && now && others.length === 0 && meter?.medium === electricity;
  const parts = [
    base,
    direction,
    phase ?? (tariff > 0 || !phased.has(base) ? "" : "total"),
    tariff > 0 ? `t${tariff}` : "",
    known ? "" : `unit${subunit}`,
    storage > 0 ? `storage${storage}` : "",
    record.function === "instantaneous" ? "" : record.function,
    ...others,
  ];
  const obis = plain ? obisOf({ base, direction, phase, tariff }) : undefined;
  return { obis, quantity: parts.filter((part) => part !== "").join(".") };
}

function baseOf(
  { vif, plainText }: MbusRecord,
  meaning: Meaning | undefined,
  meter: MbusHeader["meter"],
): string {
  if (meaning === undefined) return plainText === undefined ? `mbus.${hex(vif)}` : "mbus.text";
  // Heat and cold are no energy of ours.
  const heat = meaning.quantity === "energy" && meter?.medium !== electricity;
  return heat ? "heat" : meaning.quantity;
}

type Own = {
  readonly base: string;
  readonly direction: "import" | "export";
  readonly unit: string;
};

/** ABB counts in subunits, all under the VIF of Wh: A/B series manual 2CMC48001M0201, M-Bus. */
const abbSubunits: readonly (Own | undefined)[] = [
  undefined,
  { base: "energy", direction: "export", unit: "Wh" },
  { base: "reactive_energy", direction: "import", unit: "varh" },
  { base: "reactive_energy", direction: "export", unit: "varh" },
];

function ownRegister(
  meaning: Meaning | undefined,
  subunit: number,
  meter: MbusHeader["meter"],
): Own | undefined {
  const counts = meaning?.quantity === "energy" && meter?.manufacturer === "ABB";
  return counts ? abbSubunits[subunit] : undefined;
}

const phaseStep = { l1: 20, l2: 40, l3: 60 } as const;
/** The C of the sum, by quantity and direction; a phase's stands 20, 40, 60 further on. */
const codes: ReadonlyMap<string, { readonly c: number; readonly d: 7 | 8 }> = new Map([
  ["energy.import", { c: 1, d: 8 }],
  ["energy.export", { c: 2, d: 8 }],
  ["reactive_energy.import", { c: 3, d: 8 }],
  ["reactive_energy.export", { c: 4, d: 8 }],
  ["power", { c: 16, d: 7 }],
  ["power.import", { c: 1, d: 7 }],
  ["power.export", { c: 2, d: 7 }],
  ["reactive.import", { c: 3, d: 7 }],
  ["reactive.export", { c: 4, d: 7 }],
  ["current", { c: 11, d: 7 }],
  ["voltage", { c: 12, d: 7 }],
  ["frequency", { c: 14, d: 7 }],
]);

function obisOf(of: {
  readonly base: string;
  readonly direction: string;
  readonly phase: Phase | undefined;
  readonly tariff: number;
}): string | undefined {
  const { base, direction, phase, tariff } = of;
  const code = codes.get(direction === "" ? base : `${base}.${direction}`);
  if (code === undefined || tariff > 63) return undefined;
  if (phase === "n") return base === "current" && tariff === 0 ? "1-0:91.7.0" : undefined;
  if (phase !== undefined && tariff > 0) return undefined;
  const c = code.c + (phase === undefined ? 0 : phaseStep[phase]);
  return code.d === 7 && tariff > 0 ? undefined : `1-0:${c}.${code.d}.${tariff}`;
}

/** Codes that stand for any phase, and the phases' own: beside these, the value is a sum or a mean. */
const anyPhase: ReadonlyMap<string, readonly string[]> = new Map([
  ["1-0:11.7.0", ["1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"]],
  ["1-0:12.7.0", ["1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"]],
]);

/**
 * Takes codes away that do not name one value for sure: two values under one code, and the code of
 * any phase beside those of the phases. Wants all telegrams of an answer.
 */
export function withoutClashes(values: readonly MbusValue[]): MbusValue[] {
  const seen = new Map<string, number>();
  for (const { reading } of values) {
    if (reading.obis !== undefined) seen.set(reading.obis, (seen.get(reading.obis) ?? 0) + 1);
  }
  return values.map((value) => {
    const code = value.reading.obis ?? "";
    const clear = (seen.get(code) ?? 0) <= 1 && !anyPhase.get(code)?.some((own) => seen.has(own));
    return clear ? value : { ...value, reading: { ...value.reading, obis: undefined } };
  });
}
