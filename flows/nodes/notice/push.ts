import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { flowError } from "../link/errors.ts";
import { isSigningKey, keyBytesMin, keyText } from "./signing-key.ts";

/** What a phone is told. */
export type PhoneNotice = {
  /** The same for every try: the receiver's idempotency key. */
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** 1 … 5, as ntfy counts: 3 is usual. */
  readonly priority: number;
  readonly click: string | undefined;
};

/** Where notices go: a topic of an ntfy service, or a webhook. `secret` is its token or signing key. */
export type PushTarget = {
  readonly kind: "ntfy" | "webhook";
  readonly url: string;
  readonly secret: string;
};

/** Pauses before the second and third try, ms. */
const pausesMs = [500, 2_000];
const answerMsMax = 10_000;

/** One HTTP request, as it is sent. */
export type PushRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** The request of a notice at a time (wall ms). Throws: `Failure` `flows.push` for a bad target. */
export function pushRequest(target: PushTarget, notice: PhoneNotice, now: number): PushRequest {
  const url = URL.canParse(target.url) ? new URL(target.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw flowError("flows.push", `expected https://host/topic, got ${target.url || "nothing"}`);
  }
  const json = { "content-type": "application/json" };
  if (target.kind === "ntfy") {
    const [, path = "", topic = ""] = /^(.*\/)([^/]+)\/?$/.exec(url.pathname) ?? [];
    if (topic === "") {
      throw flowError(
        "flows.push",
        `expected a topic behind the host, as in https://host/topic, got ${target.url}`,
      );
    }
    const { title, text: message, priority, click } = notice;
    const body = JSON.stringify({ topic, title, message, priority, ...(click && { click }) });
    const token = target.secret === "" ? {} : { authorization: `Bearer ${target.secret}` };
    // As JSON at the service's root: a header could not carry every title.
    return { url: new URL(path, url).href, headers: { ...json, ...token }, body };
  }
  const body = JSON.stringify({ type: "busbar.notice", data: notice });
  const seconds = String(Math.floor(now / 1_000));
  // Standard Webhooks: HMAC-SHA256 of id, time and body with the key behind "whsec_".
  const key = signingKey(target.secret);
  const signature = createHmac("sha256", key)
    .update(`${notice.id}.${seconds}.${body}`)
    .digest("base64");
  const headers = {
    ...json,
    "webhook-id": notice.id,
    "webhook-timestamp": seconds,
    "webhook-signature": `v1,${signature}`,
  };
  return { url: url.href, headers, body };
}

/** Throws: `Failure` `flows.push`: whoever can guess a key can send notices in this flow's name. */
function signingKey(secret: string): Buffer {
  if (isSigningKey(secret)) return Buffer.from(keyText(secret), "base64");
  const message = `a webhook needs a signing key of at least ${keyBytesMin} bytes in base64, as the receiver gives it (whsec_…)`;
  throw flowError("flows.push", message);
}

/** Sends a notice; three tries where trying again can help. Throws: `Failure` `flows.push`. */
export async function push(
  target: PushTarget,
  notice: PhoneNotice,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const { url, headers, body } = pushRequest(target, notice, Date.now());
    const answer = await post(url, { headers, body, signal });
    if (answer === "taken") return;
    const pause = pausesMs[tries];
    if (pause === undefined || !answer.again) {
      const message = `${new URL(url).host} did not take the notice: ${answer.why}`;
      throw flowError("flows.push", message, { retry: answer.again ? "later" : "never" });
    }
    await sleep(pause, undefined, { signal });
  }
}

async function post(
  url: string,
  {
    signal,
    ...init
  }: { headers: Readonly<Record<string, string>>; body: string; signal: AbortSignal },
): Promise<"taken" | { readonly why: string; readonly again: boolean }> {
  try {
    const both = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]);
    const response = await fetch(url, { method: "POST", ...init, signal: both, redirect: "error" });
    await response.body?.cancel();
    if (response.ok) return "taken";
    const again = response.status === 429 || response.status >= 500;
    return { why: `HTTP ${response.status}`, again };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { why: String(cause instanceof Error ? cause.message : cause), again: !signal.aborted };
  }
}
