import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { encodeAnswer, topicsOf, utcMs } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { pino } from "pino";
import { FakeAggregator, type Mood } from "../../test/support/fake-aggregator.ts";
import { testSigner } from "../../test/support/memory-registry.ts";
import { SilentProxy } from "../../test/support/silent-proxy.ts";
import type { BrokerConfig } from "../config/schema.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { ReadingsOutbox } from "../journal/readings-outbox.ts";
import { summarise } from "../journal/summary.ts";
import { Counters } from "../status/counters.ts";
import { Link } from "./link.ts";
import type { LinkOptions } from "./link-options.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-link-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const signer = signerOf(openKeyFile(join(folder, "device.key")));
const log = pino({ level: process.env.BUSBAR_LOG ?? "silent" }, process.stderr);
const chain = "demo";
const device = "unit-1";
const meter = "anna-grid";
let count = 0;

type Setup = { readonly brokers?: readonly string[]; readonly mood?: () => Mood };

/** A unit with a journal, an aggregator, and a link between them that is not started. */
async function setUp(
  context: TestContext,
  { brokers, mood }: Setup = {},
  more: Partial<LinkOptions> = {},
) {
  const host = new FakeAggregator(chain, testSigner(1));
  host.devices.set(device, signer.publicKey);
  if (mood !== undefined) host.mood = mood;
  await host.start();
  count += 1;
  const journal = new Journal(openDatabase(join(folder, `${count}.db`)), { chain, signer });
  const outbox = new ReadingsOutbox(journal.database);
  const counters = new Counters();
  const events = new EventEmitter();
  const broker = (url: string): BrokerConfig => ({ url, allowPlainText: false });
  const link = new Link({
    chain,
    device,
    signer,
    membership: host.membership,
    brokers: (brokers ?? [host.url]).map(broker),
    outboxes: [outbox],
    nextSession: () => journal.nextSession(),
    birth: (session) => ({ meters: [{ id: meter }], session }),
    onCommitted: () => events.emit("committed"),
    counters,
    log,
    backOff: { msMin: 5, msMax: 40 },
    answerMsMax: 60,
    ...more,
  });
  context.after(async () => {
    await link.stop();
    await host.stop();
    journal.close();
  });
  let seq = 0;
  const record = (readings: number) => {
    for (let i = 0; i < readings; i++) {
      seq += 1;
      const registers = new Map([["1-0:1.8.0", [seq, 0] as const]]);
      journal.append([{ meter, entry: { time: utcMs(seq), clock: 16, registers, quality: 0 } }]);
    }
    journal.seal(meter, 2);
    link.wake();
  };
  const allCommitted = async () => {
    while (outbox.lanes().length > 0) await once(events, "committed");
  };
  return { host, journal, outbox, counters, link, record, allCommitted, events };
}

/** The mood of each next frame, then `answer`. */
function moods(...list: Mood[]) {
  return () => list.shift() ?? "answer";
}

test("readings go out, receipts come back, and only then a batch is done", async (context) => {
  const { host, link, record, allCommitted, journal, counters } = await setUp(context);
  record(7);
  link.start();
  await allCommitted();
  assert.equal(host.committed(meter), 7);
  assert.equal(summarise(journal.database).meters[0]?.committed, 7);
  assert.equal(counters.of("receipt.verified"), 4);
  assert.equal(link.status.hostReady, true);
});

test("lost, doubled and forged receipts and a full pool lose nothing and count nothing twice", async (context) => {
  const mood = moods("silent", "forge", "full", "twice", "forget", "silent", "answer", "forge");
  const { host, link, record, allCommitted, counters, journal } = await setUp(context, { mood });
  link.start();
  record(20);
  await allCommitted();
  assert.equal(host.committed(meter), 20);
  assert.equal(host.frames.length, 10);
  assert.ok(counters.of("certificate.signature") >= 1);
  assert.ok(counters.of("pool.full") >= 1);
  assert.equal(summarise(journal.database).meters[0]?.committed, 20);
});

test("a forged receipt ends no batch's waiting", async (context) => {
  const { host, link, record, outbox } = await setUp(context, { mood: () => "forge" });
  link.start();
  record(2);
  for (let i = 0; i < 3; i++) await once(host, "frame");
  assert.equal(outbox.pending(meter, 10).length, 1);
});

