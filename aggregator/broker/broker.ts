import type { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import { compareBytes, Failure, type Verify } from "@busbar/protocol";
import { Aedes, type Client } from "aedes";
import type { Logger } from "pino";
import type { Ingest } from "../ingest/ingest.ts";
import type { Identity, Registry } from "../ledger/registry.ts";
import { BoundedLog } from "./bounded-log.ts";
import type { BrokerCode } from "./codes.ts";
import { Counters } from "./counters.ts";
import { Deliveries, type Outcome } from "./deliveries.ts";
import { guardSocket } from "./guard.ts";
import type { HookContext } from "./hook-context.ts";
import { makeHooks } from "./hooks.ts";
import { type BrokerLimits, brokerLimits } from "./limits.ts";
import { followFiles, listen, makeServer, type TlsFiles } from "./listen.ts";
import { type Session, Sessions } from "./sessions.ts";
import { type Takeover, Takeovers } from "./takeovers.ts";
import { addressKey, TokenBuckets } from "./token-bucket.ts";
import type { Viewer } from "./viewer.ts";

/** `id` is the member that runs the broker, `now` wall-clock ms; port 0 takes any free port. */
export type BrokerOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles;
  /** How often its files are looked at for renewed ones, wall ms. */
  readonly tlsLookMs?: number;
  readonly id: string;
  readonly chain: string;
  readonly site: string;
  readonly registry: Registry;
  /** Programs that look on for an owner. Default: none. */
  readonly viewers?: readonly Viewer[];
  readonly verify: Verify;
  readonly ingest: Ingest;
  readonly now: () => number;
  readonly log: Logger;
  readonly counters?: Counters;
  readonly limits?: Partial<BrokerLimits>;
  /** A connection of an identity was granted a subscription, and its SUBACK is sent. */
  readonly onSubscribed?: (identity: Identity, filter: string) => void;
};

export type PublishOptions = { readonly retain?: boolean; readonly qos?: 0 | 1 };

/** The embedded MQTT broker of one aggregator. */
export type Broker = {
  readonly port: number;
  readonly counters: Counters;
  /** Resolves when every connected subscriber's socket has it. Throws: `Failure` `broker.closed`. */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<void>;
  /** Whether a connection of an identity is subscribed to a topic by its own name; wildcards, which
   * only members hold, do not count. */
  listens(identity: string, topic: string): boolean;
  /**
   * Publishes with QoS 1 and waits for the PUBACK of a connection of this identity. A connection that
   * subscribed with QoS 0 has acknowledged when its socket has the message.
   */
  deliver(identity: string, topic: string, payload: Uint8Array): Promise<Outcome>;
  clients(): readonly Session[];
  /** Client ids that two units fight for. */
  takeovers(): readonly Takeover[];
  /** Closes the connections of identities whose key the ledger replaced; to be called after a block
   * with an admission. */
  closeReplaced(): void;
  /** Closes all connections and frees the port. */
  stop(): Promise<void>;
};

/** Throws: `Failure` `broker.port-taken`, `broker.port-forbidden`, `broker.listen`, `broker.certificate`. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const limits: BrokerLimits = { ...brokerLimits, ...options.limits };
  const context = {
    ...options,
    viewers: options.viewers ?? [],
    limits,
    sessions: new Sessions(),
    deliveries: new Deliveries(),
    takeovers: new Takeovers(),
    counters: options.counters ?? new Counters(),
    log: new BoundedLog(options.log, options.now, limits.logLinesPerSecond),
  };
  const server = makeServer(options.tls, limits.connectTimeoutMs);
  const aedes = new Aedes({
    id: options.id,
    // No bound on messages in routing: with one, a single reader that stopped fills all places. What
    // waits is bounded by each sender (one socket read) and each reader (`unsentBytesMax`).
    concurrency: 0,
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    keepaliveLimit: limits.keepaliveSecondsMax,
    maxTopicLevels: limits.topicLevelsMax,
    maxInflightInbound: limits.halfOpenMax,
    ...makeHooks(context),
  });
  const sockets = admit(server, aedes, context);
  watch(aedes, context);
  followSubscriptions(aedes, context, options.onSubscribed);
  // Its store is in memory, so this is a fault of ours; it must be seen, and must not end the process.
  const emitter: EventEmitter = aedes;
  emitter.on("error", (error) => options.log.error({ event: "broker-error", err: error }));
  const port = await listen(server, options.host, options.port);
  await aedes.listen();
  context.deliveries.hear(aedes);
  server.on("error", (error) => options.log.error({ event: "broker-server-error", err: error }));
  const files = followTls(server, options);
  return {
    port,
    counters: context.counters,
    clients: () => context.sessions.all(),
    takeovers: () => context.takeovers.fights(options.now()),
    publish: (topic, payload, settings) => publish(aedes, topic, payload, settings),
    listens: (identity, topic) => context.sessions.listens(identity, topic),
    deliver: (identity, topic, payload) => {
      // A view of its own, by which the message is known on its way.
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
      const route = () => publish(aedes, topic, bytes, { qos: 1 });
      return context.deliveries.deliver(identity, bytes, {
        route,
        waitMsMax: limits.acknowledgeMsMax,
      });
    },
    closeReplaced: () => closeReplaced(context),
    stop: async () => {
      files?.stop();
      await stop(server, aedes, sockets);
    },
  };
}

const tlsLookMsUsual = 60_000;

function followTls(server: Server, { tls, tlsLookMs = tlsLookMsUsual, log }: BrokerOptions) {
  if (tls === undefined) return undefined;
  return followFiles(server, tls, {
    everyMs: tlsLookMs,
    onChanged(failure) {
      if (failure === undefined) log.info({ event: "certificate-renewed" });
      else log.error({ event: "certificate-unusable", code: failure.code, err: failure });
    },
  });
}

type Watched = {
  readonly log: BoundedLog;
  readonly counters: Counters;
  readonly limits: BrokerLimits;
  now(): number;
};

/** Lets connections in: allowance of the address, place, header guard, then aedes. */
function admit(server: Server, aedes: Aedes, context: Watched): ReadonlySet<Socket> {
  const { counters, limits, log } = context;
  const sockets = new Set<Socket>();
  const allowance = { burst: limits.connectBurst, perSecond: limits.connectsPerSecond };
  const buckets = new TokenBuckets(allowance, limits.addressesMax);
  const turnAway = (code: BrokerCode, address: string | undefined, error?: Error): void => {
    counters.count(code);
    log.warn("connection-closed", { code, address, reason: error?.message });
  };
  server.maxConnections = limits.connectionsMax;
  server.on("drop", (data) => turnAway("guard.connections-full", data?.remoteAddress));
  server.on("connection", (socket: Socket) => {
    // With TLS this is the socket below: a flood is stopped before it costs handshakes.
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (buckets.take(addressKey(socket.remoteAddress), context.now())) return;
    turnAway("guard.too-fast", socket.remoteAddress);
    socket.destroy();
  });
  const secure = "addContext" in server;
  server.on("tlsClientError", (error: Error, socket: Socket) =>
    turnAway("guard.tls", socket.remoteAddress, error),
  );
  server.on(secure ? "secureConnection" : "connection", (socket: Socket) => {
    if (socket.destroyed) return;
    const { remoteAddress } = socket;
    guardSocket(socket, limits.packetBytesMax, (code) => turnAway(code, remoteAddress));
    aedes.handle(socket);
  });
  return sockets;
}

