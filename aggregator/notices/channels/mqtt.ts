import { randomBytes } from "node:crypto";
import { Failure, topicsOf } from "@busbar/protocol";
import { boxNotice } from "@busbar/protocol/notice";
import type { Broker } from "../../broker/broker.ts";
import { type Channel, nobodyListens } from "../channel.ts";
import type { Told } from "../told.ts";

/** What a box may hold (`boxed` of the protocol), less what the box itself takes. */
const plainBytesMax = 11_900;

/**
 * Publishes notices boxed to the owner's key, so that the broker cannot read them. Delivered means
 * that a connection of the owner, subscribed to its notices with QoS 1, sent the PUBACK.
 */
export function mqttChannel(options: {
  readonly site: string;
  readonly owner: string;
  readonly boxKey: Uint8Array;
  readonly broker: Pick<Broker, "listens" | "deliver">;
}): Channel {
  const { site, owner, boxKey, broker } = options;
  const topic = topicsOf(site).notices(owner);
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const away = () =>
    new Failure(nobodyListens, `${owner} is not subscribed to ${topic}`, { retry: "later" });
  return {
    name: "mqtt",
    async deliver(told: Told): Promise<void> {
      if (!broker.listens(owner, topic)) throw away();
      const outcome = await broker.deliver(owner, topic, boxNotice(plainOf(told), boxKey, random));
      if (outcome === "acknowledged") return;
      if (!broker.listens(owner, topic)) throw away();
      throw new Failure("notice.unacknowledged", `${owner} did not acknowledge ${told.id}`, {
        retry: "later",
      });
    },
  };
}

/** A digest that is too long for a box loses its last items, and says how many. */
function plainOf(told: Told): Uint8Array {
  const plain = new TextEncoder().encode(JSON.stringify(told));
  const { items = [], more = 0 } = told;
  if (plain.length <= plainBytesMax || items.length === 0) return plain;
  return plainOf({ ...told, items: items.slice(0, -1), more: more + 1 });
}
