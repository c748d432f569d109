import assert from "node:assert/strict";
import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { publicKeyFromSeed } from "@busbar/protocol/node";
import { sealAddresses } from "@busbar/protocol/notice";
import { build } from "esbuild";
import fc from "fast-check";
import { pino } from "pino";
import { type CDPSession, chromium, type Page, type Worker } from "playwright-core";
import { PortalSite } from "../../test/support/portal-site.ts";
import { chromiumArgs, program } from "../../test/support/programs.ts";
import { openPush, subscriptionService } from "../../test/support/push-service.ts";
import { type Post, type Poster, post } from "../notices/channels/post.ts";
import { pushChannel } from "../notices/channels/web-push.ts";
import type { Notice } from "../notices/notice.ts";
import { type Told, toldOf } from "../notices/told.ts";
import { overOf, shownOf } from "./app/push-message.ts";
import { buildPortal } from "./build.ts";
import { startPortal } from "./server.ts";

/** A notice on its way into a browser: subscribed, sealed by a member, pushed, shown, and opened. */

const notice: Notice = {
  ...{ id: "elm-7-0-anna", owner: "anna", type: "bill-ready", topic: "bill", key: "bill-to-pay" },
  ...{ time: 1_780_272_000_000, urgent: false, money: 1, currency: "EUR" },
  facts: {
    month: { month: "2026-05" },
    money: { micro: 34_100_000 },
    import: { wh: 120_500 },
    export: { wh: 0 },
  },
  proof: { chain: "elm", height: 7, event: 0, prove: ["state", "bill/anna/2026-05"] },
};
const proofHash = "#/proof/state/bill%2Fanna%2F2026-05";

function toldTo(portal: string, language: "en" | "zh" = "en"): Told {
  return toldOf(notice, { reader: { language, timeZone: "UTC0" }, portal });
}

test("a push shows the notice in its own language, and leads nowhere but into this portal", () => {
  const { title, text, proof } = toldTo("https://elsewhere.example/", "zh");
  const message = { tag: "n-1", title, body: text, url: proof?.link, language: "zh", urgent: true };
  assert.deepEqual(shownOf(JSON.stringify(message), "en-US"), {
    title,
    options: {
      ...{ body: text, tag: "n-1", lang: "zh-CN", icon: "/icon.svg", requireInteraction: true },
      data: proofHash,
    },
  });
  const away = { ...message, url: "https://phish.example/" };
  assert.equal(shownOf(JSON.stringify(away), "en").options.data, "#/notices");
  assert.match(overOf("zh-CN").options.body, /[\u4e00-\u9fff]/);
  assert.equal(overOf("fr").options.data, "#/settings");
});

test("an address that is an object with a toString of its own stops no notice", () => {
  const sent = JSON.stringify({ title: "a", body: "b", url: { toString: 1 } });
  assert.equal(shownOf(sent, "en").options.data, "#/notices");
});

test("whatever a push brings, something is shown that leads into the portal", () => {
  const text = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc
      .dictionary(fc.constantFrom("title", "body", "tag", "url", "language"), fc.jsonValue())
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(text, fc.constantFrom("en", "zh-TW", ""), (sent, language) => {
      const { title, options } = shownOf(sent, language);
      assert.equal(typeof title, "string");
      assert.equal(typeof options.body, "string");
      assert.match(options.data, /^#\//);
    }),
  );
});

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;

/** The portal as it is built, with its security headers, in a browser that allows notifications. */
async function open(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "busbar-push-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  await buildPortal(folder);
  // What the settings' button calls, where the test can call it.
  const entry = join(import.meta.dirname, "app/push.ts");
  await build({
    entryPoints: [entry],
    outfile: join(folder, "push.js"),
    bundle: true,
    format: "esm",
  });
  const portal = await startPortal({
    ...{ host: "127.0.0.1", port: 0, page: folder, log: pino({ level: "silent" }) },
    source: new PortalSite().source,
  });
  t.after(() => portal.stop());
  const subscriptions = await subscriptionService("standin");
  t.after(() => subscriptions.close());
  // A profile of its own: private windows have no notifications.
  const context = await chromium.launchPersistentContext(join(folder, "profile"), {
    ...("path" in tool ? { executablePath: tool.path } : {}),
    args: [...chromiumArgs, ...subscriptions.args],
  });
  t.after(() => context.close());
  await context.grantPermissions(["notifications"], { origin: portal.url });
  const page = await context.newPage();
  await page.goto(`${portal.url}/health`);
  return { context, page, portal, subscriptions };
}

