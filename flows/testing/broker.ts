import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { decodeMessage, type Message, openFrame, verifyEnvelope } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Aedes, type AuthenticateError } from "aedes";

/** What a test broker knows of the site; topics in `closed` are refused to everyone. */
export type BrokerSite = {
  readonly site: string;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly closed?: readonly string[];
};

/**
 * A real MQTT broker on loopback that checks logins as a site's broker does: the password must be a
 * login frame of the known key for this identity, client and broker, good now for at most a minute.
 */
export class TestBroker {
  /** Login messages and tokens that were accepted, in order. */
  readonly logins: Message<"login">[] = [];
  readonly tokens: string[] = [];
  /** Clean and other ends of connections, in order. */
  readonly ends: ("clean" | "broken")[] = [];
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #events = new EventEmitter();
  readonly url: string;

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
    this.url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(site: BrokerSite): Promise<TestBroker> {
    const aedes = await Aedes.createBroker();
    const server = createServer(aedes.handle);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const broker = new TestBroker(aedes, server);
    aedes.authenticate = (client, username, password, done) => {
      const login = openLogin(site, String(password));
      const good =
        login !== undefined &&
        login.identity === username &&
        login.client === client.id &&
        login.until - login.at <= 60_000 &&
        Math.abs(Date.now() - login.at) < 5_000;
      if (!good) return done(refused(), false);
      broker.logins.push(login);
      broker.tokens.push(String(password));
      done(null, true);
    };
    aedes.authorizeSubscribe = (_client, subscription, done) =>
      done(null, site.closed?.includes(subscription.topic) ? null : subscription);
    aedes.on("subscribe", (subscriptions) => {
      for (const { topic } of subscriptions) broker.#events.emit("subscribed", topic);
    });
    aedes.on("clientDisconnect", (client) => {
      const { _disconnected } = client as unknown as { _disconnected?: boolean };
      assert(_disconnected !== undefined, "aedes marks a DISCONNECT packet in _disconnected");
      broker.ends.push(_disconnected ? "clean" : "broken");
    });
    return broker;
  }

  /** Connections that are open now. */
  get connected(): number {
    return this.#aedes.connectedClients;
  }

  /** Resolves when all of these topics were subscribed to, counted from now. */
  subscribed(...topics: string[]): Promise<void> {
    const left = new Set(topics);
    return new Promise((done) => {
      const count = (topic: string) => {
        left.delete(topic);
        if (left.size > 0) return;
        this.#events.off("subscribed", count);
        done();
      };
      this.#events.on("subscribed", count);
    });
  }

  publish(topic: string, body: unknown, retain = false): Promise<void> {
    return new Promise((done, fail) => {
      const payload = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
      this.#aedes.publish(
        { cmd: "publish", topic, payload, qos: 1, retain, dup: false },
        (error) => (error ? fail(error) : done()),
      );
    });
  }

  /** Ends every connection as a crashed broker does: without a word. */
  drop(): void {
    for (const socket of this.#sockets()) socket.destroy();
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => this.#aedes.close(() => done()));
    await new Promise((done) => this.#server.close(done));
  }

  *#sockets(): Iterable<{ destroy(): void }> {
    const clients = (this.#aedes as unknown as { clients: Record<string, unknown> }).clients;
    for (const client of Object.values(clients)) {
      const { conn } = client as { conn?: { destroy(): void } };
      assert(conn !== undefined, "aedes keeps a client's socket in conn");
      yield conn;
    }
  }
}

function openLogin(site: BrokerSite, token: string): Message<"login"> | undefined {
  const opened = openFrame(new Uint8Array(Buffer.from(token, "base64url")));
  if (!opened.ok || opened.frame.kind !== "login") return undefined;
  const { envelope } = opened.frame;
  const domain = { chain: site.site, kind: "login" };
  if (!verifyEnvelope(envelope, domain, site.key, verify)) return undefined;
  const decoded = decodeMessage("login", envelope.payload);
  if (!decoded.ok) return undefined;
  const { message } = decoded;
  return message.identity === site.identity && message.broker === site.site ? message : undefined;
}

function refused(): AuthenticateError {
  return Object.assign(new Error("login refused"), { returnCode: 5 });
}
