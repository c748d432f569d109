/** Shows what members push to this browser, also while no page is open. A script by itself, beside the page. */

type Shown = {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
  readonly url?: string;
  readonly language?: string;
  readonly urgent?: boolean;
};

/** What of a service worker's world this uses (Service Workers, Push API, Notifications API). */
type World = {
  readonly registration: {
    showNotification(title: string, options: object): Promise<void>;
  };
  readonly clients: {
    matchAll(
      options: object,
    ): Promise<readonly { navigate(url: string): unknown; focus(): unknown }[]>;
    openWindow(url: string): Promise<unknown>;
  };
  readonly location: Location;
  addEventListener(name: string, listener: (event: WorkerEvent) => void): void;
};

type WorkerEvent = {
  readonly data?: { json(): unknown } | null;
  readonly notification?: { readonly data?: string; close(): void };
  waitUntil(work: Promise<unknown>): void;
};

const world = globalThis as unknown as World;

world.addEventListener("push", (event) => event.waitUntil(show(event)));
world.addEventListener("notificationclick", (event) => event.waitUntil(open(event)));

/** The browser shows something of its own where nothing is shown. */
function show({ data }: WorkerEvent): Promise<void> {
  const { title = "Busbar", body, tag, url, language, urgent = false } = read(data);
  return world.registration.showNotification(title, {
    body,
    tag,
    lang: language,
    icon: "/icon.svg",
    requireInteraction: urgent,
    data: url,
  });
}

/** A push service may send nothing, and whoever knows the endpoint anything. */
function read(data: WorkerEvent["data"]): Partial<Shown> {
  try {
    const shown = data?.json();
    return typeof shown === "object" && shown !== null ? shown : {};
  } catch {
    return {};
  }
}

/** Its proof, in a page of this portal: a push is a member's word, and leads nowhere else. */
async function open({ notification }: WorkerEvent): Promise<void> {
  notification?.close();
  const hash = /#\/proof\/[\w~%/-]*$/.exec(notification?.data ?? "")?.[0] ?? "#/notices";
  const target = new URL(`/${hash}`, world.location.origin).href;
  const [page] = await world.clients.matchAll({ type: "window" });
  if (page === undefined) await world.clients.openWindow(target);
  else {
    await page.navigate(target);
    await page.focus();
  }
}
