import { parseTimeZone, type UtcMs, utcMs, wh } from "@busbar/protocol";
import { type AccountSide, leviesOwner, ownerAccounts } from "../../ledger/accounts.ts";
import { creditReports, creditScore } from "../../ledger/credit.ts";
import { parametersTable } from "../../ledger/parameters.ts";
import { saleOf } from "../../ledger/rules/market/contract-sale.ts";
import { statementTerms } from "../../ledger/rules/market/statement-terms.ts";
import { contracts, slotBalances, slotKey } from "../../ledger/rules/market/tables.ts";
import { paymentOf, type Settlement, settlementVersions } from "../../ledger/settlements.ts";
import { siteTable } from "../../ledger/site.ts";
import { owners } from "../../ledger/tables.ts";
import { voids } from "../../ledger/voids.ts";
import { emptyBalance, roundingOf } from "../balance.ts";
import { imbalanceMoney, type Statement, type StatementTerms, stateSlot } from "../statement.ts";
import { accountLines } from "./account-lines.ts";
import { carbonOf } from "./carbon-figure.ts";
import {
  type AccountLine,
  type Bill,
  type BillLine,
  type BillSlot,
  billFormat,
  isParty,
} from "./document.ts";
import { BillError, type BillGrounds } from "./grounds.ts";
import {
  accountKey,
  balanceKey,
  contractKey,
  creditKey,
  ownerKey,
  settlementKey,
  siteKey,
  voidsKey,
} from "./keys.ts";
import { energyInSlot, type MeterBooks, readMeters } from "./meters.ts";
import { Orders } from "./orders.ts";
import { billableMs, daysOf, monthPeriod } from "./period.ts";
import { contractLines, type NewLine, type OwnContract, versionLines } from "./slot-lines.ts";
import { takingsOf } from "./taking-lines.ts";
import { chargesOf, dayTotals, totalsOf } from "./totals.ts";

/**
 * Makes a month's bill from what was proved, and finds what does not fit together: energy against the
 * signed readings, contracts against the owner's quotes, all money against the certified settlement, and
 * the sums against each other. Throws: `BillError` `bill.*`.
 */
export function draftBill(grounds: BillGrounds): Omit<Bill, "proofs"> {
  const { owner, month, asOf, state } = grounds;
  const site = siteTable.get(state, "genesis");
  const parameters = parametersTable.get(state, "current");
  if (site === undefined || parameters === undefined) throw missing(siteKey);
  const about = owners.get(state, owner);
  if (about === undefined) throw missing(ownerKey(owner));
  const zone = parseTimeZone(parameters.timeZone);
  const period = zone && monthPeriod(month, zone);
  if (zone === undefined || period === undefined) {
    throw new BillError("bill.month", `expected a month as 2026-03, got ${month}`, "all");
  }
  insistOnTime(asOf.time, period.from);
  const lengthMs = parameters.slotMinutes * 60_000;
  const books = readMeters(grounds);
  const slots = slotsOf(grounds, books, { ...period, lengthMs });
  const before = slots.reduce((sum, { lines }) => sum + lines.length, 0);
  const account = accountLines(grounds, books, period).map((one, i): AccountLine => {
    return { line: before + i + 1, ...one };
  });
  const { id, name, party } = about;
  return {
    format: billFormat,
    chain: site.chain,
    site: site.site,
    currency: site.currency,
    owner: { id, name, party },
    month,
    timeZone: parameters.timeZone,
    slotMinutes: parameters.slotMinutes,
    ...period,
    asOf: {
      height: asOf.height,
      time: asOf.time,
      appHash: Buffer.from(asOf.appHash).toString("hex"),
    },
    totals: totalsOf(slots, account, Math.ceil((period.to - period.from) / lengthMs)),
    charges: chargesOf(slots),
    accounts: accountsOf(grounds),
    credit: creditOf(grounds),
    days: dayTotals(slots, daysOf(period, zone)),
    slots,
    account,
    carbon: isParty(party) ? carbonOf(grounds, { ...period, lengthMs }) : null,
  };
}

/** That the state is one that can hold the month: neither from before it nor from after it was forgotten. */
function insistOnTime(time: number, from: number): void {
  const at = new Date(time).toISOString();
  if (time < from) {
    throw new BillError("bill.incomplete", `the state of ${at} is older than the month`, "all");
  }
  if (time < from + billableMs) return;
  const last = new Date(from + billableMs).toISOString();
  const message = `the state of ${at} has begun to forget the month: expected one of before ${last}`;
  throw new BillError("bill.incomplete", message, "all");
}

type Month = { readonly from: number; readonly to: number; readonly lengthMs: number };

