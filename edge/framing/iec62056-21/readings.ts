import { formatDecimal, parseDecimal } from "../../meters/decimal.ts";
import type { TelegramReading } from "../telegram.ts";
import type { DataSet, DataSets, DataValue } from "./data-sets.ts";
import { measuredQuantity, type ObisId, parseObis } from "./obis.ts";
import { meterTime } from "./time.ts";

/** The number that a value's text writes, exactly; undefined when it is none. */
export function numberOf({ value }: DataValue): TelegramNumber | undefined {
  const text = value.trim().replace(/^\+/, "");
  const decimal = /^-?\d+(\.\d+)?$/.test(text) ? parseDecimal(text) : undefined;
  return decimal && { value: formatDecimal(decimal), scaler: decimal.exponent };
}

type TelegramNumber = { readonly value: string; readonly scaler: number };

/** What data sets of a certain kind mean; undefined leaves them to the general rule. */
export type Meaning = (set: DataSet, id: ObisId) => TelegramReading | undefined;

/**
 * The readings of all data sets in their order; each is as exact as it was sent. A line that is no
 * data set stays as text. `meaning` comes before the general rule.
 */
export function readingsOf(
  { sets, strange }: DataSets,
  options: { readonly standardMinutes: number; readonly meaning?: Meaning },
): TelegramReading[] {
  const { standardMinutes, meaning } = options;
  const readings = sets.map((set): TelegramReading => {
    const id = parseObis(set.id);
    if (id === undefined) return textReading(undefined, "other", rawText(set));
    return meaning?.(set, id) ?? generalReading(set, id, standardMinutes);
  });
  return [...readings, ...strange.map(({ text }) => textReading(undefined, "unreadable", text))];
}

/** An object that is no number. */
export const textReading = (
  obis: string | undefined,
  quantity: string,
  text: string,
): TelegramReading => ({ obis, quantity, value: undefined, unit: "", scaler: 0, text });

/** A number with its time, or the unknown when the text is none. */
export function valueReading(options: {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly sent: DataValue;
  readonly time: string | undefined;
}): TelegramReading {
  const { obis, quantity, sent, time } = options;
  const number = numberOf(sent);
  return {
    obis,
    quantity,
    value: number?.value,
    unit: sent.unit ?? "",
    scaler: number?.scaler ?? 0,
    ...(time === undefined ? {} : { time }),
    ...(number === undefined && sent.value !== "" ? { text: sent.value } : {}),
  };
}

/** A data set as it stands: "(a)(b*unit)". */
export const rawText = ({ values }: DataSet): string =>
  values.map(({ value, unit }) => `(${value}${unit === undefined ? "" : `*${unit}`})`).join("");

/** One value, or one value and its time: a number where it has a unit or is a measured quantity. */
function generalReading(set: DataSet, id: ObisId, standardMinutes: number): TelegramReading {
  const measured = measuredQuantity(id);
  const quantity = id.stored ? `stored.${measured ?? "other"}` : (measured ?? "other");
  const withUnit = set.values.filter(({ unit }) => unit !== undefined);
  const [first, second] = set.values;
  const sent = withUnit[0] ?? first;
  const single = set.values.length === 1;
  const dated = set.values.length === 2 && withUnit.length < 2;
  const numeric = withUnit.length > 0 || measured !== undefined;
  if (sent === undefined || !numeric || !(single || dated)) {
    const text = single ? (first?.value ?? "") : rawText(set);
    return textReading(id.text, quantity, text);
  }
  const at = sent === first ? second : first;
  return valueReading({
    obis: id.text,
    quantity,
    sent,
    time: at && meterTime(at.value, standardMinutes),
  });
}
