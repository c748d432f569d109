import {
  connect,
  type ErrorWithReasonCode,
  type ErrorWithSubackPacket,
  type MqttClient,
} from "mqtt";
import { BackOff } from "./back-off.ts";
import { flowError } from "./errors.ts";
import { type LoginAs, loginToken } from "./login.ts";

/** How a site's connection stands. `refused`: the broker knows us not, or not so. */
export type LinkState = "idle" | "connecting" | "connected" | "disconnected" | "refused";

/** A node's interest in one topic. */
export type Follower = {
  readonly topic: string;
  /** Whether a late follower is given the last message at once: for states, not for events. */
  readonly latest: boolean;
  onMessage(payload: Buffer): void;
  onRefused(): void;
};

/** A site as its nodes see it: topics to follow and to speak on. */
export interface SiteConnection {
  readonly connected: boolean;
  /** Follows a topic until the returned function is called. */
  follow(follower: Follower): () => void;
  watch(watcher: (state: LinkState) => void): () => void;
  /**
   * Resolves when the broker has acknowledged. Throws: `Failure` `flows.not-connected`
   * where nothing was sent, `flows.unacknowledged` where it may have arrived all the same.
   */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Ends the connection for good; resolves when the other side is closed too. */
  close(): Promise<void>;
}

/** Where to connect and as whom; `report` gets what a person should read, once. */
export type LinkSettings = LoginAs & {
  readonly url: string;
  report(text: string): void;
};

/** Longest wait for the broker's CONNACK, ms. */
const connectMs = 15_000;
/** Longest goodbye, ms: Node-RED gives a node 15 s to close, and a dead broker never answers. */
const goodbyeMs = 3_000;
/** SUBACK's failure code (MQTT 3.1.1 §3.9.3): this identity may not read the topic. */
const notAllowed = 0x80;
/** CONNACK's codes for a refused login (MQTT 3.1.1 §3.2.2.3). */
const loginRefused: ReadonlySet<number | undefined> = new Set([2, 4, 5]);

/**
 * The one MQTT connection that all nodes of a site share. It is made when the first node follows a
 * topic, and made again with a fresh login token and a growing pause whenever it ends.
 */
export class SiteLink implements SiteConnection {
  readonly #settings: LinkSettings;
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #last = new Map<string, Buffer>();
  readonly #watchers = new Set<(state: LinkState) => void>();
  readonly #backOff = new BackOff();
  #state: LinkState = "idle";
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connectedAt = 0;
  #complaint = "";
  #closed = false;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
  }

  get connected(): boolean {
    return this.#state === "connected";
  }

  follow(follower: Follower): () => void {
    const { topic } = follower;
    const known = this.#followers.get(topic);
    const followers = known ?? new Set();
    followers.add(follower);
    this.#followers.set(topic, followers);
    if (this.#client === undefined && this.#timer === undefined) this.#open();
    else if (known === undefined && this.#state === "connected") this.#subscribe(topic);
    const last = follower.latest ? this.#last.get(topic) : undefined;
    if (last !== undefined)
      queueMicrotask(() => followers.has(follower) && follower.onMessage(last));
    return () => this.#leave(follower, followers);
  }

  watch(watcher: (state: LinkState) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#state);
    return () => this.#watchers.delete(watcher);
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    const client = this.#client;
    if (client === undefined && this.#timer === undefined && !this.#closed) this.#open();
    // Not kept for later: whoever sends has a gate to meet, and decides whether later still helps.
    if (client === undefined || this.#state !== "connected") throw notConnected(topic);
    try {
      await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
    } catch (cause) {
      const message = `${topic}: sent, and the connection ended before the broker said that it has it`;
      throw flowError("flows.unacknowledged", message, { retry: "later", cause });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#followers.clear();
    this.#watchers.clear();
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    const impatience = setTimeout(() => client.end(true), goodbyeMs);
    // A connection that is not up has nothing to say goodbye to, and would wait for it.
    await client.endAsync(!client.connected);
    clearTimeout(impatience);
  }

  #open(): void {
    this.#timer = undefined;
    this.#enter("connecting");
    const { url, identity, client: clientId } = this.#settings;
    const client = connect(url, {
      clientId,
      username: identity,
      password: loginToken(this.#settings, Date.now()),
      protocolVersion: 4,
      clean: true,
      keepalive: 30,
      connectTimeout: connectMs,
      // We reconnect ourselves: the library would offer the same, soon expired, token again.
      reconnectPeriod: 0,
      resubscribe: false,
    });
    this.#client = client;
    this.#connectedAt = 0;
    client.on("connect", () => {
      this.#connectedAt = Date.now();
      this.#complaint = "";
      this.#enter("connected");
      for (const topic of this.#followers.keys()) this.#subscribe(topic);
    });
    client.on("message", (topic, payload) => this.#deliver(topic, payload));
    client.on("error", (error) => this.#failed(client, error));
    client.on("close", () => this.#lost(client));
  }

  #failed(client: MqttClient, error: Error): void {
    if (client !== this.#client) return;
    const { url, client: id } = this.#settings;
    const { code } = error as ErrorWithReasonCode;
    if (loginRefused.has(code)) {
      this.#complain(
        `${url} refused the login of ${id}: check the identity, its key and the site's id`,
      );
      this.#enter("refused");
    } else {
      this.#complain(`${url}: ${error.message || code || "no connection"}`);
    }
  }

  /** Reports a trouble once, not once per attempt. */
  #complain(text: string): void {
    if (text !== this.#complaint) this.#settings.report(text);
    this.#complaint = text;
  }

  /** A connection ended, or could not be made: try again after a pause. */
  #lost(client: MqttClient): void {
    if (this.#closed || client !== this.#client) return;
    client.end(true);
    this.#client = undefined;
    const lived = this.#connectedAt === 0 ? 0 : Date.now() - this.#connectedAt;
    if (this.#state !== "refused") this.#enter("disconnected");
    this.#timer = setTimeout(() => this.#open(), this.#backOff.next(lived));
  }

  #subscribe(topic: string): void {
    const client = this.#client;
    if (client === undefined) return;
    client.subscribe(topic, { qos: 1 }, (error) => {
      if (error === null || client !== this.#client) return;
      if ((error as ErrorWithSubackPacket).packet?.granted?.includes(notAllowed)) {
        this.#complain(`${this.#settings.identity} may not follow ${topic} on this site`);
        for (const follower of this.#followers.get(topic) ?? []) follower.onRefused();
      } else {
        // Without its topics the connection is worth nothing: end it, and the pause begins.
        this.#complain(`cannot subscribe to ${topic}: ${error.message}`);
        this.#lost(client);
      }
    });
  }

  #deliver(topic: string, payload: Buffer): void {
    const followers = this.#followers.get(topic);
    if (followers === undefined) return;
    if ([...followers].some(({ latest }) => latest)) this.#last.set(topic, payload);
    for (const follower of [...followers]) follower.onMessage(payload);
  }

  #leave(follower: Follower, followers: Set<Follower>): void {
    followers.delete(follower);
    const { topic } = follower;
    if (followers.size > 0 || this.#followers.get(topic) !== followers) return;
    this.#followers.delete(topic);
    this.#last.delete(topic);
    if (this.#client?.connected) this.#client.unsubscribe(topic);
  }

  #enter(state: LinkState): void {
    if (state === this.#state) return;
    // A refused login stays visible during the attempts that follow it.
    if (this.#state === "refused" && state !== "connected") return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

function notConnected(topic: string) {
  const message = `${topic}: not sent, for there is no connection to the broker`;
  return flowError("flows.not-connected", message, { retry: "later" });
}
