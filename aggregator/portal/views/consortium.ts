import { quorum } from "@busbar/protocol";
import { casesOf } from "../../commands/case-list.ts";
import { openMotionsOf } from "../../commands/motion-list.ts";
import { councilOf } from "../../ledger/council.ts";
import { creditScore } from "../../ledger/credit.ts";
import { changes } from "../../ledger/rules/members/tables.ts";
import { members } from "../../ledger/tables.ts";
import type { ViewContext } from "./context.ts";
import type { ConsortiumAnswer } from "./shapes.ts";

/** The members, who votes, and what waits for their votes. */
export function consortiumOf({ store, application }: ViewContext): ConsortiumAnswer {
  const { state } = store;
  const { epoch, since, voters } = councilOf(state);
  const votes = new Set(voters.map(({ id }) => id));
  return {
    chain: application.membership().chain,
    epoch,
    since,
    quorum: quorum(voters.length),
    members: Array.from(members.scan(state), ([id, entry]) => ({
      id,
      role: entry.role,
      state: entry.state,
      votes: votes.has(id),
      since: entry.since,
      expires: entry.expires ?? null,
      address: entry.address ?? null,
      key: Buffer.from(entry.key).toString("base64url"),
      credit: creditScore(state, id),
    })),
    pending: Array.from(changes.scan(state), ([, { action, member, from = null }]) => ({
      action,
      member,
      from,
    })),
    motions: openMotionsOf(state).map(({ request: _, ...motion }) => motion),
    cases: casesOf(state, { all: false }).map(({ outcome: _, ...one }) => one),
  };
}
