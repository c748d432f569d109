import { micro, type UtcMs } from "@busbar/protocol";
import { shareFee } from "../../../settlement/line-shares.ts";
import { keptOf, type Sale } from "../../../settlement/position.ts";
import { type Movement, settleFee, settleLoss, settleSale } from "../../../settlement/settle.ts";
import { accountId, accounts, gridOwner, openAccounts } from "../../accounts.ts";
import { exposeContracts } from "../../exposure.ts";
import { type Parameters, parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import { isSettled } from "../../settlements.ts";
import type { State, StateReader } from "../../state/state.ts";
import { balancingOf } from "./balancing.ts";
import { saleOf } from "./contract-sale.ts";
import { book, differenceOf, entriesOf, noWh } from "./posting.ts";
import { countInBalance } from "./slot-balance.ts";
import { type Contract, contracts, slotKey } from "./tables.ts";
import { isWaitedFor } from "./waited-slots.ts";

type Due = {
  readonly contract: string;
  readonly terms: Contract;
  readonly movements: readonly Movement[];
};

/**
 * Pays the slot's contracts neither side of which is waited for and to which nobody objects. Whoever was
 * settled provisionally is not waited for: a contract's price is its price, whatever the meters will say.
 * `sales`: the slot's, by party.
 */
export function settleContracts(
  context: BlockContext,
  slot: UtcMs,
  sales: ReadonlyMap<string, readonly Sale[]> = salesByParty(context.state, slot),
): void {
  const due = contractsDue(context, slot, sales);
  if (due.length === 0) return;
  // Posted together where all of it fits, which is as good and a tenth of the work.
  const all = due.flatMap(({ movements }) => movements);
  const together = differenceOf([], all);
  if (book(context, together, { slot, movement: undefined })) {
    countInBalance(context.state, slot, { after: all });
    for (const one of due) noteSettled(context, slot, one);
    const freed = due.map(({ terms }) => terms);
    exposeContracts(context.state, freed, "free");
    return;
  }
  for (const one of due) {
    const { movements } = one;
    if (!book(context, entriesOf(movements), { slot, movement: movements[0] })) continue;
    countInBalance(context.state, slot, { after: movements });
    noteSettled(context, slot, one);
    exposeContracts(context.state, [one.terms], "free");
  }
}

function contractsDue(
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
  const due: Due[] = [];
  for (const [contract, terms] of [...contracts.scan(state, `${key}-`)]) {
    if (terms.settled !== 0 || terms.held === 1) continue;
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

function noteSettled(
  { state, emit }: BlockContext,
  slot: UtcMs,
  { contract, terms, movements }: Due,
): void {
  const moneyOf = (why: Movement["reason"]) =>
    movements.find(({ reason }) => reason === why)?.money;
  const [subsidy, gridFee] = [micro(0 - (moneyOf("subsidy") ?? 0)), moneyOf("grid-fee")];
  contracts.set(state, contract, { ...terms, settled: 1, ...(subsidy === 0 ? {} : { subsidy }) });
  const { seller, buyer, energy: deliveredWh } = terms;
  const amount = moneyOf("sale") ?? 0;
  const loss = movements.find(({ reason }) => reason === "grid-loss");
  const fee = {
    ...(gridFee === undefined ? {} : { gridFee }),
    ...(loss === undefined ? {} : { lossWh: loss.energy }),
  };
  const about = { contract, slot, seller, buyer, deliveredWh, amount, subsidy, ...fee };
  emit({ type: "contract-settled", ...about });
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
    const terms = contracts.get(state, sale.contract);
    if (terms?.settled !== 1) continue;
    const [, now] = settleSale(sale, settlement, keptOf(sale, sales, bureau));
    const { subsidy: before = 0, ...rest } = terms;
    if (now === undefined || 0 - now.money === before) continue;
    const difference = { ...now, money: micro(now.money + before) };
    const movements = [difference];
    if (!book(context, entriesOf(movements), { slot, movement: difference })) continue;
    countInBalance(state, slot, { after: movements });
    const subsidy = micro(0 - now.money);
    contracts.set(state, sale.contract, { ...rest, ...(subsidy === 0 ? {} : { subsidy }) });
  }
}

/** A slot's contracts by party, without void ones: one that is held counts until it is decided. */
export function salesByParty(state: StateReader, slot: UtcMs): ReadonlyMap<string, Sale[]> {
  const byParty = new Map<string, Sale[]>();
  for (const [contract, terms] of contracts.scan(state, `${slotKey(slot)}-`)) {
    if (terms.settled === 2) continue;
    const sale = saleOf(contract, terms);
    for (const owner of [terms.seller, terms.buyer]) {
      const own = byParty.get(owner);
      if (own === undefined) byParty.set(owner, [sale]);
      else own.push(sale);
    }
  }
  return byParty;
}
