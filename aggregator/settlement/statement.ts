import { type Charge, type Micro, micro, type Wh } from "@busbar/protocol";
import { chargesOn, type Owed } from "./charges.ts";
import { keptOf, type Metered, netSold, type Sale } from "./position.ts";
import {
  type Movement,
  type Settlement,
  settleApart,
  settleFee,
  settleImbalance,
  settleSale,
} from "./settle.ts";

/** A party in a slot: what its meters showed, or count as having shown, and what it traded. */
export type PartyInSlot = {
  readonly owner: string;
  readonly metered: Metered;
  /** Each meter net over the slot, added up: what passed over the meters. */
  readonly net: { readonly importWh: Wh; readonly exportWh: Wh };
  /** All of the slot's that count. */
  readonly sales: readonly Sale[];
  /** Whether its readings lie further apart than the slot is long. */
  readonly apart?: boolean | undefined;
};

/** What a party's trades of a slot come to; money ≥ 0 but at prices below 0. */
export type Traded = {
  readonly contracts: number;
  readonly soldWh: number;
  readonly soldMoney: Micro;
  readonly boughtMoney: Micro;
  readonly feeMoney: Micro;
  readonly subsidyMoney: Micro;
};

/** All that a slot comes to for a party. */
export type Statement = {
  readonly traded: Traded;
  /** Absent where meters and contracts agree. */
  readonly imbalance: Movement | undefined;
  readonly charges: readonly Owed[];
};

/** By what a slot is stated: the community's terms, its charges and who gets them. */
export type StatementTerms = Settlement & {
  readonly charges: readonly Charge[];
  payee(charge: Charge): string;
};

/**
 * States a party's slot: trades at their prices, the difference to its meters at the imbalance's, and
 * fees, taxes and levies once on what is net. The ledger posts it, and whoever checks a bill makes it
 * again from the same contracts and readings.
 */
export function stateSlot(party: PartyInSlot, terms: StatementTerms): Statement {
  const { owner, metered, net, sales } = party;
  const traded = tradedBy(owner, sales, terms);
  const settle = party.apart === true ? settleApart : settleImbalance;
  const imbalance = terms.bureau === "" ? undefined : settle({ owner, metered }, sales, terms);
  const cost = micro(0 - tradedMoney(traded) - imbalanceMoney(imbalance));
  const charges = chargesOn({ ...net, cost }, terms.charges, terms.payee);
  return { traded, imbalance, charges };
}

/** What a party's trades come to at their prices. */
export function tradedBy(owner: string, sales: readonly Sale[], settlement: Settlement): Traded {
  const sums = { sold: 0, bought: 0, fee: 0, subsidy: 0 };
  for (const sale of sales) {
    const kept = sale.buyer === owner ? keptOf(sale, sales, settlement.bureau) : sale.energy;
    for (const { reason, money } of settleSale(sale, settlement, kept)) {
      if (reason === "subsidy") sums.subsidy += sale.buyer === owner ? -money : 0;
      else if (sale.seller === owner) sums.sold += money;
      else sums.bought += money;
    }
    if (sale.buyer === owner) sums.fee += settleFee(sale, "")?.money ?? 0;
  }
  return {
    contracts: sales.length,
    soldWh: netSold(owner, sales),
    soldMoney: micro(sums.sold),
    boughtMoney: micro(sums.bought),
    feeMoney: micro(sums.fee),
    subsidyMoney: micro(sums.subsidy),
  };
}

/** What trades bring a party: received less paid. */
export function tradedMoney(traded: Traded): number {
  const { soldMoney, boughtMoney, feeMoney, subsidyMoney } = traded;
  return soldMoney - boughtMoney - feeMoney + subsidyMoney;
}

/** What an imbalance brings a party: what it gets for a surplus, less what a shortage costs it. */
export function imbalanceMoney(imbalance: Movement | undefined): number {
  if (imbalance === undefined) return 0;
  return imbalance.reason === "imbalance-surplus" ? imbalance.money : -imbalance.money;
}
