import { type NoticeLanguage, type TimeZone, utcOffsetMs } from "@busbar/protocol";
import type { Fact } from "../notice.ts";
import type { Catalogue } from "./catalogue.ts";

/** Whose way of writing numbers, money and dates. */
export type Locale = {
  readonly language: NoticeLanguage;
  readonly catalogue: Catalogue;
  readonly zone: TimeZone;
  readonly currency: string;
};

/** A fact as its owner writes it. Money has two decimals, or as many as it takes not to be nothing. */
export function formatFact(fact: Fact, locale: Locale): string {
  const { catalogue } = locale;
  const { energy, perEnergy } = catalogue.units;
  if ("wh" in fact) return joined(decimal(fact.wh, 3, 3), energy, locale);
  if ("micro" in fact)
    return joined(decimal(fact.micro, 6, moneyPlaces(fact.micro)), money(locale), locale);
  if ("perKwh" in fact) {
    return `${joined(decimal(fact.perKwh, 6, 4), money(locale), locale)}${perEnergy}`;
  }
  if ("permille" in fact) return `${fact.permille > 0 ? "+" : ""}${decimal(fact.permille, 1, 1)} %`;
  if ("at" in fact) return dateTime(fact.at, locale);
  if ("count" in fact) return decimal(fact.count, 0, 0);
  if ("month" in fact) return monthText(fact.month, locale);
  if ("word" in fact) return catalogue.words[fact.word];
  return fact.name;
}

/** Below a hundredth of the currency two decimals would say "nothing". */
function moneyPlaces(micro: number): number {
  const size = Math.abs(micro);
  return size === 0 || size >= 5_000 ? 2 : 6;
}

/** `value`·10⁻ˢᶜᵃˡᵉ with so many decimals, half away from zero, in groups of three. */
export function decimal(value: number, scale: number, places: number): string {
  const size = BigInt(Math.abs(Math.round(value)));
  const step = 10n ** BigInt(scale - places);
  const digits = String((size + step / 2n) / step).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
  const isZero = /^[0]*$/.test(digits);
  const sign = value < 0 && !isZero ? "−" : "";
  return `${sign}${whole}${places === 0 ? "" : `.${digits.slice(-places)}`}`;
}

function money({ currency, catalogue }: Locale): string {
  return catalogue.units.currencies[currency] ?? currency;
}

/** Latin letters are set off from a number by a space, Chinese characters are not. */
function joined(number: string, unit: string, { language }: Locale): string {
  return language === "zh" && !/^[A-Za-z]/.test(unit) ? `${number}${unit}` : `${number} ${unit}`;
}

const longMonths = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September"],
  ...["October", "November", "December"],
];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `June 2026`, `2026年6月`. */
function monthText(text: string, { language }: Locale): string {
  const [, year, month] = /^(\d+)-(\d\d)$/.exec(text) ?? [];
  const name = longMonths[Number(month) - 1];
  if (name === undefined) return text;
  return language === "zh" ? `${year}年${Number(month)}月` : `${name} ${year}`;
}

/** The owner's clock and calendar: `21 Jun 2026, 11:00`, `2026年6月21日11:00`. */
function dateTime(at: number, { language, zone }: Locale): string {
  const local = new Date(at + utcOffsetMs(zone, at));
  if (Number.isNaN(local.getTime())) return String(at);
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  const clock = [local.getUTCHours(), local.getUTCMinutes()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  if (language === "zh") return `${year}年${month + 1}月${day}日${clock}`;
  return `${day} ${months[month]} ${year}, ${clock}`;
}
