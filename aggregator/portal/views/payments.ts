import { accountEntriesSince } from "../../ledger/account-entries.ts";
import { balanceOf, moneyOf } from "../../ledger/accounts.ts";
import { payments } from "../../ledger/rules/payment.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { bureaus } from "../../ledger/tables.ts";
import type { PaymentsAnswer } from "./shapes-community.ts";

/** Entries that are listed, the newest. */
const entriesMax = 200;

/** What an owner is owed and keeps as collateral, and what moved its account besides the slots. */
export function paymentsOf(state: StateReader, owner: string): PaymentsAnswer {
  return {
    balance: balanceOf(state, owner),
    collateral: moneyOf(state, owner, "collateral"),
    next: (payments.get(state, owner)?.version ?? 0) + 1,
    bureaus: Array.from(bureaus.scan(state), ([id]) => id),
    entries: accountEntriesSince(state, owner, 0)
      .reverse()
      .slice(0, entriesMax)
      .map(([number, { time, height, sort, money, with: other, payment = null }]) => ({
        ...{ number, time, height, sort, money, with: other },
        payment: payment && { by: payment.by, version: payment.version },
      })),
  };
}
