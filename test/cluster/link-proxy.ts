import { connect, createServer, type Server, type Socket } from "node:net";
import { listening } from "../support/sockets.ts";

/** The wire from one member to another, which can be cut, or swallow everything without a word. */
export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "cut" | "silent" = "open";

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

  heal(): void {
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
    from.on("data", (bytes) => {
      if (this.#state === "open" && !to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
