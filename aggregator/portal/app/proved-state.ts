import { type AccountSide, ownerAccounts } from "../../ledger/accounts.ts";
import { greenLines } from "../../ledger/certificates.ts";
import { correctedSlots } from "../../ledger/corrections.ts";
import { creditReports, fullCredit } from "../../ledger/credit.ts";
import { demands } from "../../ledger/demand.ts";
import { deviceStatuses } from "../../ledger/device-status.ts";
import { meterStates } from "../../ledger/rules/meter-state.ts";
import { count, dayAndClock, exactMoney, price } from "./format.ts";
import { t } from "./language.ts";
import { marketReaders } from "./proved-market.ts";
import { type Entry, exactKwh, type Line, type Readers, type Told } from "./told.ts";

/** What an entry of a table tells: of several versions each; nothing for tables that this page does not read. */
export function tableTold(name: string, entry: Entry): readonly Told[] {
  const all = Object.hasOwn(readers, name) ? readers : marketReaders;
  const reader = Object.hasOwn(all, name) ? all[name] : undefined;
  return [reader?.(entry) ?? []].flat();
}

const accountNames: readonly (readonly [AccountSide, string])[] = Object.entries({
  sales: t("Sales account"),
  purchase: t("Purchase account"),
  paid: t("Paid outside of the ledger"),
  collateral: t("Collateral"),
  escrow: t("Put aside for trades with other feeders"),
} satisfies Record<AccountSide, string>) as [AccountSide, string][];

const readers: Readers = {
  account(entry) {
    const held = entry.of(ownerAccounts);
    if (held === undefined) return undefined;
    const lines = accountNames.flatMap(([side, name]): Line[] => {
      const own = held[side];
      if (own === undefined) return [];
      const energy = own.energyWh === 0 ? "" : `, ${exactKwh(own.energyWh)}`;
      return [[name, `${exactMoney(own.money, entry.currency)}${energy}`]];
    });
    return { title: entry.id, lines, values: {} };
  },
  credit(entry) {
    const held = entry.of(creditReports);
    if (held === undefined) return undefined;
    const score = Math.max(0, fullCredit - held.points);
    return {
      title: t("Credit report of {id}", { id: entry.id }),
      lines: [
        [t("Credit"), t("{score} of 1,000", { score: count(score) })],
        ...[...held.entries]
          .reverse()
          .map(({ kind, time, reason }): Line => [t(kind), `${reason} (${dayAndClock(time)})`]),
      ],
      values: {
        why: held.entries.map(({ kind }) => `credit-${kind}`),
        left: [held.points],
      },
      keys: {
        ...(held.entries.length > 0 ? { credit: entry.id === entry.reader } : {}),
      },
    };
  },
  demand(entry) {
    const held = entry.of(demands);
    if (held === undefined) return undefined;
    const { by, owner, device, action, slot, slots: n, energy, status, deliveredWh, money } = held;
    const [isMine, isAsked] = [owner === entry.reader, by === entry.reader];
    return {
      title: t("Order of {by} to {device}", { by, device }),
      lines: [
        [t("State"), t(status)],
        [t("What is ordered"), `${t(action)}, ${exactKwh(energy)}`],
        [t("From"), t("{time}, {count} hours", { time: dayAndClock(slot), count: n })],
        [t("Price"), `${price(held.price)} ${entry.currency}/kWh`],
        [t("Proven by the meters"), exactKwh(deliveredWh)],
        [t("Paid for it"), money === undefined ? "–" : exactMoney(money, entry.currency)],
      ],
      values: {
        by: [by],
        unit: [device],
        action: [`order-${action}`],
        slot: [slot],
        slots: [n],
        energy: [energy],
        price: [held.price],
        ordered: [energy * n],
        ...(deliveredWh === undefined ? {} : { delivered: [deliveredWh] }),
        ...(money === undefined ? {} : { money: [money] }),
        ...(status === "settled" ? {} : { status: [`order-is-${status}`] }),
      },
      keys: {
        ...(status === "offered" || status === "contracted" ? { [`order-${status}`]: isMine } : {}),
        ...(["contracted", "acknowledged", "refused", "lapsed"].includes(status)
          ? { "order-answered": isMine || isAsked }
          : {}),
        ...(status === "settled" ? { "order-earned": isMine, "order-paid": isAsked } : {}),
      },
    };
  },
  green(entry) {
    const held = entry.of(greenLines);
    if (held === undefined) return undefined;
    const [slot = "", owner = "", form = ""] = entry.id.split("/");
    const { issuedWh, boughtWh, soldWh, retiredWh } = held;
    return {
      title: t("Green certificates of {owner}: {form}", { owner, form: t(form) }),
      lines: [
        [t("Hour"), dayAndClock(Number(slot))],
        [t("Issued"), exactKwh(issuedWh)],
        [t("Bought"), exactKwh(boughtWh)],
        [t("Sold"), exactKwh(soldWh)],
        [t("Retired"), exactKwh(retiredWh)],
      ],
      values: {
        slot: [Number(slot)],
        form: [form],
        issued: [issuedWh],
        boughtGreen: [boughtWh],
        soldGreen: [soldWh],
        retired: [retiredWh],
      },
      keys: { certificates: owner === entry.reader },
    };
  },
  corrected(entry) {
    const held = entry.of(correctedSlots);
    if (held === undefined) return undefined;
    const [slot = "", meter = ""] = entry.id.split("/");
    return {
      title: t("Correction of {meter}, version {version}", { meter, version: held.version }),
      lines: [
        [t("Hour"), dayAndClock(Number(slot))],
        [t("Drawn"), exactKwh(held.importWh)],
        [t("Given"), exactKwh(held.exportWh)],
      ],
      values: {
        slot: [Number(slot)],
        meter: [meter],
        import: [held.importWh],
        export: [held.exportWh],
        version: [held.version],
      },
      keys: { "slot-corrected": true },
    };
  },
  "device-status"(entry) {
    const held = entry.of(deviceStatuses);
    if (held === undefined) return undefined;
    return {
      title: entry.id,
      lines: [
        [t("State"), t(held.state)],
        [t("Since"), dayAndClock(held.since)],
        [t("By"), held.by],
      ],
      values: { unit: [entry.id], by: [held.by] },
      keys: {
        "device-suspended": held.state === "suspended",
        "device-resumed": held.state === "active",
      },
    };
  },
  reading(entry) {
    const held = entry.of(meterStates);
    if (held === undefined) return undefined;
    return {
      title: t("Signed readings of {meter}", { meter: entry.id }),
      lines: [
        [t("Newest reading"), `#${count(held.next - 1)}, ${dayAndClock(held.time)}`],
        [t("Drawn"), exactKwh(held.importWh)],
        [t("Given"), exactKwh(held.exportWh)],
      ],
      values: { meter: [entry.id], since: [held.time] },
    };
  },
};
