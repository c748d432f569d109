import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { TestBroker } from "../../testing/broker.ts";
import { type LinkSettings, SiteLink } from "./site-link.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-flows-link-"));
const signer = signerOf(openKeyFile(join(folder, "house.json")));
const stranger = signerOf(openKeyFile(join(folder, "stranger.json")));
const prices = "busbar/v1/demo/market/prices";
const trades = "busbar/v1/demo/market/trades";

let broker: TestBroker;
const links: SiteLink[] = [];
const complaints: string[] = [];

before(async () => {
  const site = { site: "demo", identity: "house", key: signer.publicKey, closed: [trades] };
  broker = await TestBroker.start(site);
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
  complaints.length = 0;
});
after(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true });
});

function openLink(changes: Partial<LinkSettings> = {}): SiteLink {
  const link = new SiteLink({
    url: broker.url,
    chain: "demo",
    identity: "house",
    client: "house:flows",
    broker: "demo",
    signer,
    report: (text) => complaints.push(text),
    ...changes,
  });
  links.push(link);
  return link;
}

/** A follower whose messages and refusals can be waited for. */
function follow(link: SiteLink, topic: string, latest = true) {
  const events = new EventEmitter();
  const stop = link.follow({
    topic,
    latest,
    onMessage: (payload) => events.emit("message", payload.toString()),
    onRefused: () => events.emit("refused"),
  });
  return { stop, next: async (name = "message") => (await once(events, name))[0] as string };
}

function reached(link: SiteLink, wanted: string): Promise<void> {
  return new Promise((done) => link.watch((state) => state === wanted && done()));
}

test("no connection is made before a node follows something", async () => {
  const link = openLink();
  await link.close();
  assert.equal(broker.logins.length, 0);
});

test("two followers share one connection, and a late one is given the last state", async () => {
  const link = openLink();
  const first = follow(link, prices);
  await broker.subscribed(prices);
  const [heard] = await Promise.all([first.next(), broker.publish(prices, "1")]);
  assert.equal(heard, "1");
  assert.equal(await follow(link, prices).next(), "1");
  assert.equal(broker.connected, 1);
});

test("a connection that breaks is made again with a fresh token, and its topics with it", async () => {
  const link = openLink();
  const follower = follow(link, prices);
  await broker.subscribed(prices);
  const before = broker.tokens.at(-1);
  const again = broker.subscribed(prices);
  broker.drop();
  await reached(link, "disconnected");
  await again;
  assert.notEqual(broker.tokens.at(-1), before);
  assert.equal(broker.ends.at(-1), "broken");
  const [heard] = await Promise.all([follower.next(), broker.publish(prices, "2")]);
  assert.equal(heard, "2");
});

test("a key that the site does not know is refused, and said once", async () => {
  const link = openLink({ signer: stranger });
  follow(link, prices);
  await reached(link, "refused");
  assert.equal(complaints.length, 1);
  assert.match(complaints[0] ?? "", /refused the login of house:flows/);
});

test("a topic that this identity may not follow is told to its follower alone", async () => {
  const link = openLink();
  const follower = follow(link, trades, false);
  await follower.next("refused");
  assert.match(complaints[0] ?? "", /house may not follow busbar\/v1\/demo\/market\/trades/);
  assert.ok(link.connected);
});

test("a broker that is away is tried again and again, and reported once", async () => {
  const link = openLink({ url: "mqtt://127.0.0.1:9" });
  follow(link, prices);
  await reached(link, "disconnected");
  await reached(link, "connecting");
  await reached(link, "disconnected");
  assert.equal(complaints.length, 1);
});

test("closing says goodbye to the broker and stays closed", async () => {
  const link = openLink();
  follow(link, prices);
  await broker.subscribed(prices);
  await link.close();
  assert.equal(broker.connected, 0);
  assert.equal(broker.ends.at(-1), "clean");
});
