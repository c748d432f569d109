import {
  decodeMessage,
  type MemberTerms,
  openFrame,
  type Refusal,
  type Verify,
  verifyEnvelope,
} from "@busbar/protocol";
import { refuse } from "../../refuse.ts";

/**
 * The terms in a request's frame, signed by the key in them for this chain; code `member.request`.
 * Whoever carries it needs no trust: nothing of it can be changed.
 */
export function openRequest(
  frame: Uint8Array,
  subject: string,
  { chain, verify }: { readonly chain: string; readonly verify: Verify },
): { readonly ok: true; readonly terms: MemberTerms } | Refusal {
  const opened = openFrame(frame);
  if (!opened.ok) return refused(opened.message);
  const { kind, envelope } = opened.frame;
  if (kind !== "member-request") return refused(`expected a member-request, got a ${kind}`);
  const decoded = decodeMessage(kind, envelope.payload);
  if (!decoded.ok) return refused(decoded.message);
  const { terms } = decoded.message;
  if (terms.id !== subject) return refused(`expected the request of ${subject}, got ${terms.id}'s`);
  if (!verifyEnvelope(envelope, { chain, kind }, terms.key, verify)) {
    return refused(`it is not signed by the key of ${terms.id} for chain ${chain}`);
  }
  return { ok: true, terms };
}

function refused(reason: string): Refusal {
  return refuse("member.request", `the request to be admitted proves nothing: ${reason}`);
}
