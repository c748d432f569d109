import type { ServerResponse } from "node:http";
import type { PortalEvent } from "./api.ts";

export type StreamLimits = {
  /** Open pages; more would let anybody hold all of the process's sockets and memory. */
  readonly clientsMax: number;
  /** Of one session, and of one address of those who did not sign in: nobody alone takes all the room. */
  readonly mostEach: number;
  /** Of one person by all of its sessions: those that have ended leave their streams behind. */
  readonly mostOfPerson: number;
  /** Bytes that may wait for one reader. A slower one is cut off; its page connects again and reads
   * anew what it missed, which is less than what it would have had to catch up with. */
  readonly waitingBytesMax: number;
  /** Wall ms between comments that keep proxies from closing a quiet stream and find dead peers. */
  readonly heartbeatMs: number;
};

export const streamLimits: StreamLimits = {
  clientsMax: 256,
  mostEach: 6,
  mostOfPerson: 24,
  waitingBytesMax: 256 * 1024,
  heartbeatMs: 15_000,
};

/** How long a page waits before it connects again, in ms. */
const retryMs = 2_000;

/** Whose a stream is. `by`: the session, or a guest's address; `person`: null for a guest. */
export type Reader = { readonly by: string; readonly person: string | null };

type Client = Reader & {
  /** Whether this reader may be told of an event; asked for each. */
  readonly sees: (event: PortalEvent) => boolean;
};

/** The open streams of Server-Sent Events (WHATWG HTML §9.2). */
export class EventStreams {
  readonly #limits: StreamLimits;
  /** The oldest first. */
  readonly #clients = new Map<ServerResponse, Client>();
  readonly #timer: NodeJS.Timeout;
  /** Readers that were cut off because they were too slow. */
  slow = 0;
  /** Readers that found no room. */
  refused = 0;
  /** Readers that made room for another one. */
  displaced = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#write(": still here\n\n"), limits.heartbeatMs);
    this.#timer.unref();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /**
   * Whether one more reader may come; counted when not. Where there is no room, the oldest stream of a guest is
   * ended for somebody who signed in, and then one of whoever has at least two more than who comes.
   */
  admits(reader: Reader): "yes" | "own-full" | "full" {
    const { clientsMax, mostEach, mostOfPerson } = this.#limits;
    const own = this.#of(({ by }) => by === reader.by).length;
    const all = this.#of(({ person }) => person !== null && person === reader.person).length;
    if (own >= mostEach || all >= mostOfPerson) return this.#refuse("own-full");
    if (this.#clients.size < clientsMax) return "yes";
    const leaves = this.#leaves(reader);
    if (leaves === undefined) return this.#refuse("full");
    this.displaced += 1;
    this.#clients.delete(leaves);
    leaves.end();
    return "yes";
  }

  /** Takes over a response: what is sent from now on goes to it too. */
  add(
    response: ServerResponse,
    { headers, ...client }: Client & { readonly headers: Readonly<Record<string, string>> },
  ): void {
    this.#clients.set(response, client);
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

  #refuse<T>(why: T): T {
    this.refused += 1;
    return why;
  }

  #of(is: (client: Client) => boolean): readonly ServerResponse[] {
    return [...this.#clients].flatMap(([response, client]) => (is(client) ? [response] : []));
  }

  /** Whose stream ends for this reader; a guest's ends none of a person's. */
  #leaves({ by, person }: Reader): ServerResponse | undefined {
    const guests = this.#of((client) => client.person === null);
    if (person !== null && guests.length > 0) return guests[0];
    const whose = (client: Reader) => client.person ?? client.by;
    const counts = new Map<string, number>();
    for (const client of this.#clients.values()) {
      if (person === null && client.person !== null) continue;
      counts.set(whose(client), (counts.get(whose(client)) ?? 0) + 1);
    }
    const own = counts.get(person ?? by) ?? 0;
    const [most] = [...counts].sort(([, a], [, b]) => b - a);
    if (most === undefined || most[1] < own + 2) return undefined;
    return this.#of((client) => whose(client) === most[0])[0];
  }

  #write(text: string, told?: PortalEvent): void {
    for (const [client, { sees }] of this.#clients) {
      if (told !== undefined && !sees(told)) continue;
      client.write(text);
      if (client.writableLength <= this.#limits.waitingBytesMax) continue;
      this.slow += 1;
      this.#clients.delete(client);
      client.destroy();
    }
  }
}
