import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { type Topic, topicsOf } from "@busbar/protocol";
import { Aedes } from "aedes";
import mqtt, { type MqttClient } from "mqtt";
import { pino } from "pino";
import { signers, site, testBroker } from "../../../test/support/test-broker.ts";
import { until } from "../../../test/support/virtual-site.ts";
import type { Broker } from "../broker.ts";
import { Counters } from "../counters.ts";
import { dialOwn, memberToken } from "../own-address.ts";
import { dialBroker } from "./address.ts";
import { MqttSession } from "./session.ts";
import { Worker } from "./worker.ts";
import type { WorkerOptions } from "./worker-options.ts";

const topics = topicsOf(site);
const log = pino({ level: "silent" });
const devices = Array.from({ length: 8 }, (_, n) => `d${n + 1}`);

/** A broker that is none of ours: aedes as it comes, open to all. */
let [outside, server, url]: [Aedes | undefined, Server | undefined, string] = [
  undefined,
  undefined,
  "",
];
let own: Broker;
let unit: MqttClient;
const arrivals: { readonly topic: Topic; readonly text: string }[] = [];
/** What ingest waits for before it says that a frame is stored. */
let stored: Promise<unknown> = Promise.resolve();
const running = new Set<Tested>();

before(async () => {
  outside = await Aedes.createBroker();
  server = createServer(outside.handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  url = `mqtt://127.0.0.1:${address.port}`;
  own = await testBroker({
    async ingest({ topic, payload }) {
      arrivals.push({ topic, text: Buffer.from(payload).toString() });
      await stored;
    },
  });
  unit = await mqtt.connectAsync(url, { clientId: "units" });
  await own.publish(topics.host("m1"), hostState(true), { retain: true });
});
afterEach(async () => {
  stored = Promise.resolve();
  for (const one of running) await one.end();
  arrivals.length = 0;
});
after(async () => {
  await unit.endAsync();
  await own.stop();
  await new Promise<void>((resolve) => outside?.close(resolve) ?? resolve());
  server?.close();
});

const hostState = (ready: boolean) => JSON.stringify({ member: "m1", ready, height: 1, time: 0 });

/** A worker whose connection to its member the test can cut, as when its process dies. */
class Tested {
  readonly counters = new Counters();
  readonly groups: string[] = [];
  readonly #worker: Worker;
  readonly #done: Promise<void>;
  #inner: Socket | undefined;

  constructor(name: string, options: Partial<WorkerOptions> = {}) {
    this.#worker = new Worker({
      ...{ site, member: "m1", name, urls: [url], login: { user: "m1" } },
      ...{ split: "topics", persistent: true, leaseMs: 800, counters: this.counters, log },
      ownBroker: async (label) => {
        const socket = await dialOwn({ host: "127.0.0.1", port: own.port }, 5_000);
        this.#inner = socket;
        const client = `m1:${label}`;
        const password = memberToken({ site, member: "m1", client, signer: signers.m1 });
        return { socket, client, password };
      },
      onReady: (live) => this.groups.push(live.join(" ")),
      ...options,
    });
    this.#done = this.#worker.run();
    running.add(this);
  }

  /** Cut off: no good-bye to either broker. It comes back by itself. */
  cut(): void {
    this.#inner?.destroy();
  }

  async settled(live: string): Promise<void> {
    await until(`it shares with ${live}`, () => this.groups.at(-1) === live || undefined);
  }

  async end(): Promise<void> {
    running.delete(this);
    this.#worker.stop();
    await this.#done;
  }
}

const born = (device: string) =>
  unit.publishAsync(topics.state(device), '{"online":true}', { qos: 1, retain: true });
const send = (device: string, text: string) =>
  unit.publishAsync(topics.readings(device), text, { qos: 1 });
const arrived = (text: string) =>
  until(`${text} arrives`, () => arrivals.find((one) => one.text === text));

test("a frame comes to the member's ingest as it was, and the answer to its device", async () => {
  const worker = new Tested("w1");
  await born("d1");
  await worker.settled("m1/w1");
  const answers: string[] = [];
  const hears = await mqtt.connectAsync(url, { clientId: "d1" });
  hears.on("message", (topic, payload) => answers.push(`${topic} ${payload}`));
  await hears.subscribeAsync([topics.receipts("d1"), topics.host("m1"), topics.prices], { qos: 1 });
  await send("d1", "first");
  assert.deepEqual((await arrived("first")).topic, { of: "device", id: "d1", name: "readings" });
  await own.publish(topics.receipts("d1"), "receipt", { qos: 1 });
  await own.publish(topics.prices, '{"gatesLeft":0}', { qos: 1, retain: true });
  await until("all is answered", () => answers.length >= 3 || undefined);
  assert.ok(answers.includes(`${topics.receipts("d1")} receipt`));
  assert.ok(answers.includes(`${topics.host("m1")} ${hostState(true)}`));
  assert.ok(answers.includes(`${topics.prices} {"gatesLeft":0}`));
  await unit.publishAsync(topics.quotes, "quote", { qos: 1 });
  assert.deepEqual((await arrived("quote")).topic, { of: "market", name: "quotes" });

  // When the last worker leaves, nobody behind this broker is ready any more.
  await worker.end();
  await until("it says so", () => /"ready":false/.test(answers.at(-1) ?? "") || undefined);
  await hears.endAsync();
});