test("a receipt of another chain or by another member is refused", async (context) => {
  const { host, link, record, outbox, counters } = await setUp(context, { mood: () => "silent" });
  const stranger = new FakeAggregator(chain, testSigner(2));
  link.start();
  record(2);
  await once(host, "frame");
  const [frame] = outbox.pending(meter, 1);
  assert.ok(frame !== undefined);
  const receipt = stranger.receiptOf(frame.frame);
  host.publish(topicsOf(chain).receipts(device), encodeAnswer({ kind: "receipt", receipt }));
  host.publish(topicsOf(chain).receipts(device), Uint8Array.of(1, 2, 3));
  await once(host, "frame");
  await once(host, "frame");
  assert.equal(outbox.pending(meter, 10).length, 1);
  assert.equal(counters.of("certificate.quorum"), 1);
});

test("a broker that is restarted again and again gets every reading once", async (context) => {
  const { host, link, record, allCommitted } = await setUp(context);
  link.start();
  for (let round = 0; round < 6; round++) {
    record(10);
    await once(host, "frame");
    await host.stop();
    record(3);
    await host.start();
  }
  await allCommitted();
  assert.equal(host.committed(meter), 78);
  const bytes = new Set(host.frames.map((frame) => Buffer.from(frame.bytes).toString("hex")));
  assert.equal(bytes.size, host.frames.length);
});

test("nothing is sent before an aggregator says that it is ready", async (context) => {
  const { host, link, record, allCommitted } = await setUp(context);
  host.sayReady(false);
  const topics: string[] = [];
  host.on("message", (topic: string) => topics.push(topic));
  link.start();
  record(2);
  await once(host, "message");
  link.wake();
  link.publishLive("anna-grid", {});
  await once(host, "message");
  assert.deepEqual(topics, [topicsOf(chain).state(device), topicsOf(chain).live(device)]);
  host.sayReady(true);
  await allCommitted();
});

test("each attempt signs in with a fresh token; a wrong key never gets in and loses nothing", async (context) => {
  const { host, link, record, allCommitted, outbox } = await setUp(context);
  host.devices.set(device, testSigner(9).publicKey);
  link.start();
  record(2);
  for (let i = 0; i < 3; i++) assert.deepEqual(await once(host, "login"), [false]);
  assert.equal(outbox.pending(meter, 10).length, 1);
  assert.equal(link.status.problem?.code, "link.login");
  host.devices.set(device, signer.publicKey);
  await allCommitted();
});

test("a dead broker is passed over for the next one", async (context) => {
  const dead = new FakeAggregator(chain, testSigner(1));
  await dead.start();
  await dead.stop();
  const alive = await setUp(context);
  const { link, record, allCommitted } = await setUp(context, {
    brokers: [dead.url, alive.host.url],
  });
  record(2);
  link.start();
  await allCommitted();
  assert.equal(link.status.broker, alive.host.url);
});

test("a broker without a ready aggregator is left for the next one", async (context) => {
  const idle = new FakeAggregator(chain, testSigner(1));
  idle.ready = false;
  idle.devices.set(device, signer.publicKey);
  await idle.start();
  context.after(() => idle.stop());
  const alive = await setUp(context);
  const brokers = [idle.url, alive.host.url];
  const { link, record, allCommitted } = await setUp(context, { brokers }, { hostMsMax: 50 });
  record(2);
  link.start();
  await allCommitted();
  assert.equal(idle.frames.length, 0);
});

test("a unit goes back to the nearest broker when that one is there again, and nothing counts twice", async (context) => {
  const far = await setUp(context);
  const near = await setUp(context);
  // Two aggregators of one consortium have one ledger.
  near.host.ledger = far.host.ledger;
  const { link, record, allCommitted, counters, events } = await setUp(
    context,
    { brokers: [near.host.url, far.host.url] },
    { returnBackOff: { msMin: 20, msMax: 40 } },
  );
  link.start();
  for (let round = 1; round <= 3; round++) {
    record(4);
    await allCommitted();
    while (link.status.broker !== near.host.url || !link.status.connected) {
      record(2);
      await once(events, "committed");
    }
    await near.host.stop();
    record(4);
    await allCommitted();
    assert.equal(link.status.broker, far.host.url);
    await near.host.start();
    // It goes on being fed while it looks for a calm moment.
    while (counters.of("link.returned") < round) {
      record(2);
      await once(events, "committed");
    }
  }
  await allCommitted();
  const taken = summarise(far.journal.database);
  assert.equal(taken.meters.length, 0);
  const frames = far.host.frames.map(({ bytes }) => Buffer.from(bytes).toString("hex"));
  assert.equal(new Set(frames).size, frames.length);
  assert.deepEqual(link.status.blocked, []);
});

