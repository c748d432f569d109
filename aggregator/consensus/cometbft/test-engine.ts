import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Frames, framed } from "./framing.ts";
import { decodeResponse, encodeRequest } from "./wire/codec.ts";
import type { Verb } from "./wire/messages.ts";
import type { Requests, Responses } from "./wire/values.ts";

type Answer = { readonly verb: string; readonly body: object };

/** CometBFT's end of one connection, for tests: it asks without waiting and reads answers in order. */
export class TestConnection {
  readonly #socket: Socket;
  readonly #frames = new Frames();
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      for (const message of this.#frames.push(chunk)) {
        this.#waiting.shift()?.resolve(decodeResponse(message));
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error("the application hung up"));
    });
  }

  static async open(path: string): Promise<TestConnection> {
    const socket = connect(path);
    await once(socket, "connect");
    return new TestConnection(socket);
  }

  /** Asks, the request in pieces of `pieceBytes` where that is given. Rejects with what an exception says. */
  async ask<V extends Verb>(
    verb: V,
    body: Partial<Requests[V]>,
    pieceBytes?: number,
  ): Promise<Responses[V]> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.push(waiting);
    const bytes = framed(encodeRequest(verb, body));
    const size = pieceBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) this.write(bytes.subarray(at, at + size));
    const answer = await waiting.promise;
    if (answer.verb === verb) return answer.body as Responses[V];
    throw new Error(`${answer.verb}: ${(answer.body as { error?: string }).error}`);
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** What the application says next without being asked. */
  async next(): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}