for (const split of ["topics", "wildcard"] as const) {
  test(`by ${split} each device has one of two workers, and the other when that one is cut off`, async () => {
    // Names of their own: what a broker remembers of a worker goes by its name.
    const names = [`${split}-1`, `${split}-2`] as const;
    const all = names.map((name) => `m1/${name}`).join(" ");
    const [one, two] = [new Tested(names[0], { split }), new Tested(names[1], { split })];
    for (const device of devices) await born(device);
    await one.settled(all);
    await two.settled(all);
    const settledAt = one.groups.length;
    for (const device of devices) await send(device, `${split} 1 ${device}`);
    for (const device of devices) await arrived(`${split} 1 ${device}`);
    const shares = [one, two].map(({ counters }) => counters.of("worker-forwarded"));
    assert.ok(Math.min(...shares) > 0, `they had ${shares}`);
    assert.equal(arrivals.length, devices.length, "none came twice");

    two.cut();
    const alone = () => one.groups.slice(settledAt).includes(`m1/${names[0]}`) || undefined;
    await until("the other one is alone", alone);
    for (const device of devices) await send(device, `${split} 2 ${device}`);
    for (const device of devices) await arrived(`${split} 2 ${device}`);
    await two.settled(all);
  });
}

test("what its member has not stored a worker does not acknowledge: it comes again", async () => {
  const never = Promise.withResolvers<void>();
  stored = never.promise;
  const worker = new Tested("w3");
  await born("d1");
  await worker.settled("m1/w3");
  await send("d1", "held");
  await arrived("held");
  assert.equal(worker.counters.of("worker-forwarded"), 0);
  arrivals.length = 0;
  stored = Promise.resolve();
  worker.cut();
  await arrived("held");
  never.resolve();
});

test("what comes while a worker is away waits for it, whatever it remembers", async () => {
  const first = new Tested("w4");
  await born("d1");
  await first.settled("m1/w4");
  await send("d1", "before");
  await arrived("before");
  await first.end();
  await send("d1", "meanwhile");
  await unit.publishAsync(topics.state("d1"), "", { qos: 1, retain: true });
  const second = new Tested("w4");
  await arrived("meanwhile");
  await second.settled("m1/w4");
  await born("d1");
});

test("garbage on every topic that a worker hears is counted, and nothing of it passes", async () => {
  const worker = new Tested("w5");
  await born("d1");
  await worker.settled("m1/w5");
  const noise = ["", "{", "null", "[1]", '{"worker":"w9"}', "x".repeat(20_000), "\0\u{ffff}"];
  for (const text of noise) {
    for (const topic of [topics.workers("m1"), topics.host("m1"), topics.state("d2")]) {
      await unit.publishAsync(topic, text, { qos: 1 });
    }
  }
  await unit.publishAsync(topics.workers("m9"), '{"worker":"w1","instance":7}', { qos: 0 });
  await send("d1", "y".repeat(16_384));
  await send("d1", "after");
  await arrived("after");
  assert.ok(arrivals.every(({ text }) => text === "after"));
  assert.equal(worker.counters.of("worker.frame-too-large"), 1);
  assert.ok(worker.counters.of("worker.not-ours") >= 7);
  assert.equal(worker.groups.at(-1), "m1/w5");
});

test("two workers of one name fight for its connection, and say so", async () => {
  const [one, two] = [new Tested("w6", { persistent: false }), new Tested("w6")];
  const fights = () => one.groups.length + two.groups.length;
  await until("one of them works", () => fights() > 0 || undefined);
  await born("d1");
  await one.end();
  await two.settled("m1/w6");
});

test("a broker that is none, that breaks off, or that says no, is told of by its code", async () => {
  const { promise, resolve } = Promise.withResolvers<Server>();
  const answer: { bytes?: Buffer } = {};
  const odd = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      if (answer.bytes === undefined) socket.destroy();
      else socket.write(answer.bytes);
    });
  }).listen(0, "127.0.0.1", () => resolve(odd));
  await promise;
  const address = odd.address();
  assert.ok(typeof address === "object" && address !== null);
  const at = `mqtt://127.0.0.1:${address.port}`;
  const attempt = async (bytes?: Buffer) => {
    if (bytes === undefined) delete answer.bytes;
    else answer.bytes = bytes;
    const socket = await dialBroker(at, {}, 5_000);
    const opened = MqttSession.open({ socket, client: "c", clean: true, answerMsMax: 500 });
    return opened.then(
      () => "opened",
      (error: { code?: string }) => {
        assert.ok(socket.destroyed);
        return error.code;
      },
    );
  };
  assert.equal(await attempt(), "external.closed");
  assert.equal(
    await attempt(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")),
    "external.malformed",
  );
  assert.equal(await attempt(Buffer.from([0x20, 2, 0, 5])), "external.login");
  assert.equal(await attempt(Buffer.from([0xf0, 0xff, 0xff, 0xff, 0xff])), "external.malformed");
  const endless = Buffer.concat([Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(3e6)]);
  assert.equal(await attempt(endless), "external.packet-too-large");
  odd.close();
  await assert.rejects(dialBroker(at, {}, 5_000), { code: "external.unreachable" });
});
