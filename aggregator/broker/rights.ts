import { parseTopic, type Topic } from "@busbar/protocol";
import type { Identity } from "../ledger/registry.ts";

/** What rights are measured against: the site, and whose a device is. */
export type Grounds = {
  readonly site: string;
  ownerOf(device: string): string | undefined;
};

/** Whether an identity may publish on a topic. A name with a wildcard is no topic. */
export function mayPublish(identity: Identity, topic: string, { site }: Grounds): boolean {
  const meaning = parseTopic(site, topic);
  if (meaning === undefined) return false;
  const isQuotes = meaning.of === "market" && meaning.name === "quotes";
  switch (identity.kind) {
    case "member":
      return memberSpeaksOn(meaning, identity.id);
    case "owner":
      return isQuotes;
    case "device":
      return isQuotes || (isOwn(meaning, identity.id) && deviceSpeaksOn(meaning));
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

  const looksOn = identity.kind === "owner" && identity.owner.party === "operator";
  if (looksOn && (filter === `${base}+/live` || filter === `${base}+/state`)) return true;

  const topic = parseTopic(grounds.site, filter);
  if (topic === undefined) return false;
  switch (topic.of) {
    case "host":
      return topic.name === "state";
    case "market":
      return topic.name === "prices" || (topic.name === "trades" && looksOn);
    case "owner":
      return identity.kind === "owner" && topic.id === identity.id;
    case "device":
      if (identity.kind === "device") return isOwn(topic, identity.id) && deviceHearsOn(topic);
      if (topic.name !== "live" && topic.name !== "state") return false;
      return looksOn || grounds.ownerOf(topic.id) === identity.id;
    default:
      return topic satisfies never;
  }
}

/** Topics whose last message is kept for those who come later; elsewhere the retain flag is dropped. */
export function mayRetain(topic: Topic): boolean {
  if (topic.of === "device") return topic.name === "state";
  if (topic.of === "host") return topic.name === "state";
  return topic.of === "market" && topic.name === "prices";
}

/** Topics whose messages go to the ledger and to nobody else. */
export function isIngested(topic: Topic): boolean {
  return (
    (topic.of === "device" && topic.name === "readings") ||
    (topic.of === "market" && topic.name === "quotes") ||
    (topic.of === "host" && topic.name === "transactions")
  );
}

/** All of the site but other members' transactions, and members' receipts: those come from brokers. */
function memberSpeaksOn(topic: Topic, member: string): boolean {
  if (topic.of !== "host" || topic.name === "state") return true;
  return topic.name === "transactions" && topic.id === member;
}

function isOwn(topic: Topic, device: string): boolean {
  return topic.of === "device" && topic.id === device;
}

function deviceSpeaksOn(topic: Topic): boolean {
  return ["state", "readings", "live", "acks"].includes(topic.name);
}

function deviceHearsOn(topic: Topic): boolean {
  return ["receipts", "commands"].includes(topic.name);
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
