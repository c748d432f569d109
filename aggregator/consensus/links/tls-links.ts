import { compareBytes } from "@busbar/protocol";
import type { KeyFile } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { Counters } from "../../broker/counters.ts";
import { type Address, parseAddress } from "./address.ts";
import type { LinkCode } from "./codes.ts";
import type { Connection } from "./connection.ts";
import { framed } from "./frames.ts";
import { Incoming } from "./incoming.ts";
import { type LinkLimits, usualLimits } from "./limits.ts";
import type { Links, Peer } from "./links.ts";
import { Outgoing } from "./outgoing.ts";
import { identityOf } from "./pinned.ts";

export type TlsLinksOptions = {
  /** Port 0 takes a free one. */
  readonly listen: Address;
  /** The member's own keys. */
  readonly keys: KeyFile;
  readonly chain: string;
  readonly log: Logger;
  readonly limits?: Partial<LinkLimits>;
  /** In [0, 1); jitters attempts. */
  readonly random?: () => number;
};

/** How the link to one peer stands. */
export type PeerStatus = {
  readonly id: string;
  /** Undefined: it is not dialled. */
  readonly address: string | undefined;
  /** Our connection to its address stands. One of the two is enough to speak both ways. */
  readonly reached: boolean;
  /** Its connection to us stands. */
  readonly heard: boolean;
  /** Messages handed to the network on the connections that stand. */
  readonly sent: number;
  readonly queuedBytes: number;
  /** Why ours does not stand. */
  readonly problem: LinkCode | undefined;
};

type Known = { readonly peer: Peer; readonly outgoing: Outgoing | undefined };

/**
 * Links over TLS 1.3: each member dials each other one that it has an address of, and takes the others'
 * connections. On either of them messages go both ways, so that a member which nobody can dial takes
 * part all the same. Whose an end is, its key says and nothing else does.
 */
export class TlsLinks implements Links {
  readonly #options: TlsLinksOptions;
  readonly #limits: LinkLimits;
  readonly #identity: ReturnType<typeof identityOf>;
  readonly #incoming: Incoming;
  readonly #known = new Map<string, Known>();
  readonly #counters = new Counters();
  #peers: readonly Peer[] = [];
  #listener: (from: string, message: Uint8Array) => void = () => {};
  #running = false;
  #port = 0;

  constructor(options: TlsLinksOptions) {
    this.#options = options;
    this.#limits = { ...usualLimits, ...options.limits };
    const { listen, keys, chain } = options;
    this.#identity = identityOf(keys, chain);
    this.#incoming = new Incoming({
      listen,
      chain,
      identity: this.#identity,
      limits: this.#limits,
      memberOf: (key) => this.#peers.find((peer) => compareBytes(peer.key, key) === 0)?.id,
      // Who was away is back, and would wait for us in vain.
      onHeard: (member) => this.#known.get(member)?.outgoing?.hurry(),
      onMessage: (from, message) => this.#listener(from, message),
      count: (code) => this.#counters.count(code),
    });
  }

  /** Throws: `Failure` `links.port-taken`, `links.port-forbidden`, `links.listen`. */
  async start(): Promise<void> {
    this.#port = await this.#incoming.start();
    this.#running = true;
    this.setPeers(this.#peers);
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const { outgoing } of this.#known.values()) outgoing?.stop();
    this.#known.clear();
    await this.#incoming.stop();
  }

  send(to: string | "all", message: Uint8Array): void {
    if (message.length > this.#limits.messageBytesMax) {
      this.#counters.count("links.too-long");
      return;
    }
    const frame = framed(message);
    const peers = to === "all" ? this.#known.values() : [this.#known.get(to)];
    for (const known of peers) if (known !== undefined) this.#sendTo(known, frame);
  }

  flush(): void {
    for (const known of this.#known.values()) this.#connectionTo(known)?.flush();
  }

  onMessage(listener: (from: string, message: Uint8Array) => void): void {
    this.#listener = listener;
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers;
    if (!this.#running) return;
    for (const [id, { peer, outgoing }] of this.#known) {
      const now = peers.find((other) => other.id === id);
      const sameKey = now !== undefined && compareBytes(now.key, peer.key) === 0;
      if (sameKey && now.address === peer.address) continue;
      outgoing?.stop();
      this.#known.delete(id);
      if (!sameKey) this.#incoming.drop(id, "links.removed");
    }
    for (const peer of peers) {
      if (!this.#known.has(peer.id)) this.#known.set(peer.id, this.#open(peer));
    }
  }

  /** The port on which the others reach this member. */
  get port(): number {
    return this.#port;
  }

  peers(): readonly PeerStatus[] {
    return Array.from(this.#known.values(), ({ peer: { id, address }, outgoing }) => {
      const [ours, theirs] = [outgoing?.connection, this.#incoming.connectionOf(id)];
      return {
        id,
        address,
        reached: ours !== undefined,
        heard: theirs !== undefined,
        sent: (ours?.sent ?? 0) + (theirs?.sent ?? 0),
        queuedBytes: (ours?.queuedBytes ?? 0) + (theirs?.queuedBytes ?? 0),
        problem: outgoing === undefined ? "links.no-address" : outgoing.problem,
      };
    });
  }

  /** How often each of `linkCodes` came about. */
  counts(): readonly (readonly [code: string, count: number])[] {
    return this.#counters.all();
  }

  /** The one that we made, so that nothing overtakes anything while both stand. */
  #connectionTo({ peer, outgoing }: Known): Connection | undefined {
    return outgoing?.connection ?? this.#incoming.connectionOf(peer.id);
  }

  #sendTo(known: Known, frame: Uint8Array): void {
    const connection = this.#connectionTo(known);
    if (connection === undefined) this.#counters.count("links.away");
    else connection.send(frame);
  }

  #open(peer: Peer): Known {
    const { chain, log, random = Math.random } = this.#options;
    const address = peer.address === undefined ? undefined : parseAddress(peer.address);
    if (address === undefined) return { peer, outgoing: undefined };
    const outgoing = new Outgoing({
      address,
      key: peer.key,
      chain,
      identity: this.#identity,
      limits: this.#limits,
      random,
      onMessage: (message) => this.#listener(peer.id, message),
      count: (code) => this.#counters.count(code),
      onChange: (code) => {
        const event = code === undefined ? "peer-reached" : "peer-away";
        log.info({ event, peer: peer.id, address: peer.address, code });
      },
    });
    return { peer, outgoing };
  }
}
