import { connect, type TLSSocket } from "node:tls";
import { compareBytes } from "@busbar/protocol";
import type { Address } from "./address.ts";
import type { LinkCode } from "./codes.ts";
import { Connection } from "./connection.ts";
import type { LinkLimits } from "./limits.ts";
import { type Identity, proofOf } from "./pinned.ts";

export type OutgoingOptions = {
  readonly address: Address;
  /** The key that has to answer there. */
  readonly key: Uint8Array;
  readonly chain: string;
  readonly identity: Identity;
  readonly limits: LinkLimits;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onMessage: (message: Uint8Array) => void;
  readonly count: (code: LinkCode) => void;
  /** Undefined: the other end took us in. Else why it is not reached, once for each reason. */
  readonly onChange: (problem: LinkCode | undefined) => void;
};

/** The connection that this member makes to one other, made again whenever it ends. */
export class Outgoing {
  readonly #options: OutgoingOptions;
  #socket: TLSSocket | undefined;
  /** The other end has taken us in. */
  #connection: Connection | undefined;
  #problem: LinkCode | undefined;
  #failures = 0;
  #redial: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Undefined while it does not stand. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Why it does not stand; undefined before the first attempt has failed. */
  get problem(): LinkCode | undefined {
    return this.#problem;
  }

  /** The other end shows signs of life: whoever waits before the next attempt waits no longer. */
  hurry(): void {
    if (this.#redial === undefined) return;
    clearTimeout(this.#redial);
    this.#failures = 0;
    this.#dial();
  }

  /** At once: what was not sent yet is not sent any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#redial);
    this.#redial = undefined;
    this.#socket?.destroy();
  }

  #dial(): void {
    this.#redial = undefined;
    const { address, identity, limits, count, onMessage } = this.#options;
    const socket = connect({ ...address, ...identity });
    this.#socket = socket;
    socket.setNoDelay(true);
    let problem: LinkCode | undefined;
    const end = (code: LinkCode): void => {
      problem ??= code;
      socket.destroy();
    };
    const tooLate = setTimeout(() => end("links.timeout"), limits.handshakeMsMax);
    socket.once("secureConnect", () => {
      const code = this.#problemOf(socket);
      if (code !== undefined) return end(code);
      const connection = new Connection(socket, {
        limits,
        dialled: true,
        count,
        onMessage: (message) => {
          if (this.#connection === undefined) {
            // The other end's first word is that it took us in.
            clearTimeout(tooLate);
            this.#takenIn(connection);
          }
          if (message.length > 0) onMessage(message);
        },
        onEnd: end,
      });
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      problem ??= reasonOf(error);
    });
    socket.once("close", () => {
      clearTimeout(tooLate);
      this.#connection = undefined;
      this.#ended(problem ?? "links.closed");
    });
  }

  #takenIn(connection: Connection): void {
    this.#connection = connection;
    this.#failures = 0;
    this.#problem = undefined;
    this.#options.onChange(undefined);
  }

  #problemOf(socket: TLSSocket): LinkCode | undefined {
    const proof = proofOf(socket, this.#options.chain);
    if (!proof.ok) return proof.code;
    return compareBytes(proof.key, this.#options.key) === 0 ? undefined : "links.wrong-key";
  }

  #ended(problem: LinkCode): void {
    this.#socket = undefined;
    if (this.#stopped) return;
    const { random, count, onChange } = this.#options;
    const { redialMs } = this.#options.limits;
    count(problem);
    if (this.#problem !== problem) onChange(problem);
    this.#problem = problem;
    const full = Math.min(redialMs.max, redialMs.min * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    this.#redial = setTimeout(() => this.#dial(), full * (0.5 + random() / 2));
  }
}

/** What a socket's error says about the other end. */
function reasonOf({ code = "" }: NodeJS.ErrnoException): LinkCode {
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return "links.handshake";
  return code === "ECONNRESET" || code === "EPIPE" ? "links.closed" : "links.unreachable";
}
