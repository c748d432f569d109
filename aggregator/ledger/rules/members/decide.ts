import assert from "node:assert/strict";
import { decodeMessage, type Refusal } from "@busbar/protocol";
import { councilOf } from "../../council.ts";
import type { BlockContext } from "../../rule.ts";
import { enactAccountMotion } from "./account-effect.ts";
import { enactAppealMotion } from "./appeal-effect.ts";
import { enactContractMotion } from "./contract-effect.ts";
import { enactFeederMotion } from "./feeder-effect.ts";
import { enactMemberMotion } from "./member-motion-effect.ts";
import { closeMotion, tally } from "./motions.ts";
import { enactParametersMotion } from "./parameters-effect.ts";
import { enactReleaseMotion } from "./release-effect.ts";
import { type Motion, motions } from "./tables.ts";

/** Closes a motion that has the votes for it or against it; what was accepted takes its course. */
export function decide(context: BlockContext, id: string): void {
  const motion = motions.get(context.state, id);
  assert(motion !== undefined, "a motion that is voted on exists");
  const result = tally(motion, councilOf(context.state));
  if (result === undefined) return;
  if (result === "rejected") return closeMotion(context, id, result);
  const refusal = enact(context, motion);
  closeMotion(context, id, refusal === undefined ? "accepted" : "void");
}

/** Lets an accepted motion take its course. Returns why it cannot any more, where it cannot. */
function enact(context: BlockContext, { kind, message }: Motion): Refusal | undefined {
  switch (kind) {
    case "member-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactMemberMotion(context, decoded.message);
    }
    case "parameters-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactParametersMotion(context, decoded.message);
    }
    case "contract-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactContractMotion(context, decoded.message);
    }
    case "appeal-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactAppealMotion(context, decoded.message);
    }
    case "account-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactAccountMotion(context, decoded.message);
    }
    case "release-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactReleaseMotion(context, decoded.message);
    }
    case "feeder-motion": {
      const decoded = decodeMessage(kind, message);
      assert(decoded.ok, "a motion was a message once");
      return enactFeederMotion(context, decoded.message);
    }
    default:
      return kind satisfies never;
  }
}