/** Counts and writes down why connections ended. */
function watch(aedes: Aedes, { counters, log }: Watched): void {
  const ended = (client: Client, error: Error): void => {
    // What the gates refused was counted where it was decided.
    if (/^(login|rights)\./.test(error.message)) return;
    counters.count("guard.client-error" satisfies BrokerCode);
    log.warn("client-error", { client: client.id, reason: error.message });
  };
  aedes.on("clientError", ended);
  aedes.on("connectionError", ended);
}

/** Keeps each session's filters true, and tells who was granted which. */
function followSubscriptions(
  aedes: Aedes,
  { sessions }: HookContext,
  onSubscribed: BrokerOptions["onSubscribed"],
): void {
  aedes.on("subscribe", (subscriptions, client) => {
    const session = sessions.of(client);
    if (session === undefined) return;
    for (const { topic } of subscriptions) {
      if (session.filters.has(topic)) onSubscribed?.(session.identity, topic);
    }
  });
  aedes.on("unsubscribe", (filters, client) => {
    for (const filter of filters) sessions.of(client)?.filters.delete(filter);
  });
}

/** A stolen key is good for nothing from the block on that replaces it. */
function closeReplaced({ sessions, registry, counters, log }: HookContext): void {
  const stale = sessions.takeStale(({ id, key }) => {
    const now = registry.byId(id)?.key;
    return now === undefined || compareBytes(now, key) !== 0;
  });
  for (const client of stale) {
    counters.count("login.key-replaced" satisfies BrokerCode);
    log.warn("client-closed", { code: "login.key-replaced", client: client.id });
    client.conn.destroy();
  }
}

/**
 * aedes numbers a packet, stores it if it is retained, and then routes it; a subscriber drops what
 * comes behind a higher number. So a retained message that another one overtakes while it is stored
 * would reach nobody who listens to both: it is stored before it gets its number.
 */
async function publish(
  aedes: Aedes,
  topic: string,
  payload: string | Uint8Array,
  { retain = false, qos = 0 }: PublishOptions = {},
): Promise<void> {
  const packet = { cmd: "publish", topic, payload: bytesOf(payload), qos, dup: false } as const;
  const failed = (cause: Error) =>
    new Failure("broker.closed", `cannot publish on ${topic}: ${cause.message}`, {
      retry: "never",
      cause,
    });
  if (retain) await storeRetained(aedes, packet);
  await new Promise<void>((resolve, reject) => {
    aedes.publish({ ...packet, retain: false }, (cause) =>
      cause ? reject(failed(cause)) : resolve(),
    );
  });
}

function bytesOf(payload: string | Uint8Array): Buffer {
  if (typeof payload === "string") return Buffer.from(payload);
  if (Buffer.isBuffer(payload)) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length);
}

/** What aedes itself does with a retained packet, before its number is given. */
async function storeRetained(aedes: Aedes, packet: object): Promise<void> {
  // Its types leave this part out.
  const { persistence } = aedes as unknown as {
    readonly persistence: { storeRetained(packet: object): Promise<void> };
  };
  await persistence.storeRetained({
    ...packet,
    retain: true,
    brokerId: aedes.id,
    brokerCounter: 0,
  });
}

async function stop(server: Server, aedes: Aedes, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await new Promise<void>((resolve) => aedes.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}
