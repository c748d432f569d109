import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { topicsOf, utcMs } from "@busbar/protocol";
import { boxKeyOf, openNotice } from "@busbar/protocol/notice";
import type { MqttClient } from "mqtt";
import { connect } from "../../test/support/mqtt-client.ts";
import { site, testBroker } from "../../test/support/test-broker.ts";
import type { Broker, BrokerOptions } from "../broker/broker.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { openProjections, type Projection } from "../ledger/projection.ts";
import { mqttChannel } from "./channels/mqtt.ts";
import { countDeliveries, DeliveryTable } from "./delivery-table.ts";
import { outbox } from "./outbox.ts";
import type { Preferences } from "./preferences.ts";
import { Sender } from "./sender.ts";

const topics = topicsOf(site);
const secrets = { o1: new Uint8Array(32).fill(1), o2: new Uint8Array(32).fill(2) } as const;
type Owner = keyof typeof secrets;

const zero = new Uint8Array(32);

/** A block in which o1 sells to o2: one notice for each. */
function block(height: number): CommittedBlock {
  const sold = {
    type: "contract-signed",
    contract: `k-${height}`,
    slot: Date.UTC(2026, 5, 21, 3),
    seller: "o1",
    buyer: "o2",
    quantityWh: 1_000,
    price: 500_000,
    origin: "book",
    scale: "intraday",
  } as LedgerEvent;
  return {
    header: {
      chain: site,
      height,
      time: utcMs(height),
      previous: zero,
      txRoot: zero,
      resultsRoot: zero,
      appHash: zero,
      validatorsHash: zero,
      proposer: "m1",
      view: 0,
    },
    hash: zero,
    certificate: [],
    frames: [],
    hashes: [],
    signers: [],
    eventCounts: [],
    results: [],
    events: [sold],
  };
}

const noticeOf = (height: number, owner: Owner) => `${site}-${height}-0-${owner}`;

const preferences = {
  ...{ version: 0, language: "en", timeZone: "UTC0", digestAt: 0, threshold: 0, muted: [] },
  ways: [{ channel: "mqtt", when: "at-once", quiet: false }],
} as unknown as Preferences;

function outboxOf(): Projection {
  return outbox({
    ...{ currency: "EUR", member: "m1", send: true, webhooks: new Set<string>() },
    preferences: () => preferences,
  });
}

/** The same outbox whose messages look otherwise: another version of the program. */
function changedOutbox(): Projection {
  const { schema, ...rest } = outboxOf();
  return { ...rest, schema: `CREATE TABLE notice_more (a INTEGER); ${schema}` };
}

/** The ledger's file, brought to a height as the store does it. */
function openOutbox(path: string, height: number, projection = outboxOf()): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec(
    "CREATE TABLE IF NOT EXISTS projection (name TEXT PRIMARY KEY, schema TEXT, height INTEGER)",
  );
  openProjections(db, [projection], { height, block });
  return db;
}

/** A broker and a sender over an outbox, wired as the aggregator wires them. */
async function run(db: DatabaseSync, options: Partial<BrokerOptions> = {}) {
  let sender: Sender | undefined;
  const broker: Broker = await testBroker({
    onSubscribed({ id }, topic) {
      if (topic === topics.notices(id)) sender?.heard(id, "mqtt");
    },
    ...options,
  });
  let now = 1_000_000;
  const delivered: string[] = [];
  const failed: string[] = [];
  let changed = Promise.withResolvers<void>();
  const note = (list: string[], text: string) => {
    list.push(text);
    changed.resolve();
  };
  sender = new Sender({
    table: new DeliveryTable(db),
    channelOf: (owner) => {
      const boxKey = boxKeyOf(secrets[owner as Owner]);
      return mqttChannel({ site, owner, boxKey, broker });
    },
    tellingOf: () => ({ reader: { language: "en", timeZone: "UTC0" }, portal: "http://p" }),
    permit: { may: () => true, want: () => undefined, failed: () => undefined },
    now: () => now,
    clock: { now: () => now, delay: (ms) => ms },
    random: () => 1,
    onDelivered: ({ id }) => note(delivered, id),
    onFailed: (_, __, { code }) => note(failed, code),
  });
  const started = sender;
  started.start();
  return {
    broker,
    delivered,
    failed,
    sender: started,
    pass: (ms: number) => {
      now += ms;
    },
    async until(so: () => boolean) {
      while (!so()) {
        await changed.promise;
        changed = Promise.withResolvers();
      }
    },
    async stop() {
      await broker.stop();
      await started.stop();
    },
  };
}

