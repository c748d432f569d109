import { connect, type TLSSocket } from "node:tls";
import { compareBytes } from "@busbar/protocol";
import type { Address } from "./address.ts";
import type { LinkCode } from "./codes.ts";
import { FrameReader, heartbeat } from "./frames.ts";
import type { LinkLimits } from "./limits.ts";
import { type Identity, proofOf } from "./pinned.ts";
import { Silence } from "./silence.ts";

export type OutgoingOptions = {
  readonly address: Address;
  /** The key that has to answer there. */
  readonly key: Uint8Array;
  readonly chain: string;
  readonly identity: Identity;
  readonly limits: LinkLimits;
  /** In [0, 1). */
  readonly random: () => number;
  readonly count: (code: LinkCode) => void;
  /** Undefined: the other end took us in. Else why it is not reached, once for each reason. */
  readonly onChange: (problem: LinkCode | undefined) => void;
};

/** The connection on which this member speaks to one other, made again whenever it ends. */
export class Outgoing {
  readonly #options: OutgoingOptions;
  #socket: TLSSocket | undefined;
  #connected = false;
  #problem: LinkCode | undefined;
  #failures = 0;
  #redial: NodeJS.Timeout | undefined;
  #stopped = false;
  #sent = 0;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#dial();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Why it is not connected; undefined before the first attempt has failed. */
  get problem(): LinkCode | undefined {
    return this.#problem;
  }

  /** Messages handed to the network since the start. */
  get sent(): number {
    return this.#sent;
  }

  get queuedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** `frame`: a whole frame of `framed`. Dropped where there is no connection or no room. */
  send(frame: Uint8Array): void {
    const { count, limits } = this.#options;
    const socket = this.#socket;
    if (socket === undefined || !this.#connected) return count("links.away");
    if (socket.writableLength + frame.length > limits.queueBytesMax) return count("links.full");
    socket.write(frame);
    this.#sent += 1;
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
    const { address, identity, limits } = this.#options;
    const socket = connect({ ...address, ...identity });
    this.#socket = socket;
    socket.setNoDelay(true);
    let problem: LinkCode | undefined;
    const end = (code: LinkCode): void => {
      problem ??= code;
      socket.destroy();
    };
    const tooLate = setTimeout(() => end("links.timeout"), limits.handshakeMsMax);
    let silence: Silence | undefined;
    socket.once("secureConnect", () => {
      const code = this.#problemOf(socket);
      if (code !== undefined) end(code);
    });
    // The other end says nothing but that it is there; its first word is that it took us in.
    const reader = new FrameReader(0);
    socket.on("data", (chunk) => {
      silence?.heard();
      const took = () => {
        if (this.#connected || problem !== undefined) return;
        clearTimeout(tooLate);
        this.#connected = true;
        this.#failures = 0;
        silence = new Silence(limits, {
          beat: () => void (socket.writableLength === 0 && socket.write(heartbeat)),
          silent: () => end("links.silent"),
        });
        this.#problem = undefined;
        this.#options.onChange(undefined);
      };
      if (!reader.push(chunk, took)) end("links.too-long");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      problem ??= reasonOf(error);
    });
    socket.once("close", () => {
      clearTimeout(tooLate);
      silence?.stop();
      this.#connected = false;
      this.#ended(problem ?? "links.closed");
    });
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
