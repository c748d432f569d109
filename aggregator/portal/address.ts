import { isIPv4 } from "node:net";
import type { AggregatorConfig } from "../config/schema.ts";

/** Where a portal that listens there is opened on its own machine. */
export function urlAt(host: string, port: number): string {
  // A wildcard address is no place to go to.
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where owners open the portal: as the notices' configuration says, or the portal's own, or where it listens. */
export function addressOf(
  { notices, portal }: Pick<AggregatorConfig, "notices" | "portal">,
  listening = urlAt(portal.host, portal.port),
): string {
  return notices.portalUrl ?? portal.url ?? listening;
}

/** Whether an address leads each machine to itself. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  const isName = hostname === "localhost" || hostname.endsWith(".localhost");
  return isName || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."));
}
