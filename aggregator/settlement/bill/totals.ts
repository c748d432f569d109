import { mulDiv } from "@busbar/protocol";
import { takingSorts } from "../takings.ts";
import type {
  AccountLine,
  Bill,
  BillDay,
  BillLine,
  BillSlot,
  BillTotals,
  LineKind,
} from "./document.ts";
import type { LocalDay } from "./period.ts";

/** What all slots and orders come to; `inMonth` counts the slots that the month has. */
export function totalsOf(
  slots: readonly BillSlot[],
  account: readonly AccountLine[],
  inMonth: number,
): BillTotals {
  const lines = slots.flatMap((slot) => slot.lines);
  const sum = (...kinds: LineKind[]) =>
    lines.reduce((all, { kind, money }) => all + (kinds.includes(kind) ? money : 0), 0);
  const unread = account.filter(({ kind }) => kind === "unread");
  const more = (sign: 1 | -1) =>
    unread.reduce((all, { money }) => all + (money * sign > 0 ? money : 0), 0);
  const received = sum("sale", "surplus");
  const paid = 0 - sum("purchase", "shortage") - more(-1);
  const fees = 0 - sum("grid-fee", "grid-loss", "fee");
  const taxes = 0 - sum("tax", "levy");
  const subsidies = sum("subsidy");
  const orders = account.reduce((all, { kind, money }) => all + (kind === "demand" ? money : 0), 0);
  const takings = sum(...takingSorts) + more(1);
  const total = received - paid - fees - taxes + subsidies + orders + takings;
  const due = wholeHundredths(total);
  const count = (state: BillSlot["state"]) => slots.filter((slot) => slot.state === state).length;
  return {
    importWh: slots.reduce((all, slot) => all + slot.importWh, 0),
    exportWh: slots.reduce((all, slot) => all + slot.exportWh, 0),
    ...{ received, paid, fees, taxes, subsidies, orders, takings, total },
    rounding: due - total,
    due,
    pending: lines.reduce((all, { state, money }) => all + (state === "due" ? money : 0), 0),
    slots: {
      final: count("final") + count("held"),
      provisional: count("provisional"),
      standing: count("standing"),
      open: inMonth - slots.length,
    },
  };
}

/** Half to even: what is paid by hand has no smaller parts. */
export function wholeHundredths(money: number): number {
  return mulDiv(money, 1, 10_000, "half-even") * 10_000;
}

/** Each fee, tax and levy over all slots, by id. */
export function chargesOf(slots: readonly BillSlot[]): Bill["charges"] {
  const sums = new Map<string, { id: string; sort: string; money: number }>();
  for (const { charge, kind, money } of slots.flatMap(({ lines }): readonly BillLine[] => lines)) {
    if (charge === null) continue;
    const sum = sums.get(charge) ?? { id: charge, sort: kind, money: 0 };
    sums.set(charge, { ...sum, money: sum.money + money });
  }
  return [...sums.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The days of a month with what their slots come to. A slot is its start's. */
export function dayTotals(slots: readonly BillSlot[], days: readonly LocalDay[]): BillDay[] {
  let next = 0;
  return days.map(({ date, hours, to }) => {
    const sums = { importWh: 0, exportWh: 0, money: 0, slots: 0 };
    for (let slot = slots[next]; slot !== undefined && slot.slot < to; slot = slots[++next]) {
      sums.importWh += slot.importWh;
      sums.exportWh += slot.exportWh;
      sums.money += slot.money;
      sums.slots += 1;
    }
    return { date, hours, ...sums };
  });
}
