import { randomBytes } from "node:crypto";
import { boxNotice, topicsOf } from "@busbar/protocol";
import type { Channel } from "./channel.ts";
import type { Notice } from "./notice.ts";

/** Publishes notices boxed to the owner's key, so that the broker cannot read them. */
export function mqttChannel(options: {
  readonly site: string;
  readonly owner: string;
  readonly boxKey: Uint8Array;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
}): Channel {
  const topic = topicsOf(options.site).notices(options.owner);
  const random = (count: number) => new Uint8Array(randomBytes(count));
  return {
    name: "mqtt",
    async deliver(notice: Notice): Promise<void> {
      const plain = new TextEncoder().encode(JSON.stringify(notice));
      await options.publish(topic, boxNotice(plain, options.boxKey, random));
    },
  };
}
