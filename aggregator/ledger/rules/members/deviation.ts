import {
  type BlockHeader,
  compareBytes,
  keyId,
  membershipOf,
  toBeSigned,
  verifyCertificate,
} from "@busbar/protocol";
import { field, id, int, record } from "@busbar/protocol/schema";
import { decodeHeader } from "../../codecs.ts";
import { councilAt } from "../../council.ts";
import { reportViolation } from "../../credit.ts";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { table } from "../../state/table.ts";

/** Deviations of one member that count; a machine that computes otherwise stops at the first. */
export const deviationsMax = 16;

/** `deviation/<member>/<height>`: who proved it, and in which block. */
export const deviations = table(
  "deviation",
  record("deviation-entry", {
    by: field(1, id),
    block: field(2, int(1, Number.MAX_SAFE_INTEGER)),
  }),
);

/**
 * A member proves that another one computed a block otherwise than a quorum did: its signature over a
 * header, and the certified header of that height. Each height hits the credit report once.
 *
 * Codes, in order: `evidence.rights`, `evidence.header`, `evidence.same`, `evidence.stranger`,
 * `evidence.certificate`, `evidence.signature`, `evidence.enough`.
 */
export const deviationRule: TxRule<"deviation"> = (context, message, signer) => {
  const { member, from, header, signature, certified, certificate } = message;
  const { state, chain, verify, height: now } = context;
  if (signer.kind !== "member" || signer.id !== member) {
    const text = `expected the signature of member ${member}, got ${signer.kind} ${signer.id}'s`;
    return refuse("evidence.rights", text);
  }
  const [theirs, ours] = [headerIn(header), headerIn(certified)];
  const height = ours?.height ?? 0;
  const isOfChain = theirs !== undefined && ours?.chain === chain && theirs.chain === chain;
  // Of one height, views may have proposed other blocks; of one view, a quorum prepared one at most.
  const isOfOneProposal = theirs?.height === height && theirs?.view === ours?.view;
  if (!isOfChain || !isOfOneProposal || height >= now) {
    const text =
      "expected two headers of one height and view of this chain, below the present block";
    return refuse("evidence.header", text);
  }
  if (compareBytes(header, certified) === 0) {
    return refuse("evidence.same", "both headers are the same");
  }
  const council = councilAt(state, height);
  const voter = council.voters.find((known) => known.id === from);
  if (voter === undefined) {
    return refuse("evidence.stranger", `${from} had no vote on block ${height}`);
  }
  const quorum = verifyCertificate(certified, certificate, membershipOf(chain, council), verify);
  if (!quorum.ok) return refuse("evidence.certificate", quorum.message);
  const signed = toBeSigned(header, keyId(voter.key), { chain, kind: "block" });
  if (!verify(signature, signed, voter.key)) {
    return refuse("evidence.signature", `the header is not signed by the key of ${from}`);
  }
  const name = `${from}/${String(height).padStart(12, "0")}`;
  if (deviations.get(state, name) !== undefined) return { ok: true, code: "exists" };
  if ([...deviations.scan(state, `${from}/`)].length >= deviationsMax) {
    return refuse("evidence.enough", `${from} is known to compute otherwise`);
  }
  deviations.set(state, name, { by: member, block: now });
  const reason = `block ${height} came to another result than the quorum's`;
  reportViolation(context, { id: from, kind: "deviation", reason });
  return { ok: true };
};

function headerIn(bytes: Uint8Array): BlockHeader | undefined {
  try {
    return decodeHeader(bytes);
  } catch {
    // Whatever is wrong with the bytes of a stranger: they are no header.
    return undefined;
  }
}
