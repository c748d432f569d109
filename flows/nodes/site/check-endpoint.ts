import { checkFlow } from "../../check/check.ts";
import { endpoint } from "../link/endpoint.ts";
import type { Red } from "../link/red.ts";

/** `POST busbar/check`: what is wrong with the nodes that the editor has now. */
export function addCheckEndpoint(red: Red): void {
  const may = red.auth.needsPermission("flows.read");
  red.httpAdmin.post(
    "/busbar/check",
    may,
    endpoint(({ nodes }) => ({ findings: checkFlow(nodes) })),
  );
}
