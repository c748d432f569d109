import {
  type Charge,
  cost,
  type Micro,
  type MicroPerKwh,
  micro,
  mulDiv,
  type Wh,
} from "@busbar/protocol";
import type { Movement } from "./settle.ts";

/** What one fee, tax or levy came to in a slot, and the account that it goes to. */
export type Owed = {
  readonly id: string;
  readonly sort: Charge["sort"];
  readonly to: string;
  readonly money: Micro;
};

/** What charges are reckoned from: each meter net over the slot, and what energy cost the party net. */
export type ChargeBase = {
  readonly importWh: Wh;
  readonly exportWh: Wh;
  /** Purchases, imbalance and grid fees, less sales and subsidies; below 0 where the party gained. */
  readonly cost: Micro;
};

/**
 * What a party owes for a slot besides the price of its energy: each charge once, on net energy or on
 * net cost, rounded half to even. `payee` says which account a charge goes to. Charges of 0 are left out.
 */
export function chargesOn(
  base: ChargeBase,
  charges: readonly Charge[],
  payee: (charge: Charge) => string,
): Owed[] {
  return charges.flatMap((charge) => {
    const money = amountOf(base, charge);
    if (money === 0) return [];
    return [{ id: charge.id, sort: charge.sort, to: payee(charge), money }];
  });
}

function amountOf(base: ChargeBase, { on, rate }: Charge): Micro {
  switch (on) {
    case "import":
      return cost(rate as MicroPerKwh, base.importWh);
    case "export":
      return cost(rate as MicroPerKwh, base.exportWh);
    case "cost":
      return micro(base.cost <= 0 ? 0 : mulDiv(base.cost, rate, 1000, "half-even"));
    default:
      return on satisfies never;
  }
}

/** Charges as they are posted: from the party's purchase account to the payee's sales account. */
export function chargeMovements(owner: string, owed: readonly Owed[], none: Wh): Movement[] {
  return owed.map(({ sort, to, money }) => {
    return { reason: sort, seller: to, buyer: owner, energy: none, money };
  });
}
