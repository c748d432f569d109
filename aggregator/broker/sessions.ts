import type { Client } from "aedes";
import type { Identity } from "../ledger/registry.ts";

/** A connection whose login was accepted. */
export type Session = {
  readonly client: string;
  readonly identity: Identity;
  /** A viewer of the owner that `identity` is: it hears, and says nothing. */
  readonly looksOnly: boolean;
  readonly address: string;
  /** Wall-clock ms of the login. */
  readonly since: number;
  /** Wall-clock ms at which the certificate ends that the client came with; absent: it came with none. */
  readonly certificateEnds?: number;
  /** Filters granted on this connection and not given up, with the QoS that was asked for. */
  readonly filters: Map<string, 0 | 1 | 2>;
};

/** Who is connected. A connection enters at its login and leaves when it closes, replaced or not. */
export class Sessions {
  readonly #open = new Map<Session, Client>();
  /** Beyond the close: a last will is judged by the rights of the connection that is gone. */
  readonly #byConnection = new WeakMap<Client, Session>();

  enter(connection: Client, session: Session): void {
    this.#byConnection.set(connection, session);
    // A socket may end between CONNECT and the verdict on it; then nothing would remove the entry.
    if (connection.conn.closed) return;
    this.#open.set(session, connection);
    connection.conn.once("close", () => this.#open.delete(session));
  }

  of(connection: Client): Session | undefined {
    return this.#byConnection.get(connection);
  }

  /** Connections whose identity `isStale`, which are no longer listed from here on. */
  takeStale(isStale: (identity: Identity) => boolean): readonly Client[] {
    const stale = [...this.#open].filter(([session]) => isStale(session.identity));
    for (const [session] of stale) this.#open.delete(session);
    return stale.map(([, connection]) => connection);
  }

  /** The connection that holds this client id, if one does. */
  holding(client: string): Session | undefined {
    return this.all().find((session) => session.client === client);
  }

  /** Connections of one identity, or of its viewers, under other client ids than this one. */
  besides({ id, looksOnly }: { readonly id: string; readonly looksOnly: boolean }, client: string) {
    return this.all().filter(
      (held) => held.identity.id === id && held.looksOnly === looksOnly && held.client !== client,
    ).length;
  }

  /** Whether a connection of an identity holds this very filter. */
  listens(identity: string, filter: string): boolean {
    return this.all().some((held) => held.identity.id === identity && held.filters.has(filter));
  }

  all(): readonly Session[] {
    return [...this.#open.keys()];
  }
}
