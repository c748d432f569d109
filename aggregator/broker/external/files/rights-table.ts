import { discoveryTopic, topicsOf } from "@busbar/protocol";
import type { Identity } from "../../../ledger/registry.ts";

/** What an identity may publish and hear, as MQTT filters: what `rights.ts` says in words that other
 * brokers' configuration has. */
export type RightsLine = {
  readonly id: string;
  readonly publish: readonly string[];
  readonly hear: readonly string[];
};

/** `devicesOf`: ids of an owner's devices. Undefined for labels, which enrol at a member's own broker. */
export function rightsLine(
  site: string,
  identity: Identity,
  devicesOf: (owner: string) => readonly string[],
): RightsLine | undefined {
  const topics = topicsOf(site);
  const { id } = identity;
  switch (identity.kind) {
    case "member":
      return { id, publish: memberPublishes(site, id), hear: [`busbar/v1/${site}/#`] };
    case "device":
      return {
        id,
        publish: [
          topics.state(id),
          topics.readings(id),
          topics.live(id),
          topics.meterLive(id, "+"),
          topics.acks(id),
          topics.supportAnswer(id),
          discoveryTopic(id),
          discoveryTopic(id, "+"),
          topics.quotes,
        ],
        hear: [
          ...openTopics(site),
          topics.positions(identity.device.owner),
          topics.receipts(id),
          topics.commands(id),
          topics.state(id),
          topics.supportAsk(id),
        ],
      };
    case "owner": {
      const own = devicesOf(id);
      const looksOn = identity.owner.party === "operator";
      return {
        id,
        publish: [topics.quotes, ...own.map(topics.supportAsk)],
        hear: [
          ...openTopics(site),
          topics.notices(id),
          topics.ownTrades(id),
          topics.positions(id),
          ...own.flatMap((device) => [topics.supportAsk(device), topics.supportAnswer(device)]),
          ...(looksOn
            ? [topics.trades, ...ofDevice(site, "+")]
            : own.flatMap((d) => ofDevice(site, d))),
        ],
      };
    }
    case "label":
      return undefined;
    default:
      return identity satisfies never;
  }
}

/** What everybody of the site may hear. */
function openTopics(site: string): readonly string[] {
  const topics = topicsOf(site);
  return [topics.host("+"), topics.prices, topics.gates, topics.releases];
}

/** What is shown of a device. */
function ofDevice(site: string, device: string): readonly string[] {
  const topics = topicsOf(site);
  return [
    topics.state(device),
    topics.live(device),
    topics.meterLive(device, "+"),
    discoveryTopic(device),
    discoveryTopic(device, "+"),
  ];
}

/** All of the site but other members' transactions, and members' receipts. */
function memberPublishes(site: string, member: string): readonly string[] {
  const topics = topicsOf(site);
  const { prices, gates, quotes, trades, releases } = topics;
  return [
    ...ofEach(topics, "+"),
    ...[prices, gates, quotes, trades, releases],
    ...[topics.notices("+"), topics.positions("+"), topics.ownTrades("+")],
    topics.claimReceipts("+"),
    topics.host("+"),
    topics.transactions(member),
    topics.workers(member),
  ];
}

function ofEach(topics: ReturnType<typeof topicsOf>, device: string): readonly string[] {
  const { state, readings, receipts, live, commands, acks, supportAsk, supportAnswer } = topics;
  const all = [state, readings, receipts, live, commands, acks, supportAsk, supportAnswer];
  return [...all.map((topic) => topic(device)), topics.meterLive(device, "+")];
}

/** Whether a filter matches a topic (MQTT 3.1.1 §4.7); neither begins with "$". */
export function matches(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split("/"), topic.split("/")];
  if (wanted.at(-1) === "#") {
    const before = wanted.slice(0, -1);
    return (
      levels.length >= before.length && before.every((one, i) => one === "+" || one === levels[i])
    );
  }
  return (
    wanted.length === levels.length && wanted.every((one, i) => one === "+" || one === levels[i])
  );
}
