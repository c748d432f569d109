import { isId } from "../messages/id.ts";

/** Everything Busbar says stands below this prefix. */
export const topicPrefix = "busbar/v1";

/** The names of a site's topics. Ids are checked where they are made; here they are only joined. */
export function topicsOf(site: string) {
  const base = `${topicPrefix}/${site}`;
  return {
    state: (device: string) => `${base}/${device}/state`,
    readings: (device: string) => `${base}/${device}/readings`,
    receipts: (device: string) => `${base}/${device}/receipts`,
    live: (device: string) => `${base}/${device}/live`,
    /** The same of one meter: who listens here hears no neighbour, so silence means this meter. */
    meterLive: (device: string, meter: string) => `${base}/${device}/live/${meter}`,
    commands: (device: string) => `${base}/${device}/commands`,
    acks: (device: string) => `${base}/${device}/acks`,
    /** Questions of a support session to a unit, and its answers. */
    supportAsk: (device: string) => `${base}/${device}/support-ask`,
    supportAnswer: (device: string) => `${base}/${device}/support-answer`,
    prices: `${base}/market/prices`,
    /** Every gate that takes quotes now. */
    gates: `${base}/market/gates`,
    quotes: `${base}/market/quotes`,
    trades: `${base}/market/trades`,
    /** The program that units may install, proven. */
    releases: `${base}/market/releases`,
    notices: (owner: string) => `${base}/owners/${owner}/notices`,
    /** What an owner has sold so far in slots that are still traded. */
    positions: (owner: string) => `${base}/owners/${owner}/positions`,
    ownTrades: (owner: string) => `${base}/owners/${owner}/trades`,
    host: (member: string) => `${base}/host/${member}/state`,
    transactions: (member: string) => `${base}/host/${member}/transactions`,
    /** Where a member's workers behind an external broker say to each other that they are there. */
    workers: (member: string) => `${base}/host/${member}/workers`,
    /** Where a unit that nobody knows yet asks with its label, and is answered. */
    claims: (label: string) => `${base}/enrol/${label}/claims`,
    claimReceipts: (label: string) => `${base}/enrol/${label}/receipts`,
    memberReceipts: (member: string) => `${base}/host/${member}/receipts`,
  } as const;
}

/** Where Home Assistant looks for devices, unless it is told otherwise. */
export const discoveryPrefix = "homeassistant";

/** Home Assistant's device discovery of a unit, or of one of its meters. */
export function discoveryTopic(
  device: string,
  meter?: string,
  prefix: string = discoveryPrefix,
): string {
  const node = meter === undefined ? device : `${device}/${meter}`;
  return `${prefix}/device/${node}/config`;
}

/** Ids that a device may not have, because they are levels of their own. */
export const reservedIds: ReadonlySet<string> = new Set(["market", "owners", "host", "enrol"]);

const deviceTopics = [
  "state",
  "readings",
  "receipts",
  "live",
  "commands",
  "acks",
  "support-ask",
  "support-answer",
] as const;
const marketTopics = ["prices", "gates", "quotes", "trades", "releases"] as const;
const ownerTopics = ["notices", "trades", "positions"] as const;
const enrolTopics = ["claims", "receipts"] as const;
const hostTopics = ["state", "transactions", "receipts", "workers"] as const;

/** What a topic name means. */
export type Topic =
  | {
      readonly of: "device";
      readonly id: string;
      readonly name: (typeof deviceTopics)[number];
      /** With `live`: of this meter only. */
      readonly meter?: string;
    }
  | { readonly of: "market"; readonly name: (typeof marketTopics)[number] }
  | { readonly of: "owner"; readonly id: string; readonly name: (typeof ownerTopics)[number] }
  | { readonly of: "enrol"; readonly id: string; readonly name: (typeof enrolTopics)[number] }
  | { readonly of: "host"; readonly id: string; readonly name: (typeof hostTopics)[number] }
  | {
      readonly of: "discovery";
      readonly id: string;
      readonly name: "config";
      readonly meter?: string;
    };

/** The meaning of a topic name on this site, or undefined for every other name (wildcards too). */
export function parseTopic(site: string, topic: string): Topic | undefined {
  if (topic.startsWith(`${discoveryPrefix}/`)) return parseDiscovery(topic);
  const base = `${topicPrefix}/${site}/`;
  if (!topic.startsWith(base)) return undefined;
  const [first = "", second = "", third, ...more] = topic.slice(base.length).split("/");
  if (more.length > 0) return undefined;
  if (third === undefined) {
    const market = marketTopics.find((name) => name === second);
    if (first === "market" && market !== undefined) return { of: "market", name: market };
    const name = deviceTopics.find((known) => known === second);
    if (name === undefined || !isId(first) || reservedIds.has(first)) return undefined;
    return { of: "device", id: first, name };
  }
  if (second === "live" && isId(first) && !reservedIds.has(first) && isId(third)) {
    return { of: "device", id: first, name: "live", meter: third };
  }
  if (!isId(second)) return undefined;
  const ofOwner = ownerTopics.find((known) => known === third);
  if (first === "owners" && ofOwner !== undefined)
    return { of: "owner", id: second, name: ofOwner };
  const ofEnrol = enrolTopics.find((known) => known === third);
  if (first === "enrol" && ofEnrol !== undefined) return { of: "enrol", id: second, name: ofEnrol };
  const ofHost = hostTopics.find((known) => known === third);
  if (first === "host" && ofHost !== undefined) return { of: "host", id: second, name: ofHost };
  return undefined;
}

function parseDiscovery(topic: string): Topic | undefined {
  const [, kind, id = "", ...rest] = topic.split("/");
  const [meter] = rest;
  if (kind !== "device" || !isId(id) || reservedIds.has(id) || rest.pop() !== "config") {
    return undefined;
  }
  if (rest.length === 0) return { of: "discovery", id, name: "config" };
  if (rest.length > 1 || meter === undefined || !isId(meter)) return undefined;
  return { of: "discovery", id, name: "config", meter };
}