/** Ids of the notices that a connection got and could open. */
function inbox(client: MqttClient, owner: Owner): string[] {
  const ids: string[] = [];
  client.on("message", (topic, payload) => {
    assert.equal(topic, topics.notices(owner));
    const opened = openNotice(new Uint8Array(payload), secrets[owner]);
    assert.ok(opened.ok);
    ids.push((JSON.parse(new TextDecoder().decode(opened.plain)) as { id: string }).id);
  });
  return ids;
}

function attempts(db: DatabaseSync): number {
  return Number(db.prepare("SELECT sum(attempts) AS n FROM delivery").get()?.n);
}

function file(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-notices-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "ledger.sqlite");
}

test("an owner who was away gets all its notices in order once it subscribes, another gets none", async () => {
  const count = 40;
  const db = openOutbox(":memory:", count);
  const site = await run(db);
  assert.deepEqual(countDeliveries(db), { queued: 2 * count, delivered: 0, dead: 0 });
  assert.deepEqual([attempts(db), site.failed], [0, []], "waiting costs nothing and says nothing");

  const present = await connect(site.broker.port, "o1");
  const got = inbox(present, "o1");
  await present.subscribeAsync(topics.notices("o1"), { qos: 1 });
  await site.until(() => site.delivered.length === count);
  assert.deepEqual(
    got,
    Array.from({ length: count }, (_, i) => noticeOf(i + 1, "o1")),
  );
  assert.deepEqual(countDeliveries(db), { queued: count, delivered: count, dead: 0 });

  openProjections(db, [outboxOf()], { height: count + 1, block });
  site.sender.wake();
  await site.until(() => site.delivered.length === count + 1);
  assert.equal(got.at(-1), noticeOf(count + 1, "o1"));
  assert.ok(site.delivered.every((id) => id.endsWith("-o1")));
  await present.endAsync();
  await site.stop();
});

test("a connection that ends before it acknowledges has not been told", async () => {
  const db = openOutbox(":memory:", 1);
  const site = await run(db);
  const first = await connect(site.broker.port, "o1");
  const arrived = new Promise<void>((resolve) => {
    // mqtt.js sends the PUBACK when this calls back, which it does not.
    first.handleMessage = () => resolve();
  });
  await first.subscribeAsync(topics.notices("o1"), { qos: 1 });
  await arrived;
  first.stream.destroy();
  const second = await connect(site.broker.port, "o1");
  const got = inbox(second, "o1");
  await second.subscribeAsync(topics.notices("o1"), { qos: 1 });
  await site.until(() => site.delivered.length === 1);
  assert.deepEqual(got, [noticeOf(1, "o1")]);
  assert.deepEqual([attempts(db), site.failed], [1, []]);
  await Promise.all([first.endAsync(true), second.endAsync()]);
  await site.stop();
});

test("a connection that never acknowledges costs attempts, and holds up nobody else", async () => {
  const db = openOutbox(":memory:", 1);
  const site = await run(db, { limits: { acknowledgeMsMax: 50 } });
  const mute = await connect(site.broker.port, "o1");
  mute.handleMessage = () => undefined;
  await mute.subscribeAsync(topics.notices("o1"), { qos: 1 });
  const other = await connect(site.broker.port, "o2");
  await other.subscribeAsync(topics.notices("o2"), { qos: 1 });
  await site.until(() => site.failed.length > 0);
  for (let more = 1; site.delivered.length === 0; more++) {
    // On a busy machine the other one's word comes late, too: it is asked again.
    await site.until(() => site.failed.length > more || site.delivered.length > 0);
    site.pass(5 * 3_600_000);
    site.sender.wake();
  }
  assert.deepEqual(new Set(site.failed), new Set(["notice.unacknowledged"]));
  assert.deepEqual(site.delivered, [noticeOf(1, "o2")]);
  await Promise.all([mute.endAsync(true), other.endAsync()]);
  await site.stop();
});

