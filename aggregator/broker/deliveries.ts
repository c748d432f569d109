import type { Aedes, AedesPublishPacket, Client } from "aedes";

/** What became of a message for one identity: a connection of it acknowledged, none was there to
 * take it, or one took it and said nothing in time. */
export type Outcome = "acknowledged" | "nobody" | "silent";

/** Packet identifiers are 1 to 65 535 (MQTT 3.1.1 §2.3.1). */
const identifierMax = 65_535;

/** A connection's packet identifiers: the last one given, and who waits for which. */
type Line = { last: number; readonly waiting: Map<number, Delivery> };

/**
 * Messages whose sender wants to know that they arrived. aedes tells that *some* PUBACK came, not
 * which, so packets get their identifiers here, on their way out, and PUBACKs are read by them.
 */
export class Deliveries {
  /** By the payload: aedes copies a packet for each subscriber, but not what is in it. */
  readonly #wanted = new WeakMap<object, Delivery>();
  readonly #lines = new WeakMap<Client, Line>();

  /** `route` publishes the payload and resolves when all sockets have it. */
  deliver(
    identity: string,
    payload: Buffer,
    { route, waitMsMax }: { readonly route: () => Promise<void>; readonly waitMsMax: number },
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve("silent"), waitMsMax);
      const delivery = new Delivery(identity, (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      });
      this.#wanted.set(payload, delivery);
      // Not routed, because the broker has stopped: nobody has it, whatever the reason.
      route().then(
        () => delivery.routed(),
        () => delivery.routed(),
      );
    });
  }

  /** Gives a packet on its way to a connection its identifier; `qos` is the subscription's. */
  leaving(client: Client, packet: AedesPublishPacket, to: { identity: string; qos: number }): void {
    const line = this.#lineOf(client);
    line.last = (line.last % identifierMax) + 1;
    packet.messageId = line.last;
    const delivery =
      typeof packet.payload === "string" ? undefined : this.#wanted.get(packet.payload);
    if (delivery === undefined || delivery.identity !== to.identity || client.conn.closed) return;
    if (to.qos === 0) return delivery.sentUnasked();
    delivery.sent();
    line.waiting.set(line.last, delivery);
  }

  /**
   * Takes over the place in aedes' store where it strikes off what was acknowledged: no session here
   * outlives its connection, so that nothing ever stands there.
   */
  hear(aedes: Aedes): void {
    // Its types leave the store out.
    const { persistence } = aedes as unknown as { readonly persistence: AcknowledgedStore };
    persistence.outgoingClearMessageId = async (client, { messageId }) => {
      const line = this.#lines.get(client);
      line?.waiting.get(messageId)?.acknowledged();
      line?.waiting.delete(messageId);
    };
  }

  #lineOf(client: Client): Line {
    const known = this.#lines.get(client);
    if (known !== undefined) return known;
    const line: Line = { last: 0, waiting: new Map() };
    this.#lines.set(client, line);
    client.conn.once("close", () => {
      for (const delivery of line.waiting.values()) delivery.lost();
      line.waiting.clear();
    });
    return line;
  }
}

type AcknowledgedStore = {
  outgoingClearMessageId(client: Client, puback: { messageId: number }): Promise<void>;
};

/** One message on its way to all connections of an identity; the first that acknowledges decides. */
class Delivery {
  readonly identity: string;
  readonly #end: (outcome: Outcome) => void;
  #unanswered = 0;
  #unasked = false;
  #routed = false;

  constructor(identity: string, end: (outcome: Outcome) => void) {
    this.identity = identity;
    this.#end = end;
  }

  sent(): void {
    this.#unanswered += 1;
  }

  /** To a subscription with QoS 0, which acknowledges nothing: written is all that is to be had. */
  sentUnasked(): void {
    this.#unasked = true;
  }

  routed(): void {
    this.#routed = true;
    this.#look();
  }

  /** The connection ended before it acknowledged. */
  lost(): void {
    this.#unanswered -= 1;
    this.#look();
  }

  acknowledged(): void {
    this.#end("acknowledged");
  }

  #look(): void {
    if (!this.#routed || this.#unanswered > 0) return;
    this.#end(this.#unasked ? "acknowledged" : "nobody");
  }
}
