import { parseTopic, topicsOf } from "@busbar/protocol";
import { brokerLimits } from "../limits.ts";
import type { ExternalCode } from "./codes.ts";

/** What takes care of all that belongs to no device: whoever holds this key. No id of a device. */
export const siteKey = "market";

/** A frame for the ledger, and whose it is: a device's id, or `siteKey`. */
export type Inward =
  | { readonly ok: true; readonly key: string }
  | { readonly ok: false; readonly code: ExternalCode };

/**
 * Whether a message of an external broker goes to the member, whose own broker judges it as if its
 * sender had signed in there. Only what it takes passes: anything else would end the connection.
 */
export function inward(site: string, topic: string, payload: Uint8Array): Inward {
  const meaning = parseTopic(site, topic);
  const isReadings = meaning?.of === "device" && meaning.name === "readings";
  const isQuotes = meaning?.of === "market" && meaning.name === "quotes";
  if (!isReadings && !isQuotes) return { ok: false, code: "worker.not-ours" };
  // Topic and packet identifier stand in the packet, too (MQTT 3.1.1 §3.3.2).
  const packetBytes = 2 + Buffer.byteLength(topic) + 2 + payload.length;
  if (packetBytes > brokerLimits.packetBytesMax) {
    return { ok: false, code: "worker.frame-too-large" };
  }
  return { ok: true, key: isReadings ? meaning.id : siteKey };
}

/**
 * Whether a message of the member's broker goes to the external one, and whether it is kept there for
 * those who come later: a subscriber is not told that what it hears was retained.
 */
export function outward(
  site: string,
  member: string,
  topic: string,
  payload: Uint8Array,
): { readonly retain: boolean } | undefined {
  const meaning = parseTopic(site, topic);
  switch (meaning?.of) {
    case "device":
      return meaning.name === "receipts" || meaning.name === "commands"
        ? { retain: false }
        : undefined;
    case "market":
      if (meaning.name === "quotes") return undefined;
      if (meaning.name === "trades") return { retain: false };
      return { retain: meaning.name !== "prices" || isLastGate(payload) };
    case "owner":
      return meaning.name === "notices" ? undefined : { retain: meaning.name === "positions" };
    case "host":
      return meaning.id === member && meaning.name === "state" ? { retain: true } : undefined;
    default:
      return undefined;
  }
}

/** What a worker hears at its member's broker for the whole site. Notices are not among it: a member
 * tells them to owners of whom it hears that they have them. */
export function siteFilters(site: string): readonly string[] {
  const topics = topicsOf(site);
  const { prices, gates, trades, releases } = topics;
  return [prices, gates, trades, releases, topics.positions("+"), topics.ownTrades("+")];
}

/** What each worker hears at the external broker: the others, and which devices there are. */
export function groupFilters(site: string): readonly string[] {
  const topics = topicsOf(site);
  return [topics.workers("+"), topics.host("+"), topics.state("+")];
}

/** As the publisher decides: retained are prices of the slot that comes next. */
function isLastGate(payload: Uint8Array): boolean {
  try {
    const said: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return (said as { gatesLeft?: unknown } | null)?.gatesLeft === 0;
  } catch {
    // Nothing that a member publishes; it goes on as it is.
    return false;
  }
}
