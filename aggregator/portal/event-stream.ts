import type { ServerResponse } from "node:http";
import type { PortalEvent } from "./api.ts";

export type StreamLimits = {
  /** Open pages; more would let anybody hold all of the process's sockets and memory. */
  readonly clientsMax: number;
  /** Bytes that may wait for one reader. A slower one is cut off; its page connects again and reads
   * anew what it missed, which is less than what it would have had to catch up with. */
  readonly waitingBytesMax: number;
  /** Wall ms between comments that keep proxies from closing a quiet stream and find dead peers. */
  readonly heartbeatMs: number;
};

export const streamLimits: StreamLimits = {
  clientsMax: 64,
  waitingBytesMax: 256 * 1024,
  heartbeatMs: 15_000,
};

/** How long a page waits before it connects again, in ms. */
const retryMs = 2_000;

/** The open streams of Server-Sent Events (WHATWG HTML §9.2). */
export class EventStreams {
  readonly #limits: StreamLimits;
  readonly #clients = new Map<ServerResponse, (event: PortalEvent) => boolean>();
  readonly #timer: NodeJS.Timeout;
  /** Readers that were cut off because they were too slow. */
  slow = 0;
  /** Readers that found no room. */
  refused = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#write(": still here\n\n"), limits.heartbeatMs);
    this.#timer.unref();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Whether one more reader may come; counted when not. */
  admits(): boolean {
    if (this.#clients.size < this.#limits.clientsMax) return true;
    this.refused += 1;
    return false;
  }

  /** Takes over a response: what is sent from now on goes to it too. */
  add(
    response: ServerResponse,
    {
      headers,
      sees,
    }: {
      readonly headers: Readonly<Record<string, string>>;
      /** Whether this reader may be told of an event; asked for each. */
      readonly sees: (event: PortalEvent) => boolean;
    },
  ): void {
    this.#clients.set(response, sees);
    response.on("close", () => this.#clients.delete(response));
    // A reset by the peer is how most streams end; "close" follows.
    response.on("error", () => this.#clients.delete(response));
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${retryMs}\n\n`);
  }

  send(told: PortalEvent): void {
    if (this.#clients.size === 0) return;
    // JSON has no raw line breaks, so one data line holds all of it.
    this.#write(`event: ${told.event}\ndata: ${JSON.stringify(told.data)}\n\n`, told);
  }

  /** Ends every stream. */
  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients.keys()) client.end();
    this.#clients.clear();
  }

  #write(text: string, told?: PortalEvent): void {
    for (const [client, sees] of this.#clients) {
      if (told !== undefined && !sees(told)) continue;
      client.write(text);
      if (client.writableLength <= this.#limits.waitingBytesMax) continue;
      this.slow += 1;
      this.#clients.delete(client);
      client.destroy();
    }
  }
}
