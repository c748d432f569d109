import { discoveryPrefix, parseTopic, type Topic } from "@busbar/protocol";
import type { Identity } from "../ledger/registry.ts";

/** What rights are measured against: the site, whose a device is, and which meters it reads. */
export type Grounds = {
  readonly site: string;
  ownerOf(device: string): string | undefined;
  hasMeter(device: string, meter: string): boolean;
};

/** Whether an identity may publish on a topic. A name with a wildcard is no topic. */
export function mayPublish(
  identity: Identity,
  topic: string,
  { site, ownerOf }: Pick<Grounds, "site" | "ownerOf">,
): boolean {
  const meaning = parseTopic(site, topic);
  if (meaning === undefined) return false;
  const isQuotes = meaning.of === "market" && meaning.name === "quotes";
  switch (identity.kind) {
    case "member":
      return memberSpeaksOn(meaning, identity.id);
    case "owner":
      return isQuotes || isSupport(meaning, identity.id, "support-ask", ownerOf);
    case "device":
      return isQuotes || (isOwn(meaning, identity.id) && deviceSpeaksOn(meaning));
    case "label":
      return meaning.of === "enrol" && meaning.id === identity.id && meaning.name === "claims";
    default:
      return identity satisfies never;
  }
}

/**
 * Whether an identity may subscribe to a filter. Filters with wildcards are granted one by one, as
 * written here; a filter that would match more than is granted is refused whole.
 */
export function maySubscribe(identity: Identity, filter: string, grounds: Grounds): boolean {
  const base = `busbar/v1/${grounds.site}/`;
  if (identity.kind === "member") return isBelow(base, filter);
  if (filter === `${base}host/+/state`) return true;

  if (identity.kind === "label") {
    const topic = parseTopic(grounds.site, filter);
    return topic?.of === "enrol" && topic.id === identity.id && topic.name === "receipts";
  }

  const looksOn = isOnlooker(identity);
  if (identity.kind === "owner" && discoveryFilters.has(filter)) return true;
  if (looksOn && (filter === `${base}+/live` || filter === `${base}+/state`)) return true;

  const topic = parseTopic(grounds.site, filter);
  if (topic === undefined) return false;
  switch (topic.of) {
    case "host":
      return topic.name === "state";
    case "market":
      return (
        ["prices", "gates", "releases"].includes(topic.name) || (topic.name === "trades" && looksOn)
      );
    case "owner":
      // A unit quotes for its owner and needs to know how it stands.
      if (identity.kind === "device") {
        return topic.name === "positions" && grounds.ownerOf(identity.id) === topic.id;
      }
      return identity.kind === "owner" && topic.id === identity.id;
    case "device":
      if (identity.kind === "device") return isOwn(topic, identity.id) && deviceHearsOn(topic);
      if (isSupport(topic, identity.id, "support-ask", grounds.ownerOf)) return true;
      if (isSupport(topic, identity.id, "support-answer", grounds.ownerOf)) return true;
      if (topic.name !== "live" && topic.name !== "state") return false;
      return looksOn || grounds.ownerOf(topic.id) === identity.id;
    case "enrol":
      return false;
    case "discovery":
      return mayDiscover(identity, topic.id, grounds);
    default:
      return topic satisfies never;
  }
}

/** What a program that only looks on, with a password of its own, may hear of what its owner may. */
export function mayLookOn(identity: Identity, filter: string, grounds: Grounds): boolean {
  const topic = parseTopic(grounds.site, filter);
  const isSession = topic?.of === "device" && topic.name.startsWith("support-");
  return topic?.of !== "owner" && !isSession && maySubscribe(identity, filter, grounds);
}

/** Home Assistant says on this topic that it is there, and by its last will that it is not. Nobody
 * listens: it is taken and goes nowhere. */
export const onlookerBirth = `${discoveryPrefix}/status`;

/** Home Assistant subscribes to these two as they are; what passes is judged message by message. */
const discoveryFilters: ReadonlySet<string> = new Set([
  `${discoveryPrefix}/+/+/config`,
  `${discoveryPrefix}/+/+/+/config`,
]);

/** Whether an identity may know that a device, and which meters of it, are there. */
export function mayDiscover(
  identity: Identity,
  device: string,
  { ownerOf }: Pick<Grounds, "ownerOf">,
): boolean {
  return isOnlooker(identity) || (identity.kind === "owner" && ownerOf(device) === identity.id);
}

const isOnlooker = (identity: Identity): boolean =>
  identity.kind === "owner" && identity.owner.party === "operator";

/** Topics whose last message is kept for those who come later; elsewhere the retain flag is dropped. */
export function mayRetain(topic: Topic, { hasMeter }: Pick<Grounds, "hasMeter">): boolean {
  if (topic.of === "device") return topic.name === "state";
  // Of admitted meters only: else one device could fill the broker's memory with names.
  if (topic.of === "discovery") return topic.meter === undefined || hasMeter(topic.id, topic.meter);
  if (topic.of === "host") return topic.name === "state";
  if (topic.of === "owner") return topic.name === "positions";
  return topic.of === "market" && ["prices", "gates", "releases"].includes(topic.name);
}

/** Topics whose messages go to the ledger and to nobody else. */
export function isIngested(topic: Topic): boolean {
  return (
    (topic.of === "device" && topic.name === "readings") ||
    (topic.of === "market" && topic.name === "quotes") ||
    (topic.of === "host" && topic.name === "transactions") ||
    (topic.of === "enrol" && topic.name === "claims")
  );
}

/** All of the site but other members' transactions, and members' receipts: those come from brokers. */
function memberSpeaksOn(topic: Topic, member: string): boolean {
  if (topic.of === "discovery") return false;
  if (topic.of === "enrol") return topic.name === "receipts";
  if (topic.of !== "host" || topic.name === "state") return true;
  return ["transactions", "workers"].includes(topic.name) && topic.id === member;
}

/** A support session's topic of a unit that is this owner's: it may ask, and sees all that is asked and answered. */
function isSupport(
  topic: Topic,
  owner: string,
  name: "support-ask" | "support-answer",
  ownerOf: Grounds["ownerOf"],
): boolean {
  return topic.of === "device" && topic.name === name && ownerOf(topic.id) === owner;
}

function isOwn(topic: Topic, device: string): boolean {
  return (topic.of === "device" || topic.of === "discovery") && topic.id === device;
}

function deviceSpeaksOn(topic: Topic): boolean {
  return (
    topic.of === "discovery" ||
    ["state", "readings", "live", "acks", "support-answer"].includes(topic.name)
  );
}

/** Its own state, so that it learns when another unit speaks in its name. */
function deviceHearsOn(topic: Topic): boolean {
  return ["receipts", "commands", "state", "support-ask"].includes(topic.name);
}

/** A well-formed filter (MQTT 3.1.1 §4.7.1) that starts with the site's own levels. */
function isBelow(base: string, filter: string): boolean {
  if (!filter.startsWith(base)) return false;
  const levels = filter.slice(base.length).split("/");
  return levels.every((level, i) => {
    if (level === "#") return i === levels.length - 1;
    return level === "+" || /^[^+#]+$/.test(level);
  });
}
