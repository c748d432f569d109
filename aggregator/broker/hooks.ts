import { parseTopic } from "@busbar/protocol";
import type { AedesPublishPacket, Client, PublishPacket, Subscription } from "aedes";
import type { BrokerCode } from "./codes.ts";
import type { HookContext, Hooks } from "./hook-context.ts";
import { loginGate } from "./login-gate.ts";
import {
  type Grounds,
  isIngested,
  mayDiscover,
  mayLookOn,
  mayPublish,
  mayRetain,
  maySubscribe,
  onlookerBirth,
} from "./rights.ts";

/** The broker's answers to aedes: logins, and rights on every packet in and out. */
export function makeHooks(context: HookContext): Hooks {
  const grounds = groundsOf(context);
  return {
    ...loginGate(context),
    authorizePublish: publishGate(context, grounds),
    authorizeSubscribe: subscribeGate(context, grounds),
    authorizeForward: forwardGate(context, grounds),
  };
}

/**
 * Runs before aedes sends PUBACK. What belongs into the ledger is handed to ingest and acknowledged
 * when ingest is done with it; a topic without right ends the connection (3.1.1 has no other no).
 */
function publishGate(context: HookContext, grounds: Grounds): Hooks["authorizePublish"] {
  const { sessions, counters, log, ingest, site } = context;
  return (client, packet, callback) => {
    const session = client === null ? undefined : sessions.of(client);
    if (session?.looksOnly === true && packet.topic === onlookerBirth) {
      packet.retain = false;
      callback(null);
      return;
    }
    const topic = parseTopic(site, packet.topic);
    const speaks = session !== undefined && !session.looksOnly;
    const granted = speaks && mayPublish(session.identity, packet.topic, grounds);
    if (!granted || topic === undefined) {
      counters.count("rights.publish" satisfies BrokerCode);
      const name = packet.topic.slice(0, 160);
      log.warn("publish-refused", { code: "rights.publish", client: client?.id, topic: name });
      callback(new Error(`rights.publish: ${name}`));
      return;
    }
    const takesBack = topic.of === "discovery" && packet.payload.length === 0;
    if (!takesBack && !mayRetain(topic, grounds)) packet.retain = false;
    if (!isIngested(topic)) {
      callback(null);
      return;
    }
    const payload = takePayload(packet);
    ingest({ topic, payload, publisher: session.identity }).then(
      () => callback(null),
      // The world's fault (a full disk): no PUBACK, the client keeps what it has and comes again.
      (error: Error) => callback(error),
    );
  };
}

/** Refuses with 128 in SUBACK, the connection stays. */
function subscribeGate(context: HookContext, grounds: Grounds): Hooks["authorizeSubscribe"] {
  const { sessions, counters, log, limits } = context;
  const refusalOf = (client: Client, subscription: Subscription): BrokerCode | undefined => {
    const { topic: filter, qos } = subscription;
    const session = sessions.of(client);
    const granted = session?.looksOnly === true ? mayLookOn : maySubscribe;
    if (session === undefined || !granted(session.identity, filter, grounds)) {
      return "rights.subscribe";
    }
    session.filters.set(filter, qos);
    const isMember = session.identity.kind === "member";
    const most = isMember ? limits.filtersPerMember : limits.filtersPerConnection;
    if (session.filters.size <= most) return undefined;
    session.filters.delete(filter);
    return "rights.too-many-filters";
  };
  return (client: Client, subscription: Subscription, callback) => {
    const code = refusalOf(client, subscription);
    if (code === undefined) {
      callback(null, subscription);
      return;
    }
    counters.count(code);
    const filter = subscription.topic.slice(0, 160);
    log.warn("subscribe-refused", { code, client: client.id, filter });
    callback(null, null);
  };
}

function forwardGate(context: HookContext, grounds: Grounds): Hooks["authorizeForward"] {
  const { site, sessions, deliveries, limits, counters, log } = context;
  return (client: Client, packet: AedesPublishPacket) => {
    const topic = parseTopic(site, packet.topic);
    if (topic === undefined || isIngested(topic)) return null;
    if (client.conn.writableLength > limits.unsentBytesMax) {
      counters.count("guard.slow-reader" satisfies BrokerCode);
      log.warn("client-closed", { code: "guard.slow-reader", client: client.id });
      client.conn.destroy();
      return null;
    }
    const session = sessions.of(client);
    if (session === undefined) return null;
    if (topic.of === "discovery" && !mayDiscover(session.identity, topic.id, grounds)) return null;
    const qos = session.filters.get(packet.topic) ?? 0;
    deliveries.leaving(client, packet, { identity: session.identity.id, qos });
    return packet;
  };
}

/** A copy of its own: the packet's payload is a view that would keep a whole socket read in memory.
 * Nothing is left in the packet, which aedes goes on to route. */
function takePayload(packet: PublishPacket): Uint8Array {
  const { payload } = packet;
  packet.payload = Buffer.alloc(0);
  return new Uint8Array(typeof payload === "string" ? Buffer.from(payload) : payload);
}

function groundsOf({ site, registry }: HookContext): Grounds {
  return {
    site,
    ownerOf(id) {
      const identity = registry.byId(id);
      return identity?.kind === "device" ? identity.device.owner : undefined;
    },
    hasMeter(id, meter) {
      const identity = registry.byId(id);
      return identity?.kind === "device" && identity.device.meters.some(({ id }) => id === meter);
    },
  };
}
