import type { CertifiedEvent } from "@busbar/protocol";
import { dayAndClock, exactMoney, price } from "./format.ts";
import { t } from "./language.ts";
import { exactKwh, type Line, type Told } from "./proved-state.ts";

const instants = new Set(["slot", "from", "to", "until", "since", "time", "gate"]);
const prices = new Set(["price", "limit", "expected", "clearing", "fee"]);
const money = new Set(["amount", "owed", "seized", "penalty", "moneyDifference", "money"]);

/** What events call what notices call otherwise. */
const names: Readonly<Record<string, string>> = {
  amount: "money",
  energyWh: "energy",
  orderedWh: "ordered",
  deliveredWh: "delivered",
  imbalanceWh: "difference",
  device: "unit",
};

/** A certified event as it stands in the block's result, its numbers with their units. */
export function eventTold(event: CertifiedEvent, currency: string): Told {
  const { type, ...fields } = event;
  const plain = Object.entries(fields).filter(
    (entry): entry is [string, string | number | boolean] =>
      ["string", "number", "boolean"].includes(typeof entry[1]),
  );
  const values = plain.map(([name, value]) => [
    names[name] ?? name,
    typeof value === "boolean" ? [] : [value],
  ]);
  return {
    title: t("Event of the ledger: {type}", { type }),
    lines: plain.map(([name, value]): Line => [name, written(name, value, currency)]),
    values: { ...Object.fromEntries(values), event: [type] },
  };
}

function written(name: string, value: string | number | boolean, currency: string): string {
  if (typeof value !== "number") return String(value);
  if (/Wh$/.test(name)) return exactKwh(value);
  if (instants.has(name) && value > 1e11) return dayAndClock(value);
  if (prices.has(name)) return `${price(value)} ${currency}/kWh`;
  return money.has(name) ? exactMoney(value, currency) : String(value);
}
