import { mulDiv, type UtcMs, wh } from "@busbar/protocol";
import type { Sale } from "../../../settlement/position.ts";
import { settleFee, settleSale } from "../../../settlement/settle.ts";
import { gridOwner, openAccounts } from "../../accounts.ts";
import { parametersOf } from "../../parameters.ts";
import type { BlockContext } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { bureauOf } from "./parties.ts";
import { book, entriesOf } from "./posting.ts";
import { type Contract, contracts, slotKey, waiting } from "./tables.ts";

/** Pays the slot's contracts neither side of which is waited for and to which nobody objects. */
export function settleContracts(context: BlockContext, slot: UtcMs): void {
  const { state } = context;
  const key = slotKey(slot);
  const silent = (owner: string) => waiting.get(state, `${owner}/${key}`) !== undefined;
  // Parties of the book settle with each other, also on a site without a bureau.
  const settlement = { bureau: bureauOf(state) ?? "", terms: parametersOf(state, slot) };
  const all = [...contracts.scan(state, `${key}-`)];
  const kept = keptOf(settlement.bureau, all);
  for (const [contract, terms] of all) {
    if (terms.settled !== 0 || terms.held === 1) continue;
    if (silent(terms.seller) || silent(terms.buyer)) continue;
    const sale = saleOf(contract, terms);
    const fee = settleFee(sale, gridOwner);
    if (fee !== undefined) openAccounts(state, gridOwner);
    const movements = [
      ...settleSale(sale, settlement, kept(terms)),
      ...(fee === undefined ? [] : [fee]),
    ];
    if (!book(context, entriesOf(movements), { slot, movement: movements[0] })) continue;
    contracts.set(state, contract, { ...terms, settled: 1 });
    const subsidy = movements.find(({ reason }) => reason === "subsidy");
    context.emit({
      type: "contract-settled",
      contract,
      slot,
      seller: terms.seller,
      buyer: terms.buyer,
      deliveredWh: terms.energy,
      amount: movements[0]?.money ?? 0,
      subsidy: subsidy === undefined ? 0 : -subsidy.money,
      ...(fee === undefined ? {} : { gridFee: fee.money }),
    });
  }
}

/**
 * How much of what a party bought from the bureau it keeps, in equal shares of all such contracts:
 * what it sold at another gate of the same slot it did not use.
 */
function keptOf(bureau: string, all: readonly (readonly [string, Contract])[]) {
  const parties = new Map<string, { boughtWh: number; netWh: number }>();
  const of = (owner: string) => {
    const party = parties.get(owner) ?? { boughtWh: 0, netWh: 0 };
    parties.set(owner, party);
    return party;
  };
  for (const [, { seller, buyer, energy, settled }] of all) {
    if (settled === 2) continue;
    of(seller).netWh -= energy;
    of(buyer).netWh += energy;
    if (seller === bureau) of(buyer).boughtWh += energy;
  }
  return ({ buyer, energy }: Contract) => {
    const { boughtWh, netWh } = of(buyer);
    if (netWh >= boughtWh) return energy;
    return wh(netWh <= 0 ? 0 : mulDiv(energy, netWh, boughtWh, "floor"));
  };
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

function saleOf(contract: string, { seller, buyer, energy, price, fee }: Contract): Sale {
  return { contract, seller, buyer, energy, price, ...(fee === undefined ? {} : { fee }) };
}
