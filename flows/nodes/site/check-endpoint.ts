import { checkFlow } from "../../check/check.ts";
import { endpoint } from "../link/endpoint.ts";
import { isObject } from "../link/json.ts";
import type { Red } from "../link/red.ts";
import { isSigningKey } from "../notice/signing-key.ts";

/** `POST busbar/check`: what is wrong with the nodes that the editor has now. */
export function addCheckEndpoint(red: Red): void {
  const may = red.auth.needsPermission("flows.read");
  red.httpAdmin.post(
    "/busbar/check",
    may,
    endpoint(({ nodes }) => ({ findings: checkFlow(withKeys(red, nodes), process.env) })),
  );
}

/** Which notice nodes have a key: the editor knows of those that were entered, here are those that were deployed. */
function withKeys(red: Red, nodes: unknown): unknown {
  if (!Array.isArray(nodes)) return nodes;
  return nodes.map((node: unknown) => {
    if (!isObject(node) || node.type !== "busbar-notice" || isObject(node.credentials)) return node;
    const secret = red.nodes.getCredentials(String(node.id))?.secret ?? "";
    const told = { has_secret: secret !== "", weak_secret: !isSigningKey(secret) };
    return { ...node, credentials: told };
  });
}
