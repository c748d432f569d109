import { cost, microPerKwh } from "@busbar/protocol";
import { bills } from "../../ledger/rules/bills/tables.ts";
import { contracts, slots } from "../../ledger/rules/market/tables.ts";
import {
  contractId,
  type PaidContract,
  type Settlement,
  settlements,
} from "../../ledger/settlements.ts";
import { wholeHundredths } from "../../settlement/bill/totals.ts";
import { dayAndClock, exactMoney, price } from "./format.ts";
import { t } from "./language.ts";
import { type Entry, exactKwh, type Line, type Readers, type Told } from "./told.ts";

const none = microPerKwh(0);

/** What notices call a difference, by what was contracted and which way it went. */
const differences = ["sold", "bought", "none"].flatMap((contracted) =>
  ["given", "drawn"].map((way) => `${contracted}-more-${way}`),
);

function differenceKey({ soldWh, imbalanceWh }: Settlement): string {
  const contracted = soldWh === 0 ? "none" : soldWh > 0 ? "sold" : "bought";
  return `${contracted}-more-${imbalanceWh > 0 ? "given" : "drawn"}`;
}

/** Entries of the market and of what it came to. */
export const marketReaders: Readers = {
  contract(entry) {
    const held = entry.of(contracts);
    if (held === undefined) return undefined;
    const { slot, seller, buyer, energy, price: perKwh, fee = none, isVoid } = held;
    const { reader } = entry;
    const full = microPerKwh(perKwh + fee);
    const [given, paid] = [cost(perKwh, energy), cost(full, energy)];
    const isMine = { sold: reader === seller, bought: reader === buyer };
    return {
      title: t("Contract {contract}", { contract: entry.id }),
      lines: [
        [t("Hour"), dayAndClock(slot)],
        [t("Seller → buyer"), `${seller} → ${buyer}`],
        [t("Energy amount"), exactKwh(energy)],
        [t("Price"), `${price(perKwh)} ${entry.currency}/kWh`],
        [t("For the way over the grid"), `${price(fee)} ${entry.currency}/kWh`],
        [t("Gate"), t(held.scale)],
        [t("State"), held.held === 1 ? t("held") : isVoid === 1 ? t("void") : t("signed")],
      ],
      values: {
        contract: [entry.id],
        slot: [slot],
        other: [seller, buyer].filter((one) => one !== reader),
        energy: [energy],
        price: [isMine.bought ? full : perKwh],
        fee: [fee, paid - given],
        money: [isMine.bought ? paid : given],
        gate: [held.scale],
        origin: [held.origin],
      },
      keys: {
        ...isMine,
        "contract-void": isVoid === 1,
        ...(held.held === 1 ? { "contract-held": true } : {}),
        ...(held.held !== 1 && isVoid !== 1 ? { "contract-stands": true } : {}),
      },
    };
  },
  settlement(entry) {
    return entry.all(settlements).flatMap(([id, { versions, paid = [] }]) => {
      const one = { ...entry, id };
      // The newest first.
      const told = versions.map((held, i) => settlementTold(one, held, i + 1)).reverse();
      return paid.length === 0 ? told : [...told, paymentsTold(one, paid)];
    });
  },
  bill(entry) {
    const held = entry.of(bills);
    if (held === undefined) return undefined;
    const [owner, month = ""] = entry.id.split("/");
    const due = wholeHundredths(held.total);
    const isMine = owner === entry.reader;
    return {
      title: t("Bill of {month}", { month }),
      lines: [
        [t("Drawn"), exactKwh(held.importWh)],
        [t("Given"), exactKwh(held.exportWh)],
        [t("Money"), exactMoney(held.total, entry.currency)],
      ],
      values: {
        month: [month],
        import: [held.importWh],
        export: [held.exportWh],
        money: [Math.abs(due)],
        provisional: [held.provisional],
        open: [held.open],
      },
      keys: { "bill-to-get": isMine && due > 0, "bill-to-pay": isMine && due <= 0 },
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

/** Which contracts of a slot are paid: with a contract's own proof it says what was paid for what. */
function paymentsTold(entry: Entry, paid: readonly PaidContract[]): Told {
  const [slot = "", owner = ""] = entry.id.split("/");
  const all = new Map(
    paid.map(({ number, subsidy = 0 }) => [contractId(Number(slot), number), subsidy]),
  );
  return {
    title: t("Paid contracts of {owner}", { owner }),
    lines: Array.from(
      all,
      ([contract, subsidy]): Line => [
        contract,
        subsidy === 0 ? t("paid") : `${t("paid")}, ${exactMoney(subsidy, entry.currency)}`,
      ],
    ),
    values: {},
    paid: all,
  };
}

/** What entries prove together: a contract that another one shows to be paid. */
export function withPayments(all: readonly Told[]): readonly Told[] {
  return all.map((told) => {
    const [contract] = told.values.contract ?? [];
    const subsidy = all.flatMap(({ paid }) => paid?.get(String(contract)) ?? [])[0];
    if (subsidy === undefined || told.keys === undefined) return told;
    const { sold = false, bought = false } = told.keys;
    return {
      ...told,
      values: { ...told.values, subsidy: [subsidy] },
      keys: { ...told.keys, received: sold, paid: bought },
    };
  });
}

function settlementTold(entry: Entry, held: Settlement, version: number): Told {
  const [slot = "", owner = ""] = entry.id.split("/");
  const { traded, charges = [], money, imbalanceWh } = held;
  const sumOf = (...sorts: readonly string[]) =>
    charges.reduce((all, one) => all + (sorts.includes(one.sort) ? one.money : 0), 0);
  const owed = sumOf("fee", "tax", "levy");
  const isMine = owner === entry.reader;
  const sum = (micro: number) => exactMoney(micro, entry.currency);
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
      money: [imbalanceWh > 0 ? money : 0 - money],
      contracted: [Math.abs(held.soldWh)],
      estimate: held.method === undefined ? [] : ["estimated"],
      why: [`because-${held.why}`],
      owed: [owed],
      fees: [sumOf("fee")],
      taxes: [sumOf("tax")],
      levies: [sumOf("levy")],
    },
    keys: {
      ...Object.fromEntries(differences.map((key) => [key, isMine && key === differenceKey(held)])),
      ...(version > 1 ? { resettled: isMine } : {}),
      ...(charges.length > 0 ? { charges: isMine } : {}),
    },
  };
}