/** A push service on loopback that keeps what it gets, and the browser that it is to hand it to. */
async function pushService(t: TestContext) {
  const seen: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    seen.push({ headers: request.headers, body: Buffer.concat(await request.toArray()) });
    response.writeHead(201).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const browser = createECDH("prime256v1");
  browser.generateKeys();
  const auth = new Uint8Array(randomBytes(16));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/push/1`;
  return { endpoint, browser, auth, seen };
}

type Service = Awaited<ReturnType<typeof pushService>>;

/**
 * Presses the portal's button, so to say, with keys that the test has too: those of a browser never leave it, so
 * that nobody else could open what comes.
 */
function subscribe(page: Page, { endpoint, browser, auth }: Service) {
  const keys = { p256dh: [...browser.getPublicKey()], auth: [...auth] };
  return page.evaluate(
    async ({ url, bytes }) => {
      let asked: PushSubscriptionOptionsInit | undefined;
      PushManager.prototype.subscribe = async (options) => {
        asked = options;
        const getKey = (name: "p256dh" | "auth") => Uint8Array.from(bytes[name]).buffer;
        return { endpoint: url, getKey } as unknown as PushSubscription;
      };
      const path = "/push.js";
      const { takesPushes, subscribe: press } = await import(path);
      const address = await press();
      const key = new Uint8Array(asked?.applicationServerKey as ArrayBuffer);
      return {
        takes: takesPushes() as boolean,
        visible: asked?.userVisibleOnly,
        key: [...key],
        endpoint: address.endpoint as string,
        p256dh: [...address.p256dh] as number[],
        auth: [...address.auth] as number[],
        vapid: [...address.vapid] as number[],
      };
    },
    { url: endpoint, bytes: keys },
  );
}

/** Hands a message to the page's worker as the browser's push service does. */
async function deliver(cdp: CDPSession, origin: string, data: string): Promise<void> {
  const registered = new Promise<string>((resolve) => {
    cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const found = registrations.find(({ isDeleted }) => !isDeleted);
      if (found !== undefined) resolve(found.registrationId);
    });
  });
  await cdp.send("ServiceWorker.enable");
  const registrationId = await registered;
  await cdp.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data });
}

/** What a service worker's world has for this. */
type PushWorld = {
  readonly registration: {
    showNotification(title: string, options: object): Promise<void>;
    getNotifications(): Promise<readonly Notification[]>;
  };
  shown?: Promise<object | undefined>;
};

/**
 * Lets the worker say what it shows next, once that is shown: no page is told. Nobody may ask for it before, for
 * whoever asks Chromium which notifications there are, while one is being shown, has it forgotten.
 */
function watchShown(worker: Worker): Promise<void> {
  return worker.evaluate(() => {
    const world = self as unknown as PushWorld;
    const { registration } = world;
    const show = registration.showNotification.bind(registration);
    world.shown = new Promise((resolve, reject) => {
      registration.showNotification = async (title, options) => {
        await show(title, options).catch(reject);
        const [first] = await registration.getNotifications();
        resolve(
          first && { title: first.title, body: first.body, tag: first.tag, data: first.data },
        );
      };
    });
  });
}

test("a browser subscribes at its own push service, with the key that members sign with", {
  skip,
}, async (t) => {
  const { page, subscriptions } = await open(t);
  const pressed = () =>
    page.evaluate(async () => {
      const path = "/push.js";
      const { endpoint, p256dh, auth, vapid } = await (await import(path)).subscribe();
      const lists = [p256dh, auth, vapid].map((bytes: Uint8Array) => [...bytes]);
      return { endpoint: String(endpoint), lists };
    });
  const { endpoint, lists } = await pressed();
  assert.match(endpoint, /^https:\/\/[a-z0-9.-]+\/fcm\/send\/standin$/);
  const [p256dh, auth, vapid] = lists.map((bytes) => Uint8Array.from(bytes));
  assert.ok(p256dh && auth && vapid);
  const member = [{ id: "m1", key: publicKeyFromSeed(new Uint8Array(32).fill(1)) }];
  const random = (count: number) => new Uint8Array(randomBytes(count));
  sealAddresses({ push: { endpoint, p256dh, auth, vapid } }, member, random);
  const signer = createECDH("prime256v1");
  signer.setPrivateKey(vapid);
  const senders = () =>
    subscriptions.asked.flatMap(({ form }) => (form.has("X-scope") ? [form.get("sender")] : []));
  assert.equal(senders().at(-1), signer.getPublicKey("base64url"));
  const posted: Post[] = [];
  const post: Poster = async (one) => {
    posted.push(one);
    return { status: 201, retryAfterMs: undefined };
  };
  const posting = { post, now: Date.now, allowPrivate: false, contact: undefined };
  const channel = pushChannel({ endpoint, p256dh, auth, vapid }, posting);
  await channel.deliver(toldTo("https://portal.example"));
  assert.equal(posted[0]?.url, endpoint);
  // Pressed again, with another key: the first subscription ends, and does not stand in its way.
  await pressed();
  assert.ok(subscriptions.asked.some(({ form }) => form.get("delete") === "true"));
  assert.notEqual(senders().at(-1), signer.getPublicKey("base64url"));
});

test("a browser that subscribed is shown what a member pushes, and a click leads to its proof", {
  skip,
}, async (t) => {
  const service = await pushService(t);
  const { context, page, portal } = await open(t);
  const { takes, visible, key, ...address } = await subscribe(page, service);
  assert.deepEqual([takes, visible, address.endpoint], [true, true, service.endpoint]);
  const bytes = {
    endpoint: address.endpoint,
    p256dh: Uint8Array.from(address.p256dh),
    auth: Uint8Array.from(address.auth),
    vapid: Uint8Array.from(address.vapid),
  };
  const posting = { post, now: Date.now, allowPrivate: true, contact: undefined };
  const told = toldTo(portal.url);
  await pushChannel(bytes, posting).deliver(told);
  const [request] = service.seen;
  assert.ok(request);
  // Push services take it from whoever has the key that the page subscribed with.
  const [, signer = ""] = / k=(\S+)$/.exec(String(request.headers.authorization)) ?? [];
  assert.deepEqual([...Buffer.from(signer, "base64url")], key);
  const plain = openPush(request.body, service.browser, service.auth).toString();
  const [begun] = context.serviceWorkers();
  const worker = begun ?? (await context.waitForEvent("serviceworker"));
  await watchShown(worker);
  await deliver(await context.newCDPSession(page), portal.url, plain);
  const notification = await worker.evaluate(() => (self as unknown as PushWorld).shown);
  const { title, text: body, id: tag } = told;
  assert.deepEqual(notification, { title, body, tag, data: proofHash });
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await click(worker);
  await page.waitForURL(`${portal.url}/${proofHash}`);
});

/** Clicks the notification: no test can do it outside of the page, so the worker is told of it. */
async function click(worker: Worker): Promise<void> {
  await worker.evaluate(async () => {
    const { registration } = self as unknown as PushWorld;
    const [notification] = await registration.getNotifications();
    const event = new Event("notificationclick");
    let work: Promise<unknown> = Promise.resolve();
    const waitUntil = (given: Promise<unknown>) => {
      work = given;
    };
    Object.assign(event, { notification, waitUntil });
    self.dispatchEvent(event);
    // Only a person's click lets a worker bring a page to the front.
    await work.catch(() => undefined);
  });
}
