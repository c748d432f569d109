import { compareBytes, type Owner, quorum, type Refusal, utcMs } from "@busbar/protocol";
import { bytes, field, instant, record } from "@busbar/protocol/schema";
import { councilOf } from "../council.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import type { StateReader } from "../state/state.ts";
import { table } from "../state/table.ts";
import { owners } from "../tables.ts";
import { motionMs } from "./members/motions.ts";

/** `bureau-vote/<owner>/<member>`: with which keys a member admitted a bureau, and until when that counts. */
const bureauVotes = table(
  "bureau-vote",
  record("bureau-vote", { keys: field(1, bytes(32)), until: field(2, instant) }),
);

/**
 * Whether an owner is one that no member admits alone: a new bureau, or one that is known with other keys. It
 * keeps collateral and may come to balance everybody else.
 */
export function needsQuorum(state: StateReader, owner: Owner): boolean {
  if (owner.party !== "bureau") return false;
  const before = owners.get(state, owner.id);
  return before === undefined || compareBytes(keysOf(before), keysOf(owner)) !== 0;
}

/**
 * Takes a member's admission of such a bureau for its vote, in place of one before. Returns whether a quorum of
 * the present voters admits it with these keys; code `admission.bureau` for a member without a vote.
 */
export function voteForBureau(
  { state, time }: Pick<BlockContext, "state" | "time">,
  owner: Owner,
  member: string,
): { readonly ok: true; readonly decided: boolean } | Refusal {
  const { voters } = councilOf(state);
  if (!voters.some(({ id }) => id === member)) {
    const message = `a quorum of members with a vote admits bureau ${owner.id}, and ${member} has none`;
    return refuse("admission.bureau", message);
  }
  const keys = keysOf(owner);
  bureauVotes.set(state, `${owner.id}/${member}`, { keys, until: utcMs(time + motionMs) });
  const votes = [...bureauVotes.scan(state, `${owner.id}/`)];
  const agreeing = votes.filter(
    ([key, vote]) =>
      vote.until > time &&
      compareBytes(vote.keys, keys) === 0 &&
      voters.some(({ id }) => key === `${owner.id}/${id}`),
  );
  if (agreeing.length < quorum(voters.length)) return { ok: true, decided: false };
  for (const [key] of votes) bureauVotes.delete(state, key);
  return { ok: true, decided: true };
}

/** SHA-256 of both keys. */
function keysOf({ key, boxKey }: Pick<Owner, "key" | "boxKey">): Uint8Array {
  return sha256(Buffer.concat([key, boxKey]));
}
