import assert from "node:assert/strict";
import { decodeMessage } from "@busbar/protocol";
import { councilOf } from "../../council.ts";
import type { BlockContext } from "../../rule.ts";
import { enactMemberMotion } from "./member-motion-effect.ts";
import { closeMotion, tally } from "./motions.ts";
import { motions } from "./tables.ts";

/** Closes a motion that has the votes for it or against it; what was accepted takes its course. */
export function decide(context: BlockContext, id: string): void {
  const motion = motions.get(context.state, id);
  assert(motion !== undefined, "a motion that is voted on exists");
  const result = tally(motion, councilOf(context.state));
  if (result === undefined) return;
  if (result === "rejected") return closeMotion(context, id, result);
  const decoded = decodeMessage(motion.kind, motion.message);
  assert(decoded.ok, "a motion was a message once");
  const refusal = enactMemberMotion(context, decoded.message);
  closeMotion(context, id, refusal === undefined ? "accepted" : "void");
}
