/** Shows what members push to this browser, also while no page is open. A script by itself, beside the page. */
import { overOf, type Shown, shownOf } from "./push-message.ts";

/** What of a service worker's world this uses (Service Workers, Push API, Notifications API). */
type World = {
  readonly registration: {
    showNotification(title: string, options: object): Promise<void>;
  };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(
      options: object,
    ): Promise<readonly { navigate(url: string): unknown; focus(): unknown }[]>;
    openWindow(url: string): Promise<unknown>;
  };
  readonly location: Location;
  readonly navigator: { readonly language: string };
  addEventListener(name: string, listener: (event: WorkerEvent) => void): void;
};

type WorkerEvent = {
  readonly data?: { text(): string } | null;
  readonly notification?: { readonly data?: unknown; close(): void };
  waitUntil(work: Promise<unknown>): void;
};

const world = globalThis as unknown as World;
const { language } = world.navigator;

// A click then leads the page that is open to the proof, and opens no second one.
world.addEventListener("activate", (event) => event.waitUntil(world.clients.claim()));
world.addEventListener("push", (event) =>
  event.waitUntil(show(shownOf(event.data?.text(), language))),
);
world.addEventListener("pushsubscriptionchange", (event) =>
  event.waitUntil(show(overOf(language))),
);
world.addEventListener("notificationclick", (event) => event.waitUntil(open(event)));

function show({ title, options }: Shown): Promise<void> {
  return world.registration.showNotification(title, options);
}

/** Its proof, or where something is to be done, in a page of this portal. */
async function open({ notification }: WorkerEvent): Promise<void> {
  notification?.close();
  const target = new URL(`/${String(notification?.data)}`, world.location.origin).href;
  const [page] = await world.clients.matchAll({ type: "window" });
  if (page === undefined) await world.clients.openWindow(target);
  else {
    await page.navigate(target);
    await page.focus();
  }
}