function slotsOf(
  grounds: BillGrounds,
  books: MeterBooks,
  { from, to, lengthMs }: Month,
): BillSlot[] {
  const orders = new Orders(grounds);
  const own = contractsBySlot(grounds);
  const settles = isParty(owners.get(grounds.state, grounds.owner)?.party ?? "");
  if (settles) insistOnVoids(grounds, { from, to });
  const takingsIn = takingsOf(grounds);
  const slots: BillSlot[] = [];
  let line = 0;
  for (let slot = Math.ceil(from / lengthMs) * lengthMs; slot < to; slot += lengthMs) {
    const all = settles ? versionsOf(grounds, slot) : [];
    const taken = takingsIn(slot);
    if (all.length === 0 && taken.length === 0) continue;
    const stated = {
      slot: utcMs(slot),
      lengthMs,
      versions: all,
      contracts: own.get(slot) ?? [],
      books,
      orders,
    };
    const made = withTakings(
      all.length === 0 ? standing(grounds, slot) : slotOf(grounds, stated),
      taken,
    );
    const lines = made.lines.map((one): BillLine => {
      line += 1;
      return { line, ...one };
    });
    slots.push({ ...made, lines });
  }
  return slots;
}

type NewSlot = Omit<BillSlot, "lines"> & { readonly lines: readonly NewLine[] };

/** A slot in which the owner has no meters: what others did in it stands as it does now. */
function standing(grounds: BillGrounds, slot: number): NewSlot {
  return {
    ...{ slot, state: "standing", why: "takings", importWh: 0, exportWh: 0, method: null },
    ...{ meters: [], site: siteSums(grounds, slot), money: 0, lines: [] },
  };
}

function withTakings(slot: NewSlot, taken: readonly NewLine[]): NewSlot {
  const money = taken.reduce((sum, one) => sum + one.money, slot.money);
  return { ...slot, money, lines: [...slot.lines, ...taken] };
}

/** The slot's sums of all parties. Throws: `BillError` `bill.balance`, `bill.incomplete`. */
function siteSums({ state, isAbsent }: BillGrounds, slot: number): BillSlot["site"] {
  const known = slotBalances.get(state, slotKey(slot));
  const key = balanceKey(slot);
  if (known === undefined && !isAbsent(key)) {
    throw new BillError("bill.incomplete", `${key} is not proved`, { slot });
  }
  const balance = known ?? emptyBalance;
  const rounding = roundingOf(balance);
  if (rounding === 0) return { ...balance, rounding };
  throw new BillError("bill.balance", `the slot's sums leave ${rounding} over`, { slot });
}

/** All versions of what the slot came to for its owner: one entry holds them, or is proved to hold nothing. */
function versionsOf({ owner, state, isAbsent, asOf }: BillGrounds, slot: number) {
  const versions = settlementVersions(state, slot, owner);
  const key = settlementKey(slot, owner);
  // The entry of its hour shows all that the slot came to, or that it came to nothing yet.
  const isShown = state.get(key) !== undefined || isAbsent(key);
  if (isShown || slot > asOf.time) return versions;
  throw new BillError("bill.incomplete", `${key} is not proved`, { slot });
}

/** That the month's void contracts are all here: they count in no sum that would show that one is left out. */
function insistOnVoids(
  { owner, state, isAbsent }: BillGrounds,
  { from, to }: Pick<Month, "from" | "to">,
): void {
  const known = voids.get(state, owner);
  if (known === undefined && !isAbsent(voidsKey(owner))) throw missing(voidsKey(owner));
  const lacking = known?.contracts.find(
    ({ contract, slot }) =>
      slot >= from && slot < to && contracts.get(state, contract) === undefined,
  );
  if (lacking !== undefined) throw missing(contractKey(lacking.contract));
}

type SlotGrounds = {
  readonly slot: UtcMs;
  readonly lengthMs: number;
  readonly versions: readonly Settlement[];
  readonly contracts: readonly OwnContract[];
  readonly books: MeterBooks;
  readonly orders: Orders;
};

function slotOf(
  grounds: BillGrounds,
  { slot, lengthMs, versions, contracts: own, books, orders }: SlotGrounds,
): NewSlot {
  const { owner } = grounds;
  const last = versions.at(-1) as Settlement;
  const { energy, meters } = energyInSlot(grounds, books, { slot, lengthMs, settlement: last });
  const counting = own.filter(({ terms }) => terms.isVoid !== 1);
  const sales = counting.map(({ sale }) => sale);
  const terms = termsOf(grounds, slot, last);
  const { importWh, exportWh, net, method, apart } = energy;
  const metered = { importWh: wh(importWh), exportWh: wh(exportWh) };
  const statement = stateSlot({ owner, metered, net, sales, apart }, terms);
  const held = compare(slot, statement, last);
  const lines = [
    ...own.flatMap((one) => {
      const order = orders.behind(one.id, one.terms);
      const made = contractLines(owner, one, { sales, settlement: terms, order });
      insistOnSubsidy(one, made);
      return made;
    }),
    ...versions.flatMap((now, i) => versionLines(i + 1, now, versions[i - 1])),
  ];
  return {
    slot,
    state: held ? "held" : last.why === "provisional" ? "provisional" : "final",
    why: last.why,
    importWh,
    exportWh,
    method: method ?? null,
    meters,
    site: siteSums(grounds, slot),
    money: lines.reduce((sum, one) => sum + one.money, 0),
    lines,
  };
}

