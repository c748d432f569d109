import type { UtcMs } from "@busbar/protocol";
import type { Sale } from "../../../settlement/position.ts";
import { settleSale } from "../../../settlement/settle.ts";
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
  for (const [contract, terms] of [...contracts.scan(state, `${key}-`)]) {
    if (terms.settled !== 0 || terms.held === 1) continue;
    if (silent(terms.seller) || silent(terms.buyer)) continue;
    const movements = settleSale(saleOf(contract, terms), settlement);
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
    });
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

function saleOf(contract: string, { seller, buyer, energy, price }: Contract): Sale {
  return { contract, seller, buyer, energy, price };
}
