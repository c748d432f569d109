import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { brokerAddress } from "../config/broker-url.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { type BackOffBounds, backOffMs } from "./back-off.ts";
import { dial, tlsOptions } from "./dial.ts";
import { type Attempt, closedEarly, explain, type LinkProblem, problem } from "./problem.ts";

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
  /** Subscribed to before the others where the broker grants it; it may refuse. */
  readonly wishes?: readonly string[];
  readonly onUp: () => void;
  readonly onDown: (problem: LinkProblem) => void;
  /** An attempt did not lead to a connection. */
  readonly onFailed?: (broker: BrokerConfig, problem: LinkProblem) => void;
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  readonly random?: () => number;
  /** Asked before each wait. */
  readonly backOff?: () => BackOffBounds;
  /** A broker that is silent for one and a half times as long is given up. */
  readonly keepaliveSeconds?: number;
  /** A broker that does not answer for so long is given up for the next one. */
  readonly connectMsMax?: number;
};

/** Bounds of the wait between attempts. */
export const usualBackOff: BackOffBounds = { msMin: 250, msMax: 15_000 };
/** A connection that held for so long was a good one: the back-off starts anew. */
const stableMs = 5_000;
/** How long a clean end may take before the socket is cut. */
const endMsMax = 1_000;
const firstBytesMax = 16;
/** More without the end of a packet is no answer of ours, and would fill the unit's memory. */
const unreadBytesMax = 1024 * 1024;
const endless = Object.assign(new Error("a packet without end"), { code: "EMSGSIZE" });

/**
 * Holds one MQTT connection to the nearest broker that answers. Each attempt is a new mqtt.js client
 * with a clean session, so that nothing ever waits in a queue of its: the journal is the only outbox.
 */
export class Connection {
  readonly #options: Required<Omit<ConnectionOptions, "wishes">> &
    Pick<ConnectionOptions, "wishes">;
  #client: MqttClient | undefined;
  #dialling: AbortController | undefined;
  #localAddress: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #index = 0;
  /** Where to go when the present connection has ended, instead of where its end leads. */
  #next: number | undefined;
  #failures = 0;
  #up = false;
  #upSince = 0;
  #stopped = true;
  #problem: LinkProblem = problem("link.not-tried", "not connected yet");

