import { isObject } from "../../nodes/link/json.ts";
import { isSigningKey, keyBytesMin } from "../../nodes/notice/signing-key.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode, textOf } from "../flow.ts";

/** Webhooks whose receiver could not tell who sent them. An exported flow has no keys, and says nothing of them. */
export function checkPush(flow: Flow): Finding[] {
  return byKind(flow, "busbar-notice").flatMap((node) => {
    const lack = node.push === "webhook" && textOf(node, "url") !== "" ? lackOf(node) : undefined;
    if (lack === undefined) return [];
    return [
      finding("push.key", "error", [node], {
        message: `${nameOf(node)} sends to a webhook and has ${lack}: whoever guesses it could send notices in its name, so nothing is sent`,
        remedy: `enter the signing key that the receiver gives, whsec_ and at least ${keyBytesMin} bytes in base64`,
      }),
    ];
  });
}

/** What is wrong with a key, as far as it is told: the editor tells that there is one, and how long. */
function lackOf({ credentials }: FlowNode): string | undefined {
  if (!isObject(credentials)) return undefined;
  const { secret, has_secret: has, weak_secret: weak } = credentials;
  if (typeof secret === "string" && secret !== "") {
    return isSigningKey(secret) ? undefined : "a weak signing key";
  }
  if (has !== true) return "no signing key";
  return weak === true ? "a weak signing key" : undefined;
}
