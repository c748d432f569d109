import { createHmac } from "node:crypto";
import { Failure } from "@busbar/protocol";
import type { Channel } from "./channel.ts";
import type { Notice } from "./notice.ts";

/** A receiver that does not answer holds up a sender's slot for no longer than this. */
const answerMsMax = 10_000;

/** One owner's webhook. `secret` is `whsec_` and the key in base64 (Standard Webhooks, "Secrets"). */
export type Webhook = { readonly owner: string; readonly url: string; readonly secret: string };

/**
 * Posts notices as JSON, signed by the Standard Webhooks scheme: `webhook-id` is the idempotency
 * key, `webhook-signature` is `v1,` and HMAC-SHA256 over `id.timestamp.body`.
 */
export function webhookChannel(
  { url, secret }: Webhook,
  options: { readonly now: () => number; readonly fetch?: typeof fetch },
): Channel {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const send = options.fetch ?? fetch;
  return {
    name: "webhook",
    async deliver(notice: Notice): Promise<void> {
      const body = JSON.stringify(notice);
      const timestamp = Math.floor(options.now() / 1000);
      const response = await post(send, url, {
        body,
        headers: {
          "content-type": "application/json",
          "webhook-id": notice.id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": signature(key, { id: notice.id, timestamp, body }),
        },
      });
      await response.body?.cancel();
      if (!response.ok) throw refused(url, response.status);
    },
  };
}

/** The `webhook-signature` of one message. */
export function signature(
  key: Uint8Array,
  {
    id,
    timestamp,
    body,
  }: { readonly id: string; readonly timestamp: number; readonly body: string },
): string {
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return `v1,${mac}`;
}

async function post(
  send: typeof fetch,
  url: string,
  request: { readonly body: string; readonly headers: Record<string, string> },
): Promise<Response> {
  try {
    return await send(url, {
      method: "POST",
      // A redirect could lead a notice to where its owner never sent it.
      redirect: "error",
      signal: AbortSignal.timeout(answerMsMax),
      ...request,
    });
  } catch (cause) {
    throw new Failure("notice.unreachable", `${url} did not answer`, { retry: "later", cause });
  }
}

/** 410 Gone means "never send again" (Standard Webhooks); other answers may get better. */
function refused(url: string, status: number): Failure {
  return new Failure("notice.refused", `${url} answered ${status}`, {
    retry: status === 410 ? "never" : "later",
  });
}
