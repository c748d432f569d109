import { connect, createServer, type Server, type Socket } from "node:net";
import { listening } from "./sockets.ts";

/**
 * A TCP relay of 127.0.0.1 that can go silent, as a router that lost its table: connections stay open,
 * and nothing passes any more, in no direction and without a word.
 */
export class SilentProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #silent = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(target: number): Promise<SilentProxy> {
    const server = createServer();
    const proxy = new SilentProxy(server, await listening(server));
    server.on("connection", (near: Socket) => proxy.#relay(near, connect(target, "127.0.0.1")));
    return proxy;
  }

  /** From now on nothing passes. */
  goSilent(): void {
    this.#silent = true;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #relay(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (bytes) => this.#silent || to.write(bytes));
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        if (!this.#silent) to.destroy();
      });
    }
  }
}
