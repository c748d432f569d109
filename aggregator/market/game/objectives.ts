/**
 * Equations 10–12 of Liu & Zhou as they follow from (1)–(8): each party's incomes minus its costs, with
 * its subsidies, summed over the hours. How they are printed stands in `printed.ts`.
 */
import { type Micro, micro } from "@busbar/protocol";
import { netIncomes, type Trades } from "./equations.ts";

/** eq. 10 of Liu & Zhou, to be maximised: Σ (1) − (2) + (3). */
export const companyObjective = (hours: readonly Trades[]): Micro =>
  total(hours, (hour) => netIncomes(hour).company);

/** eq. 11 of Liu & Zhou, to be maximised: Σ (4) − (5) − (6). */
export const bureauObjective = (hours: readonly Trades[]): Micro =>
  total(hours, (hour) => netIncomes(hour).bureau);

/** eq. 12 of Liu & Zhou, to be minimised: Σ (7) − (8). */
export const usersObjective = (hours: readonly Trades[]): Micro =>
  total(hours, (hour) => -netIncomes(hour).user);

function total(hours: readonly Trades[], of: (hour: Trades) => number): Micro {
  return micro(hours.reduce((sum, hour) => sum + of(hour), 0));
}
