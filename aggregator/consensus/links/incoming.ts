import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { addressKey, TokenBuckets } from "../../broker/token-bucket.ts";
import { type Address, listenFailure } from "./address.ts";
import type { LinkCode } from "./codes.ts";
import { Connection } from "./connection.ts";
import { heartbeat } from "./frames.ts";
import type { LinkLimits } from "./limits.ts";
import { type Identity, proofOf } from "./pinned.ts";

/** Addresses whose attempts are remembered at once. */
const addressesMax = 4_096;

export type IncomingOptions = {
  readonly listen: Address;
  readonly chain: string;
  readonly identity: Identity;
  readonly limits: LinkLimits;
  /** The member who has a key, if it is one that may connect. */
  readonly memberOf: (key: Uint8Array) => string | undefined;
  /** A member has connected. */
  readonly onHeard: (member: string) => void;
  readonly onMessage: (from: string, message: Uint8Array) => void;
  readonly count: (code: LinkCode) => void;
};

/** The others' connections to this member: one for each of them, and strangers kept short. */
export class Incoming {
  readonly #options: IncomingOptions;
  /** Who proved its key. */
  readonly #members = new Map<string, Connection>();
  /** By the other end's address and port, in the order in which they came. */
  readonly #unproven = new Map<string, Unproven>();
  readonly #connects: TokenBuckets;
  readonly #tcp: Server;
  readonly #tls: TlsServer;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#connects = new TokenBuckets(options.limits.connects, addressesMax);
    // Its own time limit begins anew with each byte; ours does not.
    const server = { ...options.identity, requestCert: true, handshakeTimeout: 0 };
    this.#tls = createTlsServer(server, (socket) => this.#handshaken(socket));
    this.#tls.on("tlsClientError", (_, socket) => {
      this.#unproven.get(nameOf(socket))?.("links.handshake");
    });
    // The two servers are apart so that a flood costs us no more than an accept.
    this.#tcp = createTcpServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves to the port. Throws: `Failure` `links.port-taken`, `links.port-forbidden`, `links.listen`. */
  start(): Promise<number> {
    const { listen } = this.#options;
    return new Promise((resolve, reject) => {
      this.#tcp.once("error", (error) => reject(listenFailure(error, listen)));
      this.#tcp.listen(listen, () => {
        this.#tcp.removeAllListeners("error");
        const address = this.#tcp.address();
        resolve(typeof address === "object" && address !== null ? address.port : listen.port);
      });
    });
  }

  async stop(): Promise<void> {
    for (const connection of [...this.#members.values()]) connection.end("links.closed");
    for (const end of [...this.#unproven.values()]) end("links.closed");
    if (this.#tcp.listening) await new Promise((resolve) => this.#tcp.close(resolve));
  }

  /** The connection that a member made, while it stands. */
  connectionOf(member: string): Connection | undefined {
    return this.#members.get(member);
  }

  /** Ends a member's connection. */
  drop(member: string, code: LinkCode): void {
    this.#members.get(member)?.end(code);
  }

  #accept(socket: Socket): void {
    const { count, limits } = this.#options;
    socket.on("error", () => socket.destroy());
    if (!this.#connects.take(addressKey(socket.remoteAddress), performance.now())) {
      count("links.flood");
      socket.destroy();
      return;
    }
    const [oldest] = this.#unproven.values();
    if (this.#unproven.size >= limits.unprovenMax) oldest?.("links.unproven");
    const name = nameOf(socket);
    const end: Unproven = (code) => {
      if (!this.#unproven.delete(name)) return;
      clearTimeout(tooLate);
      if (code === undefined) return;
      count(code);
      socket.destroy();
    };
    const tooLate = setTimeout(() => end("links.timeout"), limits.handshakeMsMax);
    this.#unproven.set(name, end);
    socket.once("close", () => end("links.closed"));
    this.#tls.emit("connection", socket);
  }

  #handshaken(socket: TLSSocket): void {
    const { chain, memberOf } = this.#options;
    socket.on("error", () => socket.destroy());
    const unproven = this.#unproven.get(nameOf(socket));
    if (unproven === undefined) {
      // Ended while the handshake's last bytes were on their way here.
      socket.destroy();
      return;
    }
    const proof = proofOf(socket, chain);
    if (!proof.ok) return unproven(proof.code);
    const member = memberOf(proof.key);
    if (member === undefined) return unproven("links.stranger");
    unproven(undefined);
    // A member that lost its connection without our hearing of it comes anew.
    this.drop(member, "links.replaced");
    this.#listenTo(member, socket);
    this.#options.onHeard(member);
  }

  #listenTo(member: string, socket: TLSSocket): void {
    const { limits, count, onMessage } = this.#options;
    const connection = new Connection(socket, {
      limits,
      dialled: false,
      count,
      onMessage: (message) => {
        if (message.length > 0) onMessage(member, message);
      },
      onEnd: (code) => {
        if (this.#members.get(member) === connection) this.#members.delete(member);
        count(code);
      },
    });
    this.#members.set(member, connection);
    // Our first word says that the member is taken in.
    socket.write(heartbeat);
  }
}

/** Ends a connection that has not proved whose it is; without a code it just has. */
type Unproven = (code: LinkCode | undefined) => void;

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
