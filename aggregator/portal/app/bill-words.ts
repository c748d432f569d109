import type {
  AccountLine,
  BillCarbon,
  BillLine,
  BillSlot,
  LineKind,
} from "../../settlement/bill/document.ts";
import { withAll } from "../../settlement/bill/taking-lines.ts";
import { dayAndClock, exactKwh } from "./format.ts";
import { t } from "./language.ts";

/** What a bill's lines are called, and how they are put together for people. */

const kinds: Readonly<Record<LineKind, string>> = {
  sale: t("Sold"),
  purchase: t("Bought"),
  "grid-fee": t("Way over the grid"),
  "grid-loss": t("Lost on the way"),
  subsidy: t("Subsidy"),
  surplus: t("Given beyond contracts"),
  shortage: t("Drawn beyond contracts"),
  fee: t("Fee"),
  tax: t("Tax"),
  levy: t("Levy"),
  "rest-sold": t("Sold: what nobody else gave"),
  "rest-bought": t("Bought: what nobody else took"),
  "shortages-sold": t("Sold beyond contracts"),
  "surpluses-bought": t("Bought beyond contracts"),
  "losses-sold": t("Sold for the lines’ losses"),
  "subsidies-paid": t("Subsidies paid"),
  "line-share": t("For lines operated"),
  "fees-taken": t("Fees received"),
  "taxes-taken": t("Taxes received"),
  "levies-taken": t("Levies received"),
};

/** Lines of one kind, a fee, tax or levy by its name; units as in the bill. */
export type KindOfLines = {
  readonly name: string;
  readonly money: number;
  readonly energyWh: number;
  readonly lines: readonly { readonly slot: BillSlot; readonly line: BillLine }[];
};

/** A bill's lines by kind, in the order in which they first stand in it; void ones count nothing. */
export function byKind(slots: readonly BillSlot[]): readonly KindOfLines[] {
  const found = new Map<string, { slot: BillSlot; line: BillLine }[]>();
  for (const slot of slots) {
    for (const line of slot.lines) {
      const name = line.charge === null ? kinds[line.kind] : `${kinds[line.kind]}: ${line.charge}`;
      const same = found.get(name);
      if (same === undefined) found.set(name, [{ slot, line }]);
      else same.push({ slot, line });
    }
  }
  return Array.from(found, ([name, lines]) => {
    const standing = lines.filter(({ line }) => line.state !== "void");
    const money = standing.reduce((sum, { line }) => sum + line.money, 0);
    const energyWh = standing.reduce((sum, { line }) => sum + line.energyWh, 0);
    return { name, money, energyWh, lines };
  });
}

const lineStates = { paid: t("paid"), due: t("not paid yet"), void: t("void") } as const;

const slotStates = {
  final: "",
  provisional: t("provisional"),
  held: t("held"),
  standing: t("as it stands"),
} as const;

/** Where a line stands: its own state, its slot's where it comes from meters, and that it corrects one. */
export function lineState(slot: BillSlot, { state, contract, version }: BillLine): string {
  return [
    lineStates[state],
    contract === null ? slotStates[slot.state] : "",
    contract === null && slot.method !== null ? t("estimated") : "",
    (version ?? 1) > 1 ? t("corrected, version {version}", { version: version ?? 1 }) : "",
  ]
    .filter((word) => word !== "")
    .join(", ");
}

/** With whom a line is. */
export function otherSide(id: string): string {
  return id === withAll ? t("all parties") : id;
}

/** What moved the account: by whether it made what the owner has more or less. */
export function accountWhat({ kind, money }: AccountLine): string {
  switch (kind) {
    case "payment":
      return money < 0 ? t("Payment received") : t("Payment made");
    case "collateral":
      return money < 0 ? t("Collateral handed back") : t("Collateral handed over");
    case "seized":
      return t("Collateral taken for what was owed");
    case "unread":
      return money < 0
        ? t("Energy drawn in a silence, beyond the estimates")
        : t("For energy drawn in a silence");
    case "escrow":
      return money < 0
        ? t("Put aside for a trade with another feeder")
        : t("Given back from a trade with another feeder");
    case "bond":
      return money < 0
        ? t("Owed for energy that did not go over")
        : t("For energy that did not come over");
    case "demand":
      return money < 0
        ? t("Demand response, paid by this account")
        : t("Demand response, paid to this account");
  }
}

const demandWords = {
  kept: t("kept"),
  unkept: t("not kept: on the credit report"),
  unproven: t("not proven"),
} as const;

/** What was signed, and what an order came to. */
export function accountWhy({ payment, demand, unread }: AccountLine): string {
  if (payment !== null) {
    const { by, version } = payment;
    return t("acknowledged by {by}, its no. {version}", { by, version });
  }
  if (unread !== null) {
    const { meter, energyWh, from, to } = unread;
    return t("{energy} kWh of meter {meter}, from {from} to {to}", {
      energy: exactKwh(energyWh),
      meter,
      from: dayAndClock(from),
      to: dayAndClock(to),
    });
  }
  if (demand === null) return "";
  const { deliveredWh, orderedWh, slot, slots, word, checked } = demand;
  return [
    t("{delivered} of {ordered} kWh less, slots: {slots}, from {time}", {
      delivered: exactKwh(deliveredWh),
      ordered: exactKwh(orderedWh),
      slots,
      time: dayAndClock(slot),
    }),
    demandWords[word],
    ...(checked ? [t("made anew from the meters’ readings")] : []),
  ].join("; ");
}

/** Energy by what it was, with its factor (g CO₂ equivalent per kWh). */
export function carbonRows({
  retiredWh,
  takenWh,
  greenTakenWh,
  gramsPerKwh,
}: BillCarbon): readonly (readonly [name: string, energyWh: number, factor: number])[] {
  return [
    [t("Retired solar certificates"), retiredWh.solar, gramsPerKwh.solar],
    [t("Retired wind certificates"), retiredWh.wind, gramsPerKwh.wind],
    [t("All other"), takenWh - greenTakenWh, gramsPerKwh.rest],
  ];
}
