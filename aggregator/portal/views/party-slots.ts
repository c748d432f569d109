import type { LedgerEvent } from "../../ledger/events.ts";
import { type Asking, change, first } from "../model/asking.ts";
import { exact, plus } from "../model/int.ts";
import { type Int, type PartySum, partySums } from "../model/tables.ts";

/** What is told of an owner's slot; the rest is 0. */
type Change = { readonly owner: string; readonly slot: number } & {
  readonly [sum in PartySum]?: number;
};
type Sums = { readonly owner: string; readonly slot: number } & { [sum in PartySum]: Int };

/** Adds up what a block's events changed in what each owner's slots brought. */
export function* partySlotChanges(events: readonly LedgerEvent[]): Asking<void> {
  const changed = new Map<string, Sums>();
  for (const event of events) {
    for (const one of yield* changesOf(event)) {
      const key = `${one.owner} ${one.slot}`;
      const sums = changed.get(key) ?? { owner: one.owner, slot: one.slot, ...nothing };
      for (const sum of partySums) sums[sum] = plus(sums[sum], one[sum] ?? 0);
      changed.set(key, sums);
    }
  }
  for (const sums of changed.values()) yield* change("addPartySlot", sums);
}

const nothing = Object.fromEntries(partySums.map((sum) => [sum, 0])) as Record<PartySum, Int>;

function* changesOf(event: LedgerEvent): Asking<readonly Change[]> {
  switch (event.type) {
    case "contract-signed": {
      const { slot, seller, buyer, quantityWh } = event;
      return [
        { owner: seller, slot, contracts: 1, sold_wh: quantityWh },
        { owner: buyer, slot, contracts: 1, bought_wh: quantityWh },
      ];
    }
    case "contract-settled": {
      const { slot, seller, buyer, amount, subsidy, gridFee = 0 } = event;
      return [
        { owner: seller, slot, income: amount },
        { owner: buyer, slot, spent: amount, grid_fee: gridFee, subsidy },
      ];
    }
    case "contract-void":
      return yield* undone(event);
    case "imbalance-settled": {
      const { owner, slot, side, imbalanceWh, amount } = event;
      const signed = side === "ask" ? imbalanceWh : -imbalanceWh;
      return [{ owner, slot, imbalance_wh: signed, imbalance_money: amount }];
    }
    case "charges-settled": {
      const { owner, slot } = event;
      return [{ owner, slot, charges: event.charges.reduce((sum, { money }) => sum + money, 0) }];
    }
    case "settlement-corrected": {
      const { owner, slot, imbalanceDifferenceWh, moneyDifference, chargeDifference = 0 } = event;
      const imbalance = { imbalance_wh: imbalanceDifferenceWh, imbalance_money: moneyDifference };
      return [{ owner, slot, ...imbalance, charges: chargeDifference }];
    }
    default:
      return [];
  }
}

/** A contract that counts for nothing is taken out again; it was never paid. */
function* undone({
  contract,
  slot,
  seller,
  buyer,
}: Extract<LedgerEvent, { type: "contract-void" }>): Asking<readonly Change[]> {
  const row = yield* first("quantityOf", { contract });
  const quantityWh = exact(row?.quantity_wh);
  return [
    { owner: seller, slot, contracts: -1, sold_wh: -quantityWh },
    { owner: buyer, slot, contracts: -1, bought_wh: -quantityWh },
  ];
}