test("a nearer broker without a ready aggregator is no reason to move", async (context) => {
  const idle = await setUp(context);
  const far = await setUp(context);
  idle.host.ready = false;
  await idle.host.stop();
  const { link, record, allCommitted, counters } = await setUp(
    context,
    { brokers: [idle.host.url, far.host.url] },
    { returnBackOff: { msMin: 10, msMax: 20 } },
  );
  link.start();
  record(2);
  await allCommitted();
  await idle.host.start();
  for (let looks = 0; looks < 2; looks++) await once(idle.host, "login");
  assert.equal(link.status.broker, far.host.url);
  assert.equal(counters.of("link.returned"), 0);
});

test("an aggregator that is gone, and whose word of being ready the broker kept, is left for another", async (context) => {
  const far = await setUp(context);
  const near = await setUp(context);
  near.host.mood = () => "forget";
  const { link, record, allCommitted, counters } = await setUp(
    context,
    { brokers: [near.host.url, far.host.url] },
    { silentMsMax: 40 },
  );
  link.start();
  record(6);
  await allCommitted();
  assert.equal(link.status.broker, far.host.url);
  assert.ok(counters.of("link.no-answer") >= 1);
});

test("where there is no other broker, one that answers nothing is told of, and kept", async (context) => {
  const { host, link, record, allCommitted, counters } = await setUp(
    context,
    { mood: () => "forget" },
    { silentMsMax: 20 },
  );
  link.start();
  record(2);
  while (link.status.problem?.code !== "link.no-answer") await new Promise(setImmediate);
  assert.equal(link.status.connected, true);
  host.mood = () => "answer";
  await allCommitted();
  assert.equal(link.status.problem, undefined);
  assert.equal(counters.of("link.connected"), 1);
});

test("a broker that goes silent without closing is given up, though the unit goes on sending", async (context) => {
  const far = await setUp(context);
  const near = await setUp(context);
  near.host.ledger = far.host.ledger;
  const proxy = await SilentProxy.open(near.host.port);
  context.after(() => proxy.close());
  const { link, record, allCommitted, counters } = await setUp(
    context,
    { brokers: [`mqtt://127.0.0.1:${proxy.port}`, far.host.url] },
    { keepaliveSeconds: 1 },
  );
  link.start();
  record(2);
  await allCommitted();
  proxy.goSilent();
  // What is sent all the time must not make it forget to ask whether anybody is there.
  const live = setInterval(() => link.publishLive(meter, { now: 1 }), 20);
  context.after(() => clearInterval(live));
  record(4);
  await allCommitted();
  assert.equal(link.status.broker, far.host.url);
  assert.equal(counters.of("link.silent"), 1);
});

test("frames of an aggregator that went before it answered go to the next one at once", async (context) => {
  const { host, link, record, allCommitted } = await setUp(
    context,
    { mood: moods("forget", "forget") },
    // Far longer than the test may take: only the aggregator's own word can be the reason.
    { answerMsMax: 600_000 },
  );
  let frames = 0;
  host.on("frame", () => {
    frames += 1;
  });
  link.start();
  record(4);
  while (frames < 2) await new Promise(setImmediate);
  host.sayReady(false);
  while (link.status.hostReady) await new Promise(setImmediate);
  host.sayReady(true);
  await allCommitted();
  assert.equal(host.committed(meter), 4);
});

test("two units with one id are told of each other, with both places, and stop throwing each other out", async (context) => {
  const one = await setUp(context);
  const slow = { rivalBackOff: { msMin: 3_600_000, msMax: 3_600_000 } };
  const first = await setUp(context, { brokers: [one.host.url] }, slow);
  const second = await setUp(context, { brokers: [one.host.url] }, slow);
  first.link.start();
  second.link.start();
  const codes = () => [first, second].map(({ link }) => link.status.problem?.code);
  while (!codes().includes("link.duplicate-client")) await new Promise(setImmediate);
  const told = [first, second].find(
    ({ link }) => link.status.problem?.code === "link.duplicate-client",
  );
  const { message, remedy } = told?.link.status.problem ?? {};
  const host = hostname().replaceAll(".", "\\.");
  assert.match(
    message ?? "",
    new RegExp(
      `^another unit signs in as unit-1: host ${host} at 127\\.0\\.0\\.1; this one is host ${host} at 127`,
    ),
  );
  assert.match(remedy ?? "", /switch one of the two off/);
  assert.equal(told?.counters.of("link.duplicate-client"), 1);
});

