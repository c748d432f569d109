import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { owners } from "../../tables.ts";
import { noticesHeard } from "./tables.ts";

/**
 * Notes up to which block owners have acknowledged their notices at a member's broker. What is known
 * already counts for nothing. Codes, in order: `report.rights`, `report.height`.
 */
export const reportRule: TxRule<"notice-report"> = (context, message, signer) => {
  const { state, height, emit } = context;
  const { member, acknowledged } = message;
  if (signer.kind !== "member" || signer.id !== member) {
    const text = `expected the signature of member ${member}, got ${signer.kind} ${signer.id}'s`;
    return refuse("report.rights", text);
  }
  const beyond = acknowledged.find((one) => one.height >= height);
  if (beyond !== undefined) {
    const text = `expected heights below ${height}, got ${beyond.height} of ${beyond.owner}`;
    return refuse("report.height", text);
  }
  const news = acknowledged.filter(
    (one) =>
      owners.get(state, one.owner) !== undefined &&
      one.height > (noticesHeard.get(state, one.owner)?.height ?? 0),
  );
  if (news.length === 0) return { ok: true, code: "exists" };
  for (const one of news) noticesHeard.set(state, one.owner, { height: one.height });
  emit({ type: "notice-report-taken", member, acknowledged: news });
  return { ok: true };
};