test("who unsubscribed is not there, and one phone of two is enough", async () => {
  const db = openOutbox(":memory:", 1);
  const site = await run(db);
  const gone = await connect(site.broker.port, "o1", { clientId: "o1:gone" });
  assert.equal(site.broker.listens("o1", topics.notices("o1")), false);
  await gone.subscribeAsync(topics.notices("o1"), { qos: 1 });
  await site.until(() => site.delivered.length === 1);
  await gone.unsubscribeAsync(topics.notices("o1"));
  openProjections(db, [outboxOf()], { height: 2, block });
  site.sender.wake();
  assert.equal(site.broker.listens("o1", topics.notices("o1")), false);

  const mute = await connect(site.broker.port, "o1", { clientId: "o1:mute" });
  mute.handleMessage = () => undefined;
  const phone = await connect(site.broker.port, "o1", { clientId: "o1:phone" });
  await phone.subscribeAsync(topics.notices("o1"), { qos: 1 });
  await site.until(() => site.delivered.length === 2);
  await mute.subscribeAsync(topics.notices("o1"), { qos: 1 });
  openProjections(db, [outboxOf()], { height: 3, block });
  site.sender.wake();
  await site.until(() => site.delivered.length === 3);
  assert.deepEqual(site.failed, []);
  await Promise.all([gone.endAsync(), mute.endAsync(true), phone.endAsync()]);
  await site.stop();
});

test("a member that hears the whole site acknowledges for no owner", async () => {
  const db = openOutbox(":memory:", 1);
  const site = await run(db);
  const member = await connect(site.broker.port, "m1");
  await member.subscribeAsync("busbar/v1/site/#", { qos: 1 });
  site.sender.wake();
  assert.equal(site.broker.listens("o1", topics.notices("o1")), false);
  const outcome = await site.broker.deliver("o1", topics.notices("o1"), Uint8Array.of(1));
  assert.equal(outcome, "nobody");
  await member.endAsync();
  await site.stop();
});

test("with QoS 0 a notice is delivered when it is written", async () => {
  const db = openOutbox(":memory:", 1);
  const site = await run(db);
  const client = await connect(site.broker.port, "o1");
  const got = inbox(client, "o1");
  const message = new Promise((resolve) => client.once("message", resolve));
  await client.subscribeAsync(topics.notices("o1"), { qos: 0 });
  await Promise.all([message, site.until(() => site.delivered.length === 1)]);
  assert.deepEqual(got, [noticeOf(1, "o1")]);
  await client.endAsync();
  await site.stop();
});

test("what waited for its owner waits for it again after a restart", async (t) => {
  const path = file(t);
  // A killed aggregator leaves its file as it was at that instant.
  const before = openOutbox(path, 3);
  const first = await run(before);
  await first.stop();
  before.close();
  const db = openOutbox(path, 3);
  const again = await run(db);
  const client = await connect(again.broker.port, "o2");
  const got = inbox(client, "o2");
  await client.subscribeAsync(topics.notices("o2"), { qos: 1 });
  await again.until(() => again.delivered.length === 3);
  assert.deepEqual(
    got,
    [1, 2, 3].map((height) => noticeOf(height, "o2")),
  );
  await client.endAsync();
  await again.stop();
  db.close();
});

test("an outbox that is made again sends nothing again and forgets nothing that waits", async (t) => {
  const path = file(t);
  const before = openOutbox(path, 3);
  before.exec(
    "UPDATE delivery SET state = 'delivered', attempts = 1 WHERE owner = 'o1' AND rowid <= 4",
  );
  const told = () => ({ queued: 4, delivered: 2, dead: 0 });
  assert.deepEqual(countDeliveries(before), told());
  before.close();

  // Killed in the middle of it: the new tables are there, and not filled.
  const halfway = changedOutbox();
  const failing: Projection = {
    ...halfway,
    apply(db, block, events) {
      if (block.header.height === 2) throw new Error("killed");
      halfway.apply(db, block, events);
    },
  };
  assert.throws(() => openOutbox(path, 3, failing), /killed/);
  const after = openOutbox(path, 3, changedOutbox());
  assert.equal(after.prepare("SELECT count(*) AS n FROM notice_message").get()?.n, 6);
  assert.deepEqual(countDeliveries(after), told());

  openProjections(after, [changedOutbox()], { height: 4, block });
  assert.deepEqual(countDeliveries(after), { queued: 6, delivered: 2, dead: 0 });
  after.close();
});

test("a file from before deliveries were kept apart has been told what it has seen", (t) => {
  const path = file(t);
  const old: Projection = {
    name: "notice",
    schema: "CREATE TABLE notice_message (id TEXT); CREATE TABLE notice_delivery (id TEXT);",
    apply: () => undefined,
  };
  openOutbox(path, 3, old).close();
  const db = openOutbox(path, 4);
  assert.deepEqual(countDeliveries(db), { queued: 2, delivered: 0, dead: 0 });
  assert.equal(db.prepare("SELECT count(*) AS n FROM notice_message").get()?.n, 8);
  db.close();
});
