import type { AppealMotion, Refusal } from "@busbar/protocol";
import { creditReports, strike } from "../../credit.ts";
import { noteStruck } from "../../judged.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";

/** Why there is nothing to appeal against; code `appeal.unknown`. */
export function checkAppeal(
  { state }: Pick<BlockContext, "state">,
  { account, height, kind }: Pick<AppealMotion, "account" | "height" | "kind">,
): Refusal | undefined {
  const entries = creditReports.get(state, account)?.entries ?? [];
  if (entries.some((entry) => entry.height === height && entry.kind === kind)) return undefined;
  const known = entries.map((entry) => `${entry.kind} at ${entry.height}`).join(", ") || "none";
  const message = `no ${kind} of block ${height} stands on the report of ${account}; its newest are: ${known}`;
  return refuse("appeal.unknown", message);
}

/** Takes a violation back that the members find to be none. */
export function enactAppealMotion(
  context: BlockContext,
  { account, height, kind }: AppealMotion,
): Refusal | undefined {
  const refusal = checkAppeal(context, { account, height, kind });
  if (refusal !== undefined) return refusal;
  const entries = creditReports.get(context.state, account)?.entries ?? [];
  const struck = entries.find((entry) => entry.height === height && entry.kind === kind);
  strike(context, { account, height, kind });
  if (struck !== undefined) {
    noteStruck(context.state, { owner: account, kind, reason: struck.reason });
  }
  return undefined;
}
