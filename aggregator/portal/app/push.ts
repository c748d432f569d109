import type { NoticeAddresses } from "@busbar/protocol/notice";
import { fromBase64url } from "./key.ts";
import { t } from "./language.ts";
import { recall, remember } from "./stored.ts";

/** Whose pushes come to this browser. */
const place = "busbar-pushes-of";

/** Whether this browser takes pushes from here: it needs a service worker, and that https or localhost. */
export const takesPushes = () =>
  globalThis.isSecureContext === true && "serviceWorker" in navigator && "PushManager" in window;

/**
 * Subscribes this browser to pushes, with a VAPID key (RFC 8292) made here: sealed with the address, so that any of
 * the chosen members can send. `owner`: who is signed in. Throws: `Error` in words for people.
 */
export async function subscribe(owner: string): Promise<NonNullable<NoticeAddresses["push"]>> {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error(t("This browser was not allowed to show notices."));
  }
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
  ]);
  const { d = "" } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const applicationServerKey = await crypto.subtle.exportKey("raw", pair.publicKey);
  await navigator.serviceWorker.register("/push-worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  // One of another key does not let itself be replaced.
  await (await pushManager.getSubscription())?.unsubscribe();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const [p256dh, auth] = (["p256dh", "auth"] as const).map((name) => {
    const key = subscription.getKey(name);
    return key === null ? undefined : new Uint8Array(key);
  });
  if (p256dh === undefined || auth === undefined) {
    throw new Error(t("This browser’s push service has no key to encrypt for."));
  }
  remember(place, owner);
  return { endpoint: subscription.endpoint, p256dh, auth, vapid: fromBase64url(d) };
}

/** Ends this browser's subscription, and takes the notices that it shows off the screen: whoever comes next is another. */
export async function endPushes(): Promise<void> {
  if (!takesPushes()) return;
  remember(place, null);
  const registration = await navigator.serviceWorker.getRegistration();
  if (registration === undefined) return;
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  for (const shown of await registration.getNotifications()) shown.close();
}

/** The same where this browser was subscribed for somebody else than who is signed in now. */
export async function endOthersPushes(owner: string): Promise<void> {
  const before = recall(place);
  if (typeof before === "string" && before !== owner) await endPushes();
}
