import type { MemberMotion, Refusal } from "@busbar/protocol";
import type { BlockContext } from "../../rule.ts";
import { sha256 } from "../../sha256.ts";
import { checkChange, queueChange } from "./changes.ts";
import { openRequest } from "./request.ts";
import { type Change, grantedRequests } from "./tables.ts";

/** The change that a motion asks for, or why it asks for none. Codes: `member.request`. */
export function changeOf(
  context: Pick<BlockContext, "chain" | "verify">,
  { action, subject, request }: MemberMotion,
): { readonly ok: true; readonly change: Change } | Refusal {
  if (action !== "admit") return { ok: true, change: { action, member: subject } };
  const opened = openRequest(request ?? new Uint8Array(), subject, context);
  if (!opened.ok) return opened;
  return { ok: true, change: { action, member: subject, terms: opened.terms } };
}

/** Puts a motion's change into the queue. Returns why it cannot be any more, where it cannot. */
export function enactMemberMotion(
  context: BlockContext,
  motion: MemberMotion,
): Refusal | undefined {
  const { state, time, height } = context;
  const wanted = changeOf(context, motion);
  if (!wanted.ok) return wanted;
  const refusal = checkChange(state, wanted.change, time);
  if (refusal !== undefined) return refusal;
  if (motion.request !== undefined) {
    grantedRequests.set(state, requestId(motion.request), { height });
  }
  queueChange(context, wanted.change);
  return undefined;
}

/** A request's name: SHA-256 of its frame, in hex. */
export function requestId(frame: Uint8Array): string {
  return Buffer.from(sha256(frame)).toString("hex");
}
