import type { PortalMeter, PortalSlot, PortalTrade } from "../api.ts";
import { language, t } from "./language.ts";

/** How quantities are written for people. Money and prices come as integers of 10⁻⁶ and are written
 * from integers, so that no float can show a cent that is not there. */

const millionths = 1_000_000;
const dash = "–";
const minus = "−";

/** Money in the site's currency with two digits. */
export function money(micro: number, currency: string): string {
  return `${decimal(micro, 2)} ${currency}`;
}

/** Money to the last 10⁻⁶, for sums that must be exactly 0 and for titles. */
export function exactMoney(micro: number, currency: string): string {
  return `${decimal(micro, micro % 10_000 === 0 ? 2 : 6)} ${currency}`;
}

/** A price without its unit, four digits; null is "not traded". */
export function price(microPerKwh: number | null): string {
  return microPerKwh === null ? t("not traded") : decimal(microPerKwh, 4);
}

/** The clearing price of a slot; an hour that was not cleared yet is not one without trade. */
export function clearingText({ clearing, stage }: Pick<PortalSlot, "clearing" | "stage">): string {
  const early = stage === "open" || stage === "gate-closed";
  return clearing === null && early ? t("not yet") : price(clearing);
}

/** What each feeder's price is, and what flows over its line to its parent. */
export function feedersText(feeders: PortalSlot["feeders"]): string {
  return feeders
    .map(({ feeder, price: own, sentWh }) => {
      const place = feeder === null ? t("busbar") : feeder;
      const way = sentWh < 0 ? t("gets") : t("sends");
      const flow = feeder === null ? "" : `, ${way} ${kwh(Math.abs(sentWh))} kWh`;
      return `${place}: ${price(own)}${flow}`;
    })
    .join("\n");
}

export function priceUnit(currency: string): string {
  return `${currency}/kWh`;
}

/** A number of 10⁻⁶ with so many digits, rounded half away from 0, thousands set apart. */
function decimal(micro: number, digits: 2 | 4 | 6): string {
  const step = 10 ** (6 - digits);
  const size = Math.abs(micro);
  // In integers throughout: above 2⁵² adding half a step would round by itself.
  const below = size % step;
  const units = (size - below) / step + (2 * below >= step ? 1 : 0);
  const perWhole = millionths / step;
  const whole = grouped(Math.floor(units / perWhole));
  const fraction = String(units % perWhole).padStart(digits, "0");
  return `${micro < 0 && units > 0 ? minus : ""}${whole}.${fraction}`;
}

/** Energy in kWh with one digit, or MWh from 10 000 kWh on. */
export function energy(wh: number | null): string {
  if (wh === null) return dash;
  if (Math.abs(wh) >= 10_000_000) return `${tenths(wh / 1_000_000, 2)} MWh`;
  return `${tenths(wh / 1000, 1)} kWh`;
}

/** Energy in kWh without its unit, for columns that name it. */
export function kwh(wh: number | null): string {
  return wh === null ? dash : tenths(wh / 1000, 1);
}

/** Energy in kWh to the last Wh, without its unit. */
export function exactKwh(wh: number): string {
  return tenths(wh / 1000, 3);
}

/** Power without direction, in kW. */
export function power(watts: number | null): string {
  return watts === null ? dash : `${tenths(Math.abs(watts) / 1000, 1)} kW`;
}

export function count(value: number): string {
  return `${value < 0 ? minus : ""}${grouped(Math.abs(value))}`;
}

export function shortHash(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex;
}

/** Hour and minute of a site time, UTC. */
export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}

const day = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

/** How many of a meter's slots were measured, in percent rounded down: 100 % is all of them. */
export function measuredShare(slots: PortalMeter["slots"]): string {
  const all = slots === null ? 0 : slots.measured + slots.estimated + slots.missing;
  if (slots === null || all === 0) return dash;
  const permille = Math.floor((slots.measured * 1000) / all);
  return `${Math.floor(permille / 10)}.${permille % 10} %`;
}

/** "166 measured, 1 estimated, 1 missing" */
export function completenessText(slots: PortalMeter["slots"]): string {
  if (slots === null) return t("no reading yet");
  const { measured, estimated, missing } = slots;
  return t("{measured} measured, {estimated} estimated, {missing} missing", {
    measured: count(measured),
    estimated: count(estimated),
    missing: count(missing),
  });
}

/** What became of a contract, in a word and, where it was paid, a sum. */
export function tradeText({ state, amount }: PortalTrade, currency: string): string {
  return state === "paid" ? t("paid {money}", { money: money(amount ?? 0, currency) }) : t(state);
}

/** "Sun 14 Jun, 10:20 UTC" */
export function dayAndClock(ms: number): string {
  return `${day.format(ms).replace(",", "")}, ${clock(ms)} UTC`;
}

/** "14 Jun 10:00" where the day matters, else "10:00". */
export function slotName(slot: number, now: number): string {
  const dayMs = 86_400_000;
  if (Math.floor(slot / dayMs) === Math.floor(now / dayMs)) return clock(slot);
  return `${day.format(slot).replace(/^\w+,? /, "")} ${clock(slot)}`;
}

/** "10:00–11:00" */
export function slotSpan(slot: number, minutes: number): string {
  return `${clock(slot)}–${clock(slot + minutes * 60_000)}`;
}

function tenths(value: number, digits: number): string {
  const scale = 10 ** digits;
  const units = Math.round(Math.abs(value) * scale);
  const whole = grouped(Math.floor(units / scale));
  const fraction = String(units % scale).padStart(digits, "0");
  return `${value < 0 && units > 0 ? minus : ""}${whole}.${fraction}`;
}

function grouped(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ",");
}