/** The terms of a slot, with the bureau and the payees that its settlement names. */
function termsOf({ state }: BillGrounds, slot: number, last: Settlement): StatementTerms {
  const terms = statementTerms(state, slot);
  const payee: StatementTerms["payee"] = ({ id, to }) =>
    last.charges?.find((one) => one.id === id)?.to ?? to ?? leviesOwner;
  return { ...terms, bureau: last.bureau ?? terms.bureau, payee };
}

/** Compares a statement with the certified one. Returns whether its posting was held. */
function compare(
  slot: number,
  { traded, imbalance, charges }: Statement,
  last: Settlement,
): boolean {
  const { soldWh, ...sums } = traded;
  const differ = (what: string, ours: unknown, theirs: unknown) => {
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
    const message = `${what}: contracts and readings make ${JSON.stringify(ours)}, settled was ${JSON.stringify(theirs)}`;
    throw new BillError("bill.settlement", message, { slot });
  };
  const { contracts: count, soldMoney, boughtMoney, feeMoney, subsidyMoney } = last.traded;
  differ("trades", sums, { contracts: count, soldMoney, boughtMoney, feeMoney, subsidyMoney });
  differ("energy traded", soldWh, last.soldWh);
  // An account that can hold no more leaves its postings out, and the record says so.
  const owes = imbalance !== undefined || charges.length > 0;
  const held = owes && last.bureau === undefined && last.charges === undefined;
  if (held) return true;
  const sign = imbalance?.reason === "imbalance-surplus" ? 1 : -1;
  const imbalanceWh = imbalance === undefined ? 0 : sign * imbalance.energy;
  differ("imbalance", [imbalanceWh, imbalanceMoney(imbalance)], [last.imbalanceWh, last.money]);
  const owed = ({ id, sort, to, money }: Statement["charges"][number]) => [id, sort, to, money];
  differ("charges", charges.map(owed), (last.charges ?? []).map(owed));
  return false;
}

/** That a paid contract's subsidy is what it comes to now. */
function insistOnSubsidy({ id, paid: noted }: OwnContract, lines: readonly NewLine[]): void {
  if (noted === undefined || lines[0]?.kind !== "purchase") return;
  const due = lines.find(({ kind }) => kind === "subsidy")?.money ?? 0;
  const paid = noted.subsidy ?? 0;
  if (due === paid) return;
  throw new BillError("bill.subsidy", `the subsidy comes to ${due}, paid was ${paid}`, {
    contract: id,
  });
}

function contractsBySlot({ owner, state }: BillGrounds): ReadonlyMap<number, OwnContract[]> {
  const bySlot = new Map<number, OwnContract[]>();
  for (const [id, terms] of contracts.scan(state)) {
    if (terms.seller !== owner && terms.buyer !== owner) continue;
    const list = bySlot.get(terms.slot) ?? [];
    list.push({ id, terms, sale: saleOf(id, terms), paid: paymentOf(state, id, terms) });
    bySlot.set(terms.slot, list);
  }
  return bySlot;
}

function accountsOf({ owner, state, isAbsent }: BillGrounds): Bill["accounts"] {
  const own = ownerAccounts.get(state, owner);
  if (own === undefined && !isAbsent(accountKey(owner))) throw missing(accountKey(owner));
  const of = (side: AccountSide) => own?.[side]?.money ?? 0;
  const [sales, purchase] = [of("sales"), of("purchase")];
  const [paid, collateral] = [of("paid"), of("collateral")];
  return { sales, purchase, paid, collateral, balance: sales + purchase + paid };
}

function creditOf({ owner, state, isAbsent }: BillGrounds): Bill["credit"] {
  const report = creditReports.get(state, owner);
  if (report === undefined && !isAbsent(creditKey(owner))) throw missing(creditKey(owner));
  const violations = (report?.counts ?? []).map(({ kind, times }) => ({ kind, times }));
  return { score: creditScore(state, owner), violations };
}

function missing(key: string): BillError {
  return new BillError("bill.incomplete", `${key} is not proved`, { key });
}
