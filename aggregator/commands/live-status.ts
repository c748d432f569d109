import type { AggregatorConfig } from "../config/schema.ts";
import { addressText } from "../consensus/links/address.ts";
import type { PortalStatus } from "../portal/api.ts";

/** How long a running aggregator may take to answer. */
const answerMsMax = 3_000;

/**
 * What the aggregator of a configuration says of itself; undefined where nobody answers at the
 * configured portal, or another member does.
 */
export async function liveStatus({
  portal,
  member,
}: Pick<AggregatorConfig, "portal" | "member">): Promise<PortalStatus | undefined> {
  const host = ["0.0.0.0", "::"].includes(portal.host) ? "127.0.0.1" : portal.host;
  const url = `http://${addressText({ host, port: portal.port })}/api/status`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answerMsMax) });
    const answer = (await response.json()) as PortalStatus;
    return response.ok && answer.member === member ? answer : undefined;
  } catch {
    // It does not run, or somebody else is there: the ledger on disk is what can be told of.
    return undefined;
  }
}
