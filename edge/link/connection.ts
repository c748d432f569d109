import { readFileSync } from "node:fs";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { brokerAddress } from "../config/broker-url.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { type BackOffBounds, backOffMs } from "./back-off.ts";

/** A last will or a publication. */
export type Publication = {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
};

/** Who connects, and who is told. */
export type ConnectionOptions = {
  readonly brokers: readonly BrokerConfig[];
  readonly client: string;
  readonly username: string;
  /** A fresh password for each attempt. */
  readonly password: (broker: BrokerConfig) => string;
  readonly will: () => Publication | undefined;
  readonly subscriptions: readonly string[];
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
  /** An attempt did not lead to a connection. */
  readonly onFailed?: (reason: string) => void;
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  readonly random?: () => number;
  readonly backOff?: BackOffBounds;
};

/** A broker that does not answer for so long is given up for the next one. */
const connectTimeoutMs = 10_000;
/** A connection that held for so long was a good one: the back-off starts anew. */
const stableMs = 5_000;
/** How long a clean end may take before the socket is cut. */
const endMsMax = 1_000;

/**
 * Holds one MQTT connection to the nearest broker that answers. Each attempt is a new mqtt.js client
 * with a clean session, so that nothing ever waits in a queue of its: the journal is the only outbox.
 */
export class Connection {
  readonly #options: Required<ConnectionOptions>;
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #index = 0;
  #failures = 0;
  #up = false;
  #upSince = 0;
  #stopped = true;
  #reason = "not connected yet";

  constructor(options: ConnectionOptions) {
    const backOff = { msMin: 250, msMax: 15_000 };
    this.#options = { random: Math.random, backOff, onFailed: () => {}, ...options };
  }

  /** Whether frames may be sent: signed in, and all subscriptions granted. */
  get up(): boolean {
    return this.#up;
  }

  /** The broker in use or tried last. */
  get url(): string | undefined {
    return this.#options.brokers[this.#index]?.url;
  }

  /** Why there is no connection. */
  get reason(): string {
    return this.#reason;
  }

  start(): void {
    this.#stopped = false;
    this.#attempt();
  }

  /** Publishes when connected, else not at all. Never queues. */
  publish({ topic, payload, qos, retain }: Publication): boolean {
    if (!this.#up || this.#client === undefined) return false;
    const body = typeof payload === "string" ? payload : Buffer.from(payload);
    // The callback's error says that the connection ended; `close` says so too.
    this.#client.publish(topic, body, { qos, retain }, () => {});
    return true;
  }

  /** Leaves this broker, for example because nobody behind it stores anything. */
  moveOn(reason: string): void {
    this.#reason = reason;
    this.#upSince = Date.now();
    this.#client?.end(true);
  }

  /** Ends cleanly: what was published last is given a moment to leave. */
  async stop(last?: Publication): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    if (client === undefined) return;
    if (this.#up && last !== undefined) await published(client, last);
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => client.end(true, () => resolve()), endMsMax);
      client.once("close", () => {
        clearTimeout(cut);
        resolve();
      });
      client.end(true);
    });
  }

  #attempt(): void {
    const broker = this.#options.brokers[this.#index];
    if (broker === undefined) return;
    let client: MqttClient;
    try {
      client = mqtt.connect(this.#mqttOptions(broker));
    } catch (error) {
      this.#reason = messageOf(error);
      this.#options.onFailed(this.#reason);
      return this.#retry();
    }
    this.#client = client;
    client.on("connect", () => this.#subscribe(client));
    // A copy as plain bytes: mqtt.js hands out views of its read buffer.
    client.on("message", (topic, payload) =>
      this.#options.onMessage(topic, new Uint8Array(payload)),
    );
    client.on("error", (error) => {
      this.#reason = messageOf(error);
    });
    client.once("close", () => this.#closed(client));
  }

  #subscribe(client: MqttClient): void {
    client.subscribe([...this.#options.subscriptions], { qos: 1 }, (error) => {
      if (client !== this.#client || !client.connected) return;
      if (error !== null) {
        this.#reason = `subscription refused: ${error.message}`;
        client.end(true);
        return;
      }
      this.#up = true;
      this.#reason = "the broker closed the connection";
      this.#upSince = Date.now();
      this.#options.onUp();
    });
  }

  #closed(client: MqttClient): void {
    // Without reconnection nothing else ends its timers and its pending callbacks.
    client.end(true);
    if (client !== this.#client) return;
    this.#client = undefined;
    const wasUp = this.#up;
    this.#up = false;
    if (wasUp && Date.now() - this.#upSince >= stableMs) this.#failures = 0;
    // Back to the nearest broker after a connection that worked, else on to the next.
    this.#index = wasUp && this.#failures === 0 ? 0 : this.#index + 1;
    if (this.#index >= this.#options.brokers.length) this.#index = 0;
    if (this.#stopped) return;
    if (wasUp) this.#options.onDown(this.#reason);
    else this.#options.onFailed(this.#reason);
    this.#retry();
  }

  #retry(): void {
    this.#failures += 1;
    const { backOff, random } = this.#options;
    const wait = backOffMs(this.#failures, backOff, random);
    this.#timer = setTimeout(() => this.#attempt(), wait);
  }

  #mqttOptions(broker: BrokerConfig): IClientOptions {
    const { scheme, host, port, path } = brokerAddress(broker.url);
    const { client, username, password, will } = this.#options;
    const last = will();
    const ws = scheme === "ws" || scheme === "wss";
    return {
      protocol: scheme,
      host,
      // A WebSocket's host stands in a URL, where IPv6 needs its brackets again.
      hostname: ws && host.includes(":") ? `[${host}]` : host,
      port,
      ...(ws ? { path } : {}),
      ...tlsOptions(broker),
      clientId: client,
      username,
      password: password(broker),
      ...(last === undefined ? {} : { will: { ...last, payload: Buffer.from(last.payload) } }),
      clean: true,
      keepalive: 30,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
    };
  }
}

/** Read at each attempt, so that a renewed certificate needs no restart. */
function tlsOptions({ tls }: BrokerConfig): IClientOptions {
  if (tls === undefined) return {};
  return {
    rejectUnauthorized: true,
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

async function published(client: MqttClient, publication: Publication): Promise<void> {
  const { topic, payload, qos, retain } = publication;
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, endMsMax);
    client.publish(topic, Buffer.from(payload), { qos, retain }, () => {
      clearTimeout(late);
      resolve();
    });
  });
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
