import { connect, createServer, type Server, type Socket } from "node:net";
import { listening } from "./sockets.ts";

/** How slow a wire is: each byte arrives so much later, and no more of them in a second. */
export type Slowness = { readonly delayMs: number; readonly bytesPerSecond: number };

/** What waits on a slow wire; beyond it the sender has to wait. */
const queuedBytesMax = 256 * 1024;

/** A wire between two processes, which can be cut, be slow, or swallow everything without a word. */
export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "cut" | "silent" = "open";
  #slowness: Slowness | undefined;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", (near: Socket) => this.#relay(near));
  }

  static async open(target: number): Promise<LinkProxy> {
    const server = createServer();
    return new LinkProxy(server, await listening(server), target);
  }

  /** Connections end, and no new one comes about. */
  cut(): void {
    this.#state = "cut";
    this.#end();
  }

  /** Connections stand, and nothing passes, as behind a router that lost its table. */
  goSilent(): void {
    this.#state = "silent";
  }

  /** Connections stand, and all passes in its order, slowly. */
  slow(slowness: Slowness): void {
    this.#slowness = slowness;
  }

  heal(): void {
    this.#slowness = undefined;
    if (this.#state === "open") return;
    this.#state = "open";
    // What was swallowed is missing in the middle of a stream: it cannot go on.
    this.#end();
  }

  close(): Promise<void> {
    this.#end();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(near: Socket): void {
    if (this.#state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    this.#pipe(near, far);
    this.#pipe(far, near);
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    const late = new LateBytes(from, to, () => this.#state === "open");
    from.on("data", (bytes: Buffer) => {
      if (this.#state !== "open") return;
      if (this.#slowness !== undefined || late.queued) late.add(bytes, this.#slowness);
      else if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

/** One direction of a slow connection: what is under way, in its order. */
class LateBytes {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #passes: () => boolean;
  readonly #queue: { readonly bytes: Buffer; readonly due: number }[] = [];
  #bytes = 0;
  /** When the wire has room for the next byte. */
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, passes: () => boolean) {
    this.#from = from;
    this.#to = to;
    this.#passes = passes;
  }

  get queued(): boolean {
    return this.#queue.length > 0;
  }

  add(bytes: Buffer, slowness: Slowness | undefined): void {
    const now = performance.now();
    const { delayMs, bytesPerSecond } = slowness ?? { delayMs: 0, bytesPerSecond: Infinity };
    this.#freeAt = Math.max(this.#freeAt, now) + (1000 * bytes.length) / bytesPerSecond;
    this.#queue.push({ bytes, due: this.#freeAt + delayMs });
    this.#bytes += bytes.length;
    if (this.#bytes > queuedBytesMax) this.#from.pause();
    this.#arm();
  }

  #arm(): void {
    const [first] = this.#queue;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#pass(), Math.max(0, first.due - performance.now()));
  }

  #pass(): void {
    this.#timer = undefined;
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      if (first.due > performance.now()) break;
      this.#queue.shift();
      this.#bytes -= first.bytes.length;
      if (!this.#to.destroyed && this.#passes()) this.#to.write(first.bytes);
    }
    if (this.#bytes <= queuedBytesMax) this.#from.resume();
    this.#arm();
  }
}
