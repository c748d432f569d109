import type { Charge } from "@busbar/protocol";
import type { Movement } from "../../../settlement/settle.ts";
import type { StatementTerms } from "../../../settlement/statement.ts";
import { accountId, accounts, leviesOwner, openAccounts } from "../../accounts.ts";
import { parametersOf } from "../../parameters.ts";
import type { State, StateReader } from "../../state/state.ts";
import { balancingOf } from "./balancing.ts";

/**
 * By what a slot is stated: its parameters, the bureau that balances, and the accounts that charges go
 * to. A site without a bureau has "" for it, which is nobody's id.
 */
export function statementTerms(state: StateReader, slot: number): StatementTerms {
  const parameters = parametersOf(state, slot);
  const payee = ({ to }: Charge) =>
    to !== undefined && accounts.get(state, accountId(to, "sales")) !== undefined
      ? to
      : leviesOwner;
  const { charges = [] } = parameters;
  return { bureau: balancingOf(state, slot) ?? "", terms: parameters, charges, payee };
}

/** Opens the site's account for taxes and levies where one of these goes there. */
export function openPayees(state: State, movements: readonly Pick<Movement, "seller">[]): void {
  if (movements.some(({ seller }) => seller === leviesOwner)) openAccounts(state, leviesOwner);
}
