import { connect, type Socket } from "node:net";
import { Failure } from "@busbar/protocol";
import type { Line, LineEvents } from "./line.ts";

/** A gateway that drops our packets without refusing must not hold a reader for minutes. */
const connectMsMax = 5000;

/** A TCP connection to a Modbus gateway or device. */
export class TcpLine implements Line {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  open(events: LineEvents): Promise<void> {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true, keepAlive: true });
    socket.on("data", (bytes: Buffer) => events.data(bytes));
    return new Promise((resolve, reject) => {
      const refuse = (cause: unknown) => {
        socket.destroy();
        reject(this.#unreachable(cause));
      };
      socket.setTimeout(connectMsMax, () => refuse(new Error(`no answer in ${connectMsMax} ms`)));
      socket.once("error", refuse);
      socket.once("connect", () => {
        socket.setTimeout(0);
        socket.off("error", refuse);
        this.#socket = socket;
        let cause: unknown;
        socket.on("error", (error) => {
          cause = error;
        });
        socket.once("close", () => {
          if (this.#socket !== socket) return;
          this.#socket = undefined;
          events.lost(cause);
        });
        resolve();
      });
    });
  }

  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    });
  }

  #unreachable(cause: unknown): Failure {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `no connection to ${this.#host}:${this.#port} (${reason}); check address, port and that Modbus is enabled in the device`;
    return new Failure("meter.unreachable", message, { retry: "later", cause });
  }
}
