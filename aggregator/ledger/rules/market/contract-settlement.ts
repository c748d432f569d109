import { micro, type UtcMs } from "@busbar/protocol";
import { shareFee } from "../../../settlement/line-shares.ts";
import { keptOf, type Sale } from "../../../settlement/position.ts";
import { type Movement, settleFee, settleLoss, settleSale } from "../../../settlement/settle.ts";
import { accountId, accounts, gridOwner, openAccounts } from "../../accounts.ts";
import { expose, purchaseCost } from "../../exposure.ts";
import { type Parameters, parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import { lastSettlement } from "../../settlements.ts";
import type { State, StateReader } from "../../state/state.ts";
import { bureauOf } from "./parties.ts";
import { book, entriesOf, noWh } from "./posting.ts";
import { countInBalance } from "./slot-balance.ts";
import { type Contract, contracts, slotKey, waiting } from "./tables.ts";

/**
 * Pays the slot's contracts neither side of which is waited for and to which nobody objects. Whoever was
 * settled provisionally is not waited for: a contract's price is its price, whatever the meters will say.
 */
export function settleContracts(context: BlockContext, slot: UtcMs): void {
  const { state } = context;
  const key = slotKey(slot);
  const silent = (owner: string) =>
    waiting.get(state, `${owner}/${key}`) !== undefined &&
    lastSettlement(state, slot, owner) === undefined;
  // Parties of the book settle with each other, also on a site without a bureau.
  const settlement = { bureau: bureauOf(state) ?? "", terms: parametersOf(state, slot) };
  let byParty: ReadonlyMap<string, readonly Sale[]> | undefined;
  for (const [contract, terms] of [...contracts.scan(state, `${key}-`)]) {
    if (terms.settled !== 0 || terms.held === 1) continue;
    if (silent(terms.seller) || silent(terms.buyer)) continue;
    byParty ??= salesByParty(state, slot);
    const sale = saleOf(contract, terms);
    const kept = keptOf(sale, byParty.get(sale.buyer) ?? [], settlement.bureau);
    const fee = settleFee(sale, gridOwner);
    const loss = settleLoss({ ...terms, contract }, gridOwner, settlement);
    const movements = [
      ...settleSale(sale, settlement, kept),
      ...wayOf(state, { sale, fee, loss, parameters: settlement.terms, bureau: settlement.bureau }),
    ];
    if (!book(context, entriesOf(movements), { slot, movement: movements[0] })) continue;
    countInBalance(state, slot, { after: movements });
    const paid = movements.find(({ reason }) => reason === "subsidy");
    const subsidy = micro(paid === undefined ? 0 : 0 - paid.money);
    contracts.set(state, contract, { ...terms, settled: 1, ...(subsidy === 0 ? {} : { subsidy }) });
    expose(state, terms.buyer, -purchaseCost(terms));
    context.emit({
      type: "contract-settled",
      contract,
      slot,
      seller: terms.seller,
      buyer: terms.buyer,
      deliveredWh: terms.energy,
      amount: movements[0]?.money ?? 0,
      subsidy,
      ...(fee === undefined ? {} : { gridFee: fee.money }),
      ...(loss === undefined ? {} : { lossWh: loss.energy }),
    });
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
  const bureau = bureauOf(state) ?? "";
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

/** A contract as far as money is concerned. */
export function saleOf(
  contract: string,
  { seller, buyer, energy, price, fee, from, to }: Contract,
): Sale {
  return {
    contract,
    seller,
    buyer,
    energy,
    price,
    ...(fee === undefined ? {} : { fee }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}
