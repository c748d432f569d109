import type { CreditTerms } from "@busbar/protocol";
import { balanceOf, moneyOf } from "../../ledger/accounts.ts";
import { creditRanking, creditReports } from "../../ledger/credit.ts";
import { defaults, exposures, headroom } from "../../ledger/exposure.ts";
import { parametersTable } from "../../ledger/parameters.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { members, owners } from "../../ledger/tables.ts";
import type { CreditAnswer } from "./shapes.ts";

function termsOf(credit: CreditTerms | undefined): CreditAnswer["terms"] {
  if (credit === undefined) return null;
  const { line, tolerancePermille, tiesByScore } = credit;
  return { line, tolerancePermille, tiesByScore: tiesByScore === 1 };
}

/** Owners and members by reputation, the best first; of one alone where one is named. */
export function creditOf(state: StateReader, only?: string): readonly CreditAnswer[] {
  const kinds = new Map<string, CreditAnswer["kind"]>();
  for (const [id] of owners.scan(state)) kinds.set(id, "owner");
  for (const [id] of members.scan(state)) kinds.set(id, "member");
  const ids = only === undefined ? [...kinds.keys()] : [only];
  const parameters = parametersTable.get(state, "current");
  return creditRanking(state, ids).map(({ id, score }) => {
    const report = creditReports.get(state, id);
    return {
      id,
      kind: kinds.get(id) ?? "owner",
      score,
      counts: Object.fromEntries((report?.counts ?? []).map(({ kind, times }) => [kind, times])),
      // The newest first.
      entries: [...(report?.entries ?? [])].reverse(),
      balance: balanceOf(state, id),
      collateral: moneyOf(state, id, "collateral"),
      bound: exposures.get(state, id)?.money ?? 0,
      free: (parameters && headroom(state, id, parameters)) ?? null,
      inDefault: defaults.get(state, id) !== undefined,
      terms: termsOf(parameters?.credit),
    };
  });
}
