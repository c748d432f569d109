import {
  compareBytes,
  keyId,
  type Refusal,
  toBeSigned,
  type Vote,
  voteBytes,
} from "@busbar/protocol";
import { field, id, int, record } from "@busbar/protocol/schema";
import { councilOfEpoch } from "../../council.ts";
import { reportViolation } from "../../credit.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRule } from "../../rule.ts";
import { table } from "../../state/table.ts";

/** Equivocations of one member at one height that count; who said more than that is known by then. */
export const equivocationsMax = 8;

/** `equivocation/<member>/<epoch>/<height>/<view>-<phase>`: who proved it, and in which block. */
export const equivocations = table(
  "equivocation",
  record("equivocation", {
    by: field(1, id),
    block: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  }),
);

/**
 * A member proves that another one said two things that exclude each other: two signed votes of one
 * phase, epoch, view and height, on two digests. Each such place hits the credit report once.
 *
 * Codes, in order: `evidence.rights`, `evidence.places`, `evidence.same`, `evidence.stranger`,
 * `evidence.signature`, `evidence.enough`.
 */
export const evidenceRule: TxRule<"evidence"> = (context, { member, first, second }, signer) => {
  if (signer.kind !== "member" || signer.id !== member) {
    const text = `expected the signature of member ${member}, got ${signer.kind} ${signer.id}'s`;
    return refuse("evidence.rights", text);
  }
  const apart = compareVotes(first, second);
  if (apart !== undefined) return apart;
  const { epoch, height, view, phase, from } = first;
  const voter = councilOfEpoch(context.state, epoch)?.voters.find((known) => known.id === from);
  if (voter === undefined) {
    return refuse("evidence.stranger", `${from} had no vote in epoch ${epoch}`);
  }
  for (const vote of [first, second]) {
    if (!isSignedBy(context, vote, voter.key)) {
      return refuse("evidence.signature", `a vote is not signed by the key of ${from}`);
    }
  }
  const place = `${from}/${epoch}/${height}/`;
  const name = `${place}${view}-${phase}`;
  if (equivocations.get(context.state, name) !== undefined) return { ok: true, code: "exists" };
  if ([...equivocations.scan(context.state, place)].length >= equivocationsMax) {
    return refuse("evidence.enough", `${from} is known to have said two things at ${height}`);
  }
  equivocations.set(context.state, name, { by: member, block: context.height });
  const reason = `two ${phase} votes at height ${height}, view ${view} of epoch ${epoch}`;
  reportViolation(context, { id: from, kind: "equivocation", reason });
  return { ok: true };
};

/** Votes at different places exclude nothing; codes `evidence.places`, `evidence.same`. */
function compareVotes(first: Vote, second: Vote): Refusal | undefined {
  for (const name of ["phase", "epoch", "view", "height", "from"] as const) {
    if (first[name] === second[name]) continue;
    const text = `expected two votes of one ${name}, got ${first[name]} and ${second[name]}`;
    return refuse("evidence.places", text);
  }
  if (compareBytes(first.digest, second.digest) !== 0) return undefined;
  return refuse("evidence.same", "both votes say the same");
}

function isSignedBy({ chain, verify }: BlockContext, vote: Vote, key: Uint8Array): boolean {
  const message = toBeSigned(voteBytes(vote), keyId(key), { chain, kind: vote.phase });
  return verify(vote.signature, message, key);
}
