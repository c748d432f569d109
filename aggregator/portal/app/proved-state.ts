import { type AccountSide, accounts } from "../../ledger/accounts.ts";
import { greenLines } from "../../ledger/certificates.ts";
import { correctedSlots } from "../../ledger/corrections.ts";
import { creditReports, fullCredit } from "../../ledger/credit.ts";
import { demands } from "../../ledger/demand.ts";
import { deviceStatuses } from "../../ledger/device-status.ts";
import { bills } from "../../ledger/rules/bills/tables.ts";
import { contracts, slots } from "../../ledger/rules/market/tables.ts";
import { meterStates } from "../../ledger/rules/meter-state.ts";
import { type Settlement, settlements } from "../../ledger/settlements.ts";
import type { Table } from "../../ledger/state/table.ts";
import { count, dayAndClock, exactMoney, price } from "./format.ts";
import { t } from "./language.ts";

export type Line = readonly [name: string, value: string];

/** Something that is proved: its lines for people, and its values by the names that notices have for them. */
export type Told = {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly values: Readonly<Record<string, readonly (number | string)[]>>;
};

/** An entry of the state: `of` decodes it as one of a table. */
type Entry = {
  readonly id: string;
  readonly currency: string;
  of<T>(table: Table<T>): T | undefined;
};

/** What an entry of a table tells: of several versions each; nothing for tables that this page does not read. */
export function tableTold(name: string, entry: Entry): readonly Told[] {
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  return [reader?.(entry) ?? []].flat();
}

/** Energy to the last Wh. */
export const exactKwh = (wh: number | undefined) =>
  wh === undefined ? "–" : `${wh < 0 ? "−" : ""}${(Math.abs(wh) / 1000).toFixed(3)} kWh`;

const contractStates = [t("signed"), t("paid"), t("void")] as const;

const accountNames: Readonly<Record<AccountSide, string>> = {
  sales: t("Sales account"),
  purchase: t("Purchase account"),
  paid: t("Paid outside of the ledger"),
  collateral: t("Collateral"),
};

const readers: Readonly<Record<string, (entry: Entry) => Told | readonly Told[] | undefined>> = {
  contract(entry) {
    const held = entry.of(contracts);
    if (held === undefined) return undefined;
    const { slot, seller, buyer, energy, price: perKwh, fee = 0, settled } = held;
    return {
      title: t("Contract {contract}", { contract: entry.id }),
      lines: [
        [t("Hour"), dayAndClock(slot)],
        [t("Seller → buyer"), `${seller} → ${buyer}`],
        [t("Energy amount"), exactKwh(energy)],
        [t("Price"), `${price(perKwh)} ${entry.currency}/kWh`],
        [t("For the way over the grid"), `${price(fee)} ${entry.currency}/kWh`],
        [t("Gate"), t(held.scale)],
        [t("State"), held.held === 1 ? t("held") : (contractStates[settled] ?? "–")],
      ],
      values: {
        contract: [entry.id],
        slot: [slot],
        other: [seller, buyer],
        energy: [energy],
        price: [perKwh, perKwh + fee],
        paid: [settled],
      },
    };
  },
  settlement(entry) {
    const versions = entry.of(settlements)?.versions ?? [];
    // The newest first.
    return versions.map((held, i) => settlementTold(entry, held, i + 1)).reverse();
  },
  account(entry) {
    const held = entry.of(accounts);
    if (held === undefined) return undefined;
    const [owner = "", side = ""] = entry.id.split("/");
    return {
      title: `${owner}: ${accountNames[side as AccountSide] ?? side}`,
      lines: [
        [t("Money"), exactMoney(held.money, entry.currency)],
        [t("Energy amount"), exactKwh(held.energyWh)],
      ],
      values: {},
    };
  },
  bill(entry) {
    const held = entry.of(bills);
    if (held === undefined) return undefined;
    const [, month = ""] = entry.id.split("/");
    return {
      title: t("Bill of {month}", { month }),
      lines: [
        [t("Drawn"), exactKwh(held.importWh)],
        [t("Given"), exactKwh(held.exportWh)],
        [t("Money"), exactMoney(held.total, entry.currency)],
      ],
      values: { month: [month], import: [held.importWh], export: [held.exportWh] },
    };
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
      values: { why: held.entries.map(({ kind }) => `credit-${kind}`) },
    };
  },
  demand(entry) {
    const held = entry.of(demands);
    if (held === undefined) return undefined;
    const { by, device, action, slot, slots: n, energy, deliveredWh, money } = held;
    return {
      title: t("Order of {by} to {device}", { by, device }),
      lines: [
        [t("State"), t(held.status)],
        [t("What is ordered"), `${t(action)}, ${exactKwh(energy)}`],
        [t("From"), t("{time}, {count} hours", { time: dayAndClock(slot), count: n })],
        [t("Price"), `${price(held.price)} ${entry.currency}/kWh`],
        [t("Proven by the meters"), exactKwh(deliveredWh)],
        [t("Paid for it"), money === undefined ? "–" : exactMoney(money, entry.currency)],
      ],
      values: {
        slot: [slot],
        energy: [energy],
        price: [held.price],
        delivered: [deliveredWh ?? 0],
        money: [money ?? 0],
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
      },
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
      values: { meter: [entry.id] },
    };
  },
  slot(entry) {
    const held = entry.of(slots);
    if (held === undefined) return undefined;
    const { clearing = null, tradedWh, stage } = held;
    return {
      title: t("The market’s hour {time}", { time: dayAndClock(Number(entry.id)) }),
      lines: [
        [t("Stage"), t(stage)],
        [t("Clearing"), clearing === null ? "–" : `${price(clearing)} ${entry.currency}/kWh`],
        [t("Traded"), exactKwh(tradedWh)],
      ],
      values: { slot: [Number(entry.id)] },
    };
  },
};

function settlementTold({ id, currency }: Entry, held: Settlement, version: number): Told {
  const [slot = "", owner = ""] = id.split("/");
  const { traded, charges = [], money, imbalanceWh } = held;
  const owed = charges.reduce((sum, charge) => sum + charge.money, 0);
  const sum = (micro: number) => exactMoney(micro, currency);
  return {
    title: t("What the hour came to for {owner}, version {version}", { owner, version }),
    lines: [
      [t("Hour"), dayAndClock(Number(slot))],
      [t("Why"), t(held.why)],
      [t("Drawn"), exactKwh(held.importWh)],
      [t("Given"), exactKwh(held.exportWh)],
      [t("Sold less bought"), exactKwh(held.soldWh)],
      [t("Sold for"), sum(traded.soldMoney)],
      [t("Bought for"), sum(traded.boughtMoney)],
      [t("Difference"), exactKwh(imbalanceWh)],
      [t("Got for the difference"), sum(money)],
      [t("Fees, taxes and levies"), sum(owed)],
    ],
    values: {
      slot: [Number(slot)],
      version: [version],
      difference: [Math.abs(imbalanceWh)],
      money: [money, -money],
    },
  };
}