  constructor(options: ConnectionOptions) {
    this.#options = {
      random: Math.random,
      backOff: () => usualBackOff,
      onFailed: () => {},
      keepaliveSeconds: 30,
      connectMsMax: 10_000,
      ...options,
    };
  }

  /** Whether frames may be sent: signed in, and all subscriptions granted. */
  get up(): boolean {
    return this.#up;
  }

  /** Monotonic ms since the connection is up; 0 while it is not. */
  get upMs(): number {
    return this.#up ? performance.now() - this.#upSince : 0;
  }

  /** Which broker is in use or was tried last, by its place in the list. */
  get index(): number {
    return this.#index;
  }

  /** The broker in use or tried last. */
  get url(): string | undefined {
    return this.#options.brokers[this.#index]?.url;
  }

  /** The unit's address as the last broker saw it, before any router in between. */
  get localAddress(): string | undefined {
    return this.#localAddress;
  }

  /** Why there is no connection. */
  get problem(): LinkProblem {
    return this.#problem;
  }

  start(): void {
    this.#stopped = false;
    this.#attempt();
  }

  /** Publishes when connected, else not at all. Never queues. `acknowledged`: by the broker, with QoS 1. */
  publish({ topic, payload, qos, retain }: Publication, acknowledged = () => {}): boolean {
    if (!this.#up || this.#client === undefined) return false;
    const body = typeof payload === "string" ? payload : viewOf(payload);
    // The callback's error says that the connection ended; `close` says so too.
    this.#client.publish(topic, body, { qos, retain }, (error) => {
      if (error === undefined || error === null) acknowledged();
    });
    return true;
  }

  /** Leaves this broker for the next one, for example because nobody behind it stores anything. */
  moveOn(reason: LinkProblem): void {
    this.#failures += 1;
    this.#leave((this.#index + 1) % this.#options.brokers.length, reason);
  }

  /** Leaves a broker that works for one that is better. */
  moveTo(index: number): void {
    this.#failures = 0;
    const to = this.#options.brokers[index]?.url;
    this.#leave(index, problem("link.moved", `moves to ${to}`));
  }

  /** Ends cleanly: what was published last is given a moment to leave. */
  async stop(last?: Publication): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#dialling?.abort();
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

  #leave(next: number, reason: LinkProblem): void {
    if (!this.#up) return;
    this.#problem = reason;
    this.#next = next;
    // Without DISCONNECT, so that the last will says to this broker's listeners that the unit left.
    this.#client?.end(true);
  }

  #attempt(): void {
    const broker = this.#options.brokers[this.#index];
    if (broker === undefined) return;
    const dialling = new AbortController();
    this.#dialling = dialling;
    this.#open(broker, dialling.signal).catch((error: unknown) => {
      if (dialling.signal.aborted) return;
      this.#ended(explain(error, { broker }));
    });
  }

  /** Throws: what `explain` understands. */
  async #open(broker: BrokerConfig, signal: AbortSignal): Promise<void> {
    const options = this.#mqttOptions(broker);
    const attempt: { broker: BrokerConfig; first?: Uint8Array } = { broker };
    if (isWebSocket(broker)) return this.#use(mqtt.connect(options), attempt);
    const socket = await dial(broker, { msMax: this.#options.connectMsMax, signal });
    if (signal.aborted) return void socket.destroy();
    this.#localAddress = socket.localAddress;
    let unread = 0;
    const build = () => {
      socket.on("data", (bytes: Buffer) => {
        attempt.first ??= new Uint8Array(bytes.subarray(0, firstBytesMax));
        unread += bytes.length;
        if (unread > unreadBytesMax) socket.destroy(endless);
      });
      return socket;
    };
    const client = new mqtt.MqttClient(build, options);
    client.on("packetreceive", () => {
      unread = 0;
    });
    this.#use(client, attempt);
  }

  #use(client: MqttClient, attempt: Attempt): void {
    this.#client = client;
    let found: LinkProblem | undefined;
    client.on("connect", () =>
      this.#subscribe(client, (message) => {
        found = problem("link.subscription", message);
        client.end(true);
      }),
    );
    // A copy as plain bytes: mqtt.js hands out views of its read buffer.
    client.on("message", (topic, payload) =>
      this.#options.onMessage(topic, new Uint8Array(payload)),
    );
    client.on("error", (error) => {
      found ??= explain(error, attempt);
      // After bytes that it cannot read mqtt.js takes in no more, and leaves the socket open.
      client.end(true);
    });
    client.once("close", () => {
      // Without reconnection nothing else ends its timers and its pending callbacks.
      client.end(true);
      if (client !== this.#client) return;
      this.#client = undefined;
      if (this.#next !== undefined) found = this.#problem;
      this.#ended(found ?? (this.#up ? this.#problem : closedEarly(attempt)));
    });
  }

  #subscribe(client: MqttClient, refused: (message: string) => void): void {
    const { wishes = [], subscriptions } = this.#options;
    const others = () => {
      client.subscribe([...subscriptions], { qos: 1 }, (error) => {
        if (client !== this.#client || !client.connected) return;
        if (error === null) this.#isUp();
        else refused(`the broker refuses a subscription (${error.message})`);
      });
    };
    // One by one: a broker that refuses one of them refuses all that are asked with it.
    const wishFor = (left: readonly string[]): void => {
      const [wish, ...more] = left;
      if (wish === undefined) others();
      else client.subscribe(wish, { qos: 1 }, () => wishFor(more));
    };
    wishFor(wishes);
  }

  #isUp(): void {
    this.#up = true;
    this.#problem = problem("link.closed", "the broker closed the connection");
    this.#upSince = performance.now();
    this.#options.onUp();
  }

  /** The attempt or the connection is over. */
  #ended(why: LinkProblem): void {
    const wasUp = this.#up;
    const held = this.upMs >= stableMs;
    const left = this.#next;
    const broker = this.#options.brokers[this.#index];
    this.#up = false;
    this.#next = undefined;
    this.#problem = why;
    if (held && left === undefined) this.#failures = 0;
    // Back to the nearest broker after a connection that worked, else on to the next.
    this.#index = left ?? (held ? 0 : this.#index + 1);
    if (this.#index >= this.#options.brokers.length) this.#index = 0;
    if (this.#stopped) return;
    if (wasUp) this.#options.onDown(why);
    else if (broker !== undefined) this.#options.onFailed(broker, why);
    this.#retry();
  }

  #retry(): void {
    this.#failures += 1;
    const { backOff, random } = this.#options;
    const wait = backOffMs(this.#failures, backOff(), random);
    this.#timer = setTimeout(() => this.#attempt(), wait);
  }

  #mqttOptions(broker: BrokerConfig): IClientOptions {
    const { scheme, host, port, path } = brokerAddress(broker.url);
    const { client, username, password, will, keepaliveSeconds, connectMsMax } = this.#options;
    const last = will();
    return {
      // A WebSocket's host stands in a URL, where IPv6 needs its brackets again.
      hostname: host.includes(":") ? `[${host}]` : host,
      ...{ protocol: scheme, host, port, path },
      ...(scheme === "wss" ? tlsOptions(broker) : {}),
      clientId: client,
      username,
      password: password(broker),
      ...(last === undefined ? {} : { will: { ...last, payload: Buffer.from(last.payload) } }),
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: connectMsMax,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      // Else mqtt-packet keeps each of the 65 536 packet numbers ready as a buffer, 8 MB.
      writeCache: false,
    };
  }
}

/** The same bytes as Node names them. A copy would keep a whole slab of Node's pool until the PUBACK. */
function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function isWebSocket({ url }: BrokerConfig): boolean {
  return /^wss?:/i.test(url);
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
