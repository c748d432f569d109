import type { TLSSocket } from "node:tls";
import type { LinkCode } from "./codes.ts";
import { FrameReader, heartbeat } from "./frames.ts";
import type { LinkLimits } from "./limits.ts";
import { Silence } from "./silence.ts";

export type ConnectionOptions = {
  readonly limits: LinkLimits;
  /** Who dialled says on its own that it is there; the other end answers that. */
  readonly dialled: boolean;
  /** A message without bytes says that the other end is there, and nothing else. */
  readonly onMessage: (message: Uint8Array) => void;
  /** Called once. */
  readonly onEnd: (code: LinkCode) => void;
  readonly count: (code: LinkCode) => void;
};

/** A connection whose other end has proved whose it is. Messages go both ways on it. */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #options: ConnectionOptions;
  readonly #silence: Silence;
  #ended = false;
  #sent = 0;

  constructor(socket: TLSSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { limits, dialled } = options;
    this.#silence = new Silence(limits, {
      beat: (news) => {
        if ((dialled || news) && socket.writableLength === 0) socket.write(heartbeat);
      },
      silent: () => this.end("links.silent"),
    });
    const reader = new FrameReader(limits.messageBytesMax);
    const take = (message: Uint8Array): void => {
      // Whoever listens may have ended the connection at the message before.
      if (!this.#ended) options.onMessage(message);
    };
    socket.on("data", (chunk) => {
      this.#silence.heard();
      if (!reader.push(chunk, take)) this.end("links.too-long");
    });
    socket.once("close", () => this.end("links.closed"));
  }

  /** Messages handed to the network. */
  get sent(): number {
    return this.#sent;
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  /** `frame`: a whole frame of `framed`. Dropped where there is no room for it. */
  send(frame: Uint8Array): void {
    const { limits, count } = this.#options;
    if (this.#ended) return;
    if (this.#socket.writableLength + frame.length > limits.queueBytesMax) {
      return count("links.full");
    }
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.flush());
    }
    this.#socket.write(frame);
    this.#sent += 1;
  }

  /** What was sent together travels together: a record, a system call, and one waking at the other end. */
  flush(): void {
    if (this.#socket.writableCorked > 0) this.#socket.uncork();
  }

  /** At once: what was not sent yet is not sent any more. */
  end(code: LinkCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#silence.stop();
    this.#socket.destroy();
    this.#options.onEnd(code);
  }
}
