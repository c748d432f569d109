import type { CertifiedEvent } from "@busbar/protocol";
import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../../notices/notice.ts";
import { tellingsOf } from "../../notices/tell/event.ts";
import { dayAndClock, exactMoney, price } from "./format.ts";
import { t } from "./language.ts";
import { exactKwh, type Line, type Told } from "./told.ts";

const instants = new Set(["slot", "from", "to", "until", "since", "time", "gate"]);
const prices = new Set(["price", "limit", "expected", "clearing", "fee"]);
const money = new Set(["amount", "owed", "seized", "penalty", "moneyDifference", "money"]);

/**
 * A certified event as it stands in the block's result, its numbers with their units; and what a notice of it says to
 * `reader`, by the rules that members make notices with.
 */
export function eventTold(
  event: CertifiedEvent,
  { currency, reader }: { readonly currency: string; readonly reader: string | undefined },
): readonly Told[] {
  const { type, ...fields } = event;
  const plain = Object.entries(fields).filter(
    (entry): entry is [string, string | number | boolean] =>
      ["string", "number", "boolean"].includes(typeof entry[1]),
  );
  const told: Told = {
    title: t("Event of the ledger: {type}", { type }),
    lines: plain.map(([name, value]): Line => [name, written(name, value, currency)]),
    values: {},
  };
  const own = tellings(event).filter(({ owner }) => owner === reader);
  if (own.length === 0) return [told];
  return own.map(({ key, facts }, i) => ({
    ...told,
    // Its lines are shown once.
    ...(i === 0 ? {} : { lines: [] }),
    values: Object.fromEntries(
      Object.entries(facts).map(([name, fact]) => [
        name,
        Object.values(fact) as (number | string)[],
      ]),
    ),
    keys: { [key]: true },
    whole: true,
  }));
}

/** Certified by a quorum, and all the same it may be an event that this page's version does not know. */
function tellings(event: CertifiedEvent): readonly Telling[] {
  try {
    const told: unknown = tellingsOf(event as unknown as LedgerEvent);
    return Array.isArray(told) ? (told as Telling[]) : [];
  } catch (error) {
    // It lacks what an event of this name has here.
    if (error instanceof TypeError) return [];
    throw error;
  }
}

function written(name: string, value: string | number | boolean, currency: string): string {
  if (typeof value !== "number") return String(value);
  if (/Wh$/.test(name)) return exactKwh(value);
  if (instants.has(name) && value > 1e11) return dayAndClock(value);
  if (prices.has(name)) return `${price(value)} ${currency}/kWh`;
  return money.has(name) ? exactMoney(value, currency) : String(value);
}
