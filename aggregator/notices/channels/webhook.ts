import { createHmac } from "node:crypto";
import type { Channel } from "../channel.ts";
import type { Told } from "../told.ts";
import { checkAnswer, type Poster } from "./post.ts";

/** Where to post, and the key that signs it (Standard Webhooks, "Secrets"). */
export type Webhook = {
  readonly name: "webhook" | "member-webhook";
  readonly url: string;
  readonly key: Uint8Array;
};

/** What channels that post need from outside; `now` is wall ms. */
export type Posting = {
  readonly post: Poster;
  readonly now: () => number;
  /** Whether they may go to addresses of this machine's own networks. */
  readonly allowPrivate: boolean;
};

/** The key of a secret as people hand it on: `whsec_` and base64. */
export function webhookKey(secret: string): Uint8Array {
  return new Uint8Array(Buffer.from(secret.slice("whsec_".length), "base64"));
}

/**
 * Posts notices as JSON, signed by the Standard Webhooks scheme: `webhook-id` is the idempotency
 * key, `webhook-signature` is `v1,` and HMAC-SHA256 over `id.timestamp.body`.
 */
export function webhookChannel(
  { name, url, key }: Webhook,
  { post, now, allowPrivate }: Posting,
): Channel {
  return {
    name,
    async deliver(told: Told): Promise<void> {
      const body = JSON.stringify(told);
      const timestamp = Math.floor(now() / 1000);
      const headers = {
        "content-type": "application/json",
        "webhook-id": told.id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": signature(key, { id: told.id, timestamp, body }),
      };
      checkAnswer(url, await post({ url, headers, body, allowPrivate }));
    },
  };
}

/** The `webhook-signature` of one message. */
export function signature(
  key: Uint8Array,
  about: { readonly id: string; readonly timestamp: number; readonly body: string },
): string {
  const { id, timestamp, body } = about;
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return `v1,${mac}`;
}
