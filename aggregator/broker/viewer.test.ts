import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { discoveryTopic, topicsOf } from "@busbar/protocol";
import fc from "fast-check";
import type { IClientOptions, MqttClient } from "mqtt";
import { closed, connect, messages } from "../../test/support/mqtt-client.ts";
import { registry, site, testBroker } from "../../test/support/test-broker.ts";
import type { Broker } from "./broker.ts";
import type { BrokerCode } from "./codes.ts";
import { checkViewer, makeViewer } from "./viewer.ts";

const topics = topicsOf(site);
const home = makeViewer("home", "o1");
const gone = makeViewer("gone", "nobody");
const flat = makeViewer("flat", "o2");
const viewers = [home.viewer, flat.viewer, makeViewer("d1", "o2").viewer, gone.viewer];
const birth = { topic: "homeassistant/status", qos: 0, retain: false } as const;
let broker: Broker;

before(async () => {
  broker = await testBroker({ viewers });
});
after(() => broker.stop());

/** Signs in as Home Assistant does: a client id of its own making, and a last will. */
function homeAssistant(wish: IClientOptions = {}): Promise<MqttClient> {
  return connect(broker.port, "o1", {
    clientId: "2vGRk9aUqYt3hVbWn0xPcE",
    username: "home",
    password: home.password,
    will: { ...birth, payload: Buffer.from("offline") },
    ...wish,
  });
}

const device = (id: "d1" | "d2") => connect(broker.port, id);

test("Home Assistant finds its owner's meters and their values, and nobody else's", async (t) => {
  for (const id of ["d1", "d2"] as const) {
    const unit = await device(id);
    for (const topic of [discoveryTopic(id), discoveryTopic(id, `${id}-m`)]) {
      await unit.publishAsync(topic, `{"of":"${topic}"}`, { qos: 1, retain: true });
    }
    // Not admitted: told on, never kept.
    await unit.publishAsync(discoveryTopic(id, "other"), "{}", { qos: 1, retain: true });
    await unit.endAsync();
  }
  const client = await homeAssistant();
  t.after(() => client.end(true));
  const heard: string[] = [];
  client.on("message", (topic, payload) => heard.push(`${topic} ${payload}`));
  await client.subscribeAsync(["homeassistant/+/+/config", "homeassistant/+/+/+/config"]);
  await client.publishAsync(birth.topic, "online", { qos: 1, retain: true });
  await client.subscribeAsync([topics.meterLive("d1", "d1-m"), topics.state("d1")], { qos: 1 });
  const unit = await device("d1");
  t.after(() => unit.end(true));
  await unit.publishAsync(topics.meterLive("d1", "d1-m"), "42", { qos: 1 });
  while (!heard.includes(`${topics.meterLive("d1", "d1-m")} 42`)) await messages(client, 1);
  assert.deepEqual(heard.sort(), [
    `${topics.meterLive("d1", "d1-m")} 42`,
    `${discoveryTopic("d1")} {"of":"${discoveryTopic("d1")}"}`,
    `${discoveryTopic("d1", "d1-m")} {"of":"${discoveryTopic("d1", "d1-m")}"}`,
  ]);
});

test("a viewer hears nothing that is not for lookers-on", async (t) => {
  const client = await homeAssistant();
  t.after(() => client.end(true));
  for (const filter of [
    topics.live("d2"),
    topics.notices("o1"),
    topics.ownTrades("o1"),
    topics.receipts("d1"),
    "homeassistant/#",
    "#",
  ]) {
    await assert.rejects(client.subscribeAsync(filter), filter);
  }
});

test("a viewer says nothing: each word but its birth ends the connection", async () => {
  for (const topic of [
    topics.quotes,
    topics.state("d1"),
    discoveryTopic("d1"),
    discoveryTopic("home"),
    "homeassistant/status/more",
  ]) {
    const client = await homeAssistant();
    client.publish(topic, "x", { qos: 1, retain: true });
    await closed(client);
  }
});

test("one device cannot announce another, nor a name of its own making", async () => {
  for (const topic of [discoveryTopic("d2"), "homeassistant/sensor/d1/config", birth.topic]) {
    const client = await device("d1");
    client.publish(topic, "{}", { qos: 1, retain: true });
    await closed(client);
  }
});

test("an empty retained message takes an announcement away", async (t) => {
  const unit = await device("d1");
  await unit.publishAsync(discoveryTopic("d1"), "{}", { qos: 1, retain: true });
  await unit.publishAsync(discoveryTopic("d1"), "", { qos: 1, retain: true });
  await unit.endAsync();
  const client = await homeAssistant();
  t.after(() => client.end(true));
  const heard: string[] = [];
  client.on("message", (topic) => heard.push(topic));
  await client.subscribeAsync(["homeassistant/+/+/config", topics.prices], { qos: 1 });
  await broker.publish(topics.prices, "{}");
  while (!heard.includes(topics.prices)) await messages(client, 1);
  assert.deepEqual(heard, [topics.prices]);
});

const refusals: readonly (readonly [BrokerCode, IClientOptions])[] = [
  ["login.viewer-password", { password: `${home.password}x` }],
  ["login.viewer-password", { password: "" }],
  ["login.viewer-owner", { username: "gone", password: gone.password }],
  ["login.client-id", { clientId: "d1" }],
  ["login.client-id", { clientId: "d1:look" }],
  ["login.will", { will: { ...birth, topic: topics.state("d1"), payload: Buffer.from("x") } }],
];
for (const [i, [code, wish]] of refusals.entries()) {
  test(`a viewer is turned away by ${code} (${i}): another ${Object.keys(wish)[0]}`, async () => {
    const before = broker.counters.of(code);
    await assert.rejects(homeAssistant(wish));
    assert.equal(broker.counters.of(code), before + 1);
  });
}

test("a viewer cannot throw out another owner's, only take over from itself", async (t) => {
  const client = await homeAssistant();
  t.after(() => client.end(true));
  const before = broker.counters.of("login.client-id");
  await assert.rejects(homeAssistant({ username: "flat", password: flat.password }));
  assert.equal(broker.counters.of("login.client-id"), before + 1);
  await client.subscribeAsync(topics.state("d1"));
  const again = await homeAssistant();
  t.after(() => again.end(true));
  await closed(client);
});

test("a line in a file never stands in for who is on the ledger", () => {
  const attempt = { username: "d1", password: Buffer.from("x"), client: "d1" };
  assert.equal(checkViewer(attempt, { viewers, registry }), undefined);
});

test("arbitrary names, passwords and client ids are answered, never thrown at", () => {
  fc.assert(
    fc.property(
      fc.option(fc.string(), { nil: undefined }),
      fc.option(fc.uint8Array(), { nil: undefined }),
      fc.string({ unit: "binary" }),
      (username, password, client) => {
        const checked = checkViewer({ username, password, client }, { viewers, registry });
        assert.ok(checked === undefined || !checked.ok);
      },
    ),
  );
});
