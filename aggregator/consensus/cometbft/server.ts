import { createServer, type Server, type Socket } from "node:net";
import { Failure } from "@busbar/protocol";
import type { Logger } from "pino";
import { Frames, framed } from "./framing.ts";
import { decodeRequest, encodeException, type Request } from "./wire/codec.ts";

/** Answers a request with an encoded `Response`. */
export type Handler = (request: Request) => Uint8Array;

/** Where CometBFT's `proxy_app` points to: a path of a Unix socket, or a port of the loopback. */
export type AbciAddress = { readonly path: string } | { readonly port: number };

/**
 * The application's end of ABCI 2.0's socket. CometBFT opens four connections (consensus, mempool,
 * query, snapshot), sends requests without waiting, and reads the answers of each in their order.
 *
 * The handler answers at once, so a request runs to its end before the next one of any connection
 * begins: no two verbs ever interleave. What it throws is told as an exception, which ends CometBFT:
 * whatever supervises the two starts both again, and they agree on the height to go on from.
 */
export class AbciServer {
  readonly #handle: Handler;
  readonly #log: Pick<Logger, "error">;
  readonly #onFault: (fault: Error) => void;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: {
    readonly handle: Handler;
    readonly log: Pick<Logger, "error">;
    /** A request that could not be answered, or bytes that are none. */
    readonly onFault?: (fault: Error) => void;
  }) {
    this.#handle = options.handle;
    this.#log = options.log;
    this.#onFault = options.onFault ?? (() => {});
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** The port listened on, 0 for a path. Throws: `Failure` `cometbft.listen`. */
  async start(address: AbciAddress): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject).once("listening", resolve);
    if ("path" in address) this.#server.listen(address.path);
    else this.#server.listen(address.port, "127.0.0.1");
    await promise.catch((cause: Error) => {
      const where = "path" in address ? address.path : `127.0.0.1:${address.port}`;
      const message = `cannot listen at ${where} for CometBFT: ${cause.message}; choose another address under consensus.cometbft`;
      throw new Failure("cometbft.listen", message, { retry: "never", cause });
    });
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #connected(socket: Socket): void {
    const frames = new Frames();
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // The other end is a process of this machine: that it went is told by its supervisor.
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      try {
        socket.cork();
        for (const message of frames.push(chunk)) this.#answer(message, socket);
        socket.uncork();
      } catch (fault) {
        this.#fault(fault as Error, socket);
      }
    });
  }

  #answer(message: Uint8Array, socket: Socket): void {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(framed(this.#handle(decodeRequest(message))));
  }

  #fault(fault: Error, socket: Socket): void {
    this.#log.error({ err: fault, event: "abci-fault" }, "a request of CometBFT was not answered");
    socket.uncork();
    socket.end(framed(encodeException(fault.message)));
    this.#onFault(fault);
  }
}