test("a unit that died and came back is no rival of itself", async (context) => {
  const { host, link, counters } = await setUp(context);
  const topics = topicsOf(chain);
  const before = (session: number) => {
    const unit = { instance: "0123456789abcdef", host: "old", address: "10.0.0.1" };
    host.publish(topics.state(device), JSON.stringify({ device, session, unit }), true);
  };
  before(1);
  link.start();
  await once(host, "message");
  // The broker lost its last minutes, again and again: the same old state is there.
  for (let round = 0; round < 3; round++) {
    await host.stop();
    await host.start();
    before(1);
    await once(host, "message");
  }
  assert.equal(counters.of("link.duplicate-client"), 0);
  assert.equal(counters.of("link.connected") >= 3, true);
});

test("garbage from the broker breaks nothing, and is counted", async (context) => {
  const { host, link, record, allCommitted, counters } = await setUp(context);
  const topics = topicsOf(chain);
  link.start();
  await once(host, "message");
  const noise = [
    "",
    "{",
    "null",
    "[]",
    '{"ready":"yes"}',
    '{"unit":null}',
    '{"unit":{"instance":1}}',
  ];
  for (const text of [...noise, "x".repeat(100_000)]) {
    host.publish(topics.host("m1"), text);
    host.publish(topics.state(device), text);
    host.publish(topics.receipts(device), text);
  }
  const ref = new Uint8Array(32);
  const refused = { ref, code: "readings.gap", message: "of another", expected: 1 };
  host.publish(topics.receipts(device), encodeAnswer({ kind: "refused", refused }));
  host.sayReady(true);
  record(4);
  await allCommitted();
  assert.equal(host.committed(meter), 4);
  assert.ok(counters.of("link.host-state") >= noise.length);
  assert.equal(counters.of("refusal.not-ours"), 1);
  assert.equal(counters.of("link.duplicate-client"), 0);
});

test("a birth lists the meters; a clean end says offline with the birth's session number", async (context) => {
  const { host, link, record, allCommitted } = await setUp(context);
  link.start();
  record(2);
  await allCommitted();
  const state = () => JSON.parse(host.retained.get(topicsOf(chain).state(device)) ?? "{}");
  const birth = state();
  assert.equal(birth.online, true);
  assert.deepEqual(birth.meters, [{ id: meter }]);
  await link.stop();
  const { session, unit } = birth;
  assert.deepEqual(state(), { device, session, online: false, unit });
});

test("what a ledger lost with its disk is sent again from the journal", async (context) => {
  const { host, link, record, allCommitted, journal } = await setUp(context);
  link.start();
  record(8);
  await allCommitted();
  await host.stop();
  const restored = new FakeAggregator(chain, testSigner(1));
  restored.devices.set(device, signer.publicKey);
  restored.port = host.port;
  await restored.start();
  context.after(() => restored.stop());
  record(2);
  await allCommitted();
  assert.equal(restored.committed(meter), 10);
  assert.equal(summarise(journal.database).meters[0]?.committed, 10);
});

test("only members of the ledger can say that they store readings", async (context) => {
  const { host, link, record, counters } = await setUp(context);
  host.sayReady(false);
  const topics = topicsOf(chain);
  host.publish(topics.host("stranger"), JSON.stringify({ ready: true }), true);
  link.start();
  record(2);
  await once(host, "message");
  while (counters.of("link.host-state") === 0) await new Promise(setImmediate);
  assert.equal(link.status.hostReady, false);
  assert.equal(host.frames.length, 0);
});

test("a disk that is full when a receipt or a sending is noted ends nothing and loses nothing", async (context) => {
  const { host, link, record, allCommitted, outbox, counters } = await setUp(
    context,
    {},
    { diskMs: 5 },
  );
  const { sent, committed } = outbox;
  let full = 4;
  const perhaps = () => {
    full -= 1;
    if (full >= 0)
      throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
  };
  outbox.sent = (refs) => {
    perhaps();
    sent.call(outbox, refs);
  };
  outbox.committed = (ref, receipt) => {
    perhaps();
    return committed.call(outbox, ref, receipt);
  };
  link.start();
  record(6);
  await allCommitted();
  assert.equal(host.committed(meter), 6);
  assert.equal(counters.of("journal.write-failed"), 4);
});
