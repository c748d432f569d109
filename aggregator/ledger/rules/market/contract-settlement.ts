import { micro, type UtcMs } from "@busbar/protocol";
import { shareFee } from "../../../settlement/line-shares.ts";
import { keptOf, type Sale } from "../../../settlement/position.ts";
import { type Movement, settleFee, settleLoss, settleSale } from "../../../settlement/settle.ts";
import { accountId, accounts, gridOwner, openAccounts } from "../../accounts.ts";
import { exposeContracts } from "../../exposure.ts";
import { type Parameters, parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import { contractNumber, isSettled, paidIn, paymentOf } from "../../settlements.ts";
import type { State, StateReader } from "../../state/state.ts";
import { balancingOf } from "./balancing.ts";
import { saleOf } from "./contract-sale.ts";
import { book, differenceOf, entriesOf, noWh } from "./posting.ts";
import { SettlementNotes } from "./settlement-notes.ts";
import { countInBalance } from "./slot-balance.ts";
import { type Contract, contracts, slotKey } from "./tables.ts";
import { isWaitedFor } from "./waited-slots.ts";

/** A contract that can be paid, with what moves then. */
export type Due = {
  readonly contract: string;
  readonly terms: Contract;
  readonly movements: readonly Movement[];
};

/** Pays the contracts of a slot that can be paid. */
export function settleContracts(
  context: BlockContext,
  slot: UtcMs,
  sales: ReadonlyMap<string, readonly Sale[]> = salesByParty(context.state, slot),
): void {
  const notes = new SettlementNotes();
  payContracts(context, { slot, due: contractsDue(context, slot, sales), notes });
  notes.write(context.state);
}

type SlotDue = {
  readonly slot: UtcMs;
  readonly due: readonly Due[];
  readonly notes: SettlementNotes;
};

/** Posts what contracts of a slot move: together where all of it fits, which is as good and a tenth of the work. */
export function payContracts(context: BlockContext, { slot, due, notes }: SlotDue): void {
  if (due.length === 0) return;
  const all = due.flatMap(({ movements }) => movements);
  const together = differenceOf([], all);
  if (book(context, together, { slot, movement: undefined })) {
    countInBalance(context.state, slot, { after: all });
    notePayments(context, { slot, due, notes });
    freeContracts(context.state, due);
    return;
  }
  for (const one of due) {
    const { movements } = one;
    if (!book(context, entriesOf(movements), { slot, movement: movements[0] })) continue;
    countInBalance(context.state, slot, { after: movements });
    notePayments(context, { slot, due: [one], notes });
    freeContracts(context.state, [one]);
  }
}

/** Nobody is bound any more to what is paid. */
export function freeContracts(state: State, paid: readonly Due[]): void {
  exposeContracts(
    state,
    paid.map(({ terms }) => terms),
    "free",
  );
}

/**
 * A slot's contracts that can be paid: neither side of which is waited for, and to which nobody objects. Whoever was
 * settled provisionally is not waited for: a contract's price is its price, whatever the meters will say.
 * `sales`: the slot's, by party.
 */
export function contractsDue(
  { state }: BlockContext,
  slot: UtcMs,
  sales: ReadonlyMap<string, readonly Sale[]>,
): Due[] {
  const key = slotKey(slot);
  const waited = new Map<string, boolean>();
  const silent = (owner: string) => {
    const known = waited.get(owner);
    if (known !== undefined) return known;
    const is = isWaitedFor(state, owner, slot) && !isSettled(state, slot, owner);
    waited.set(owner, is);
    return is;
  };
  // Parties of the book settle with each other, also on a site without a bureau.
  const settlement = { bureau: balancingOf(state, slot) ?? "", terms: parametersOf(state, slot) };
  const paid = paidIn(state, slot);
  const due: Due[] = [];
  for (const [contract, terms] of [...contracts.scan(state, `${key}-`)]) {
    if (terms.isVoid === 1 || terms.held === 1 || paid.has(contractNumber(contract))) continue;
    if (silent(terms.seller) || silent(terms.buyer)) continue;
    const sale = saleOf(contract, terms);
    const kept = keptOf(sale, sales.get(sale.buyer) ?? [], settlement.bureau);
    const fee = settleFee(sale, gridOwner);
    const loss = settleLoss({ ...terms, contract }, gridOwner, settlement);
    const way = { sale, fee, loss, parameters: settlement.terms, bureau: settlement.bureau };
    const movements = [...settleSale(sale, settlement, kept), ...wayOf(state, way)];
    due.push({ contract, terms, movements });
  }
  return due;
}

/** Notes with both sides what was paid, and tells it. */
export function notePayments({ emit }: BlockContext, { slot, due, notes }: SlotDue): void {
  for (const { contract, terms, movements } of due) {
    const moneyOf = (why: Movement["reason"]) =>
      movements.find(({ reason }) => reason === why)?.money;
    const [subsidy, gridFee] = [micro(0 - (moneyOf("subsidy") ?? 0)), moneyOf("grid-fee")];
    const { seller, buyer, energy: deliveredWh } = terms;
    const paid = { number: contractNumber(contract), ...(subsidy === 0 ? {} : { subsidy }) };
    for (const owner of [seller, buyer]) notes.addPaid(slot, owner, paid);
    const amount = moneyOf("sale") ?? 0;
    const loss = movements.find(({ reason }) => reason === "grid-loss");
    const fee = {
      ...(gridFee === undefined ? {} : { gridFee }),
      ...(loss === undefined ? {} : { lossWh: loss.energy }),
    };
    const about = { contract, slot, seller, buyer, deliveredWh, amount, subsidy, ...fee };
    emit({ type: "contract-settled", ...about });
  }
}

/**
 * What the way over the grid costs the buyer, what is lost on it and bought of that, and who of the lines'
 * operators gets the rest.
 */
function wayOf(
  state: State,
  {
    sale,
    fee,
    loss,
    parameters: { grid = [] },
    bureau,
  }: {
    readonly sale: Sale;
    readonly fee: Movement | undefined;
    readonly loss: Movement | undefined;
    readonly parameters: Pick<Parameters, "grid">;
    readonly bureau: string;
  },
): Movement[] {
  if (fee === undefined && loss === undefined) return [];
  openAccounts(state, gridOwner);
  const has = (owner: string) => accounts.get(state, accountId(owner, "sales")) !== undefined;
  const operatorOf = ({ operator = bureau }: { readonly operator?: string }) =>
    has(operator) ? operator : bureau === "" ? undefined : bureau;
  const rules = { grid, account: gridOwner, operatorOf, none: noWh };
  const paid = [fee, loss].flatMap((movement) => movement ?? []);
  const left = micro(Math.max(0, (fee?.money ?? 0) - (loss?.money ?? 0)));
  return [...paid, ...shareFee({ money: left }, sale, rules)];
}

/**
 * Pays a party the difference to what its purchases from the bureau earn as subsidies now that a contract
 * of the slot is void: it keeps more or less of what it bought.
 */
export function subsidiseAnew(
  context: BlockContext,
  {
    slot,
    owner,
    sales,
  }: { readonly slot: UtcMs; readonly owner: string; readonly sales: readonly Sale[] },
): void {
  const { state } = context;
  const bureau = balancingOf(state, slot) ?? "";
  const settlement = { bureau, terms: parametersOf(state, slot) };
  for (const sale of sales) {
    if (sale.seller !== bureau || sale.buyer !== owner) continue;
    const paid = paymentOf(state, sale.contract, { slot, ...sale });
    if (paid === undefined) continue;
    const [, now] = settleSale(sale, settlement, keptOf(sale, sales, bureau));
    const { number, subsidy: before = 0 } = paid;
    if (now === undefined || 0 - now.money === before) continue;
    const difference = { ...now, money: micro(now.money + before) };
    const movements = [difference];
    if (!book(context, entriesOf(movements), { slot, movement: difference })) continue;
    countInBalance(state, slot, { after: movements });
    const subsidy = micro(0 - now.money);
    const anew = { number, ...(subsidy === 0 ? {} : { subsidy }) };
    const notes = new SettlementNotes();
    for (const side of [owner, bureau]) notes.addPaid(slot, side, anew);
    notes.write(state);
  }
}

/** A slot's contracts by party, without void ones: one that is held counts until it is decided. */
export function salesByParty(state: StateReader, slot: UtcMs): ReadonlyMap<string, Sale[]> {
  const byParty = new Map<string, Sale[]>();
  for (const [contract, terms] of contracts.scan(state, `${slotKey(slot)}-`)) {
    if (terms.isVoid === 1) continue;
    const sale = saleOf(contract, terms);
    for (const owner of [terms.seller, terms.buyer]) {
      const own = byParty.get(owner);
      if (own === undefined) byParty.set(owner, [sale]);
      else own.push(sale);
    }
  }
  return byParty;
}
