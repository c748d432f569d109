import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import {
  type Answer,
  decodeAnswer,
  encodeCbor,
  keyId,
  type Receipt,
  sealEnvelope,
  topicsOf,
  utcMs,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import type { MqttClient } from "mqtt";
import { pino } from "pino";
import { loginToken } from "../../test/support/login-token.ts";
import { MemoryPool } from "../../test/support/memory-pool.ts";
import { testSigner } from "../../test/support/memory-registry.ts";
import { connect, messages } from "../../test/support/mqtt-client.ts";
import { identities, registry, signers, site, testBroker } from "../../test/support/test-broker.ts";
import { admissionFrame, commitFrame, readingsFrame } from "../../test/support/test-messages.ts";
import type { Broker } from "../broker/broker.ts";
import { Counters } from "../broker/counters.ts";
import { createAnswers } from "./answers.ts";
import { createIngest } from "./ingest.ts";
import type { IngestLimits } from "./limits.ts";
import { SignatureThreads } from "./signature-threads.ts";

const topics = topicsOf(site);
const log = pino({ level: "silent" });
const receipt: Receipt = {
  header: {
    chain: site,
    height: 1,
    time: utcMs(1),
    previous: new Uint8Array(32),
    txRoot: new Uint8Array(32),
    resultsRoot: new Uint8Array(32),
    appHash: new Uint8Array(32),
    validatorsHash: new Uint8Array(32),
    proposer: "m1",
    view: 0,
  },
  certificate: [{ kid: new Uint8Array(20), signature: new Uint8Array(64) }],
  index: 0,
  size: 1,
  proof: [],
  frame: Uint8Array.of(1),
};

let broker: Broker;
let device: MqttClient;
let member: MqttClient;
let pool: MemoryPool;
let counters: Counters;
let quarantined: ReturnType<typeof createIngest>["quarantined"];
/** The ingest under test; replaced before each test, while broker and device stay connected. */
let ingest: ReturnType<typeof createIngest>["ingest"];

before(async () => {
  broker = await testBroker({ ingest: (arrival) => ingest(arrival) });
  device = await connect(broker.port, "d1");
  await device.subscribeAsync(topics.receipts("d1"), { qos: 1 });
  member = await connect(broker.port, "m1");
  await member.subscribeAsync(topics.memberReceipts("m1"), { qos: 1 });
});
after(async () => {
  await Promise.all([device.endAsync(), member.endAsync()]);
  await broker.stop();
});
beforeEach(() => {
  ({ ingest, quarantined } = newIngest());
});

function newIngest(
  threads?: Pick<SignatureThreads, "check" | "waiting">,
  limits: Partial<IngestLimits> = {},
): ReturnType<typeof createIngest> {
  pool = new MemoryPool();
  counters = new Counters();
  const publish = (topic: string, payload: Uint8Array) => broker.publish(topic, payload);
  return createIngest({
    chain: site,
    registry,
    verify,
    pool,
    answers: createAnswers({
      site,
      registry,
      publish,
      tipOf: () => undefined,
      councils: { epoch: () => 0, stepsAfter: () => [] },
      log,
    }),
    receiptOf: () => receipt,
    now: () => Date.now(),
    delay: () => Promise.resolve(),
    counters,
    log,
    limits: { poolWaitMs: 0, ...limits },
    threads,
  });
}

/** Publishes and waits for PUBACK and for one answer. */
async function answerTo(topic: string, payload: Uint8Array, client = device): Promise<Answer> {
  const answered = messages(client, 1);
  await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  const decoded = decodeAnswer(new Uint8Array((await answered)[0]?.payload ?? []));
  assert.ok(decoded.ok);
  return decoded.answer;
}

test("a genuine batch is in the pool, byte for byte, before PUBACK", async () => {
  const frame = readingsFrame("d1", signers.d1);
  await device.publishAsync(topics.readings("d1"), Buffer.from(frame), { qos: 1 });
  assert.deepEqual(
    pool.frames.map(({ bytes }) => bytes),
    [frame],
  );
  assert.equal(counters.of("ingest-stored"), 1);
});

test("a device's sealed quote is taken in on the market's topic", async () => {
  const frame = commitFrame("o1", signers.d1);
  await device.publishAsync(topics.quotes, Buffer.from(frame), { qos: 1 });
  assert.equal(pool.frames[0]?.kind, "quote-commit");
});

test("a member's admission is taken in on its own topic, and its receipt is sent again", async () => {
  const frame = admissionFrame("m1", signers.m1);
  await member.publishAsync(topics.transactions("m1"), Buffer.from(frame), { qos: 1 });
  assert.deepEqual(
    pool.frames.map(({ bytes }) => bytes),
    [frame],
  );
  pool.commit(createHash("sha256").update(frame).digest());
  const answer = await answerTo(topics.transactions("m1"), frame, member);
  assert.deepEqual(answer, { kind: "receipt", receipt });
});

test("a batch sent twice is taken once; when it stands in a block its receipt is sent again", async () => {
  const frame = readingsFrame("d1", signers.d1);
  for (let n = 0; n < 2; n++) {
    await device.publishAsync(topics.readings("d1"), Buffer.from(frame), { qos: 1 });
  }
  assert.equal(pool.frames.length, 1);
  assert.equal(counters.of("ingest-pending"), 1);
  pool.commit(createHash("sha256").update(frame).digest());
  const answer = await answerTo(topics.readings("d1"), frame);
  assert.deepEqual(answer, { kind: "receipt", receipt });
});

test("with signatures checked in threads all come in the order in which they arrived, forged ones none", async () => {
  const threads = new SignatureThreads({ count: 2, verify, failed: (error) => assert.fail(error) });
  const threaded = newIngest(threads);
  const publisher = registry.byId("d1");
  assert.ok(publisher);
  const refused = messages(device, 60);
  const topic = { of: "device", id: "d1", name: "readings" } as const;
  const frames = Array.from({ length: 300 }, (_, n) => {
    const frame = readingsFrame("d1", signers.d1, { first: n + 1 });
    // The last bytes are the signature's.
    if (n % 5 === 0) frame[frame.length - 40] = (frame[frame.length - 40] ?? 0) ^ 1;
    return frame;
  });
  await Promise.all(frames.map((payload) => threaded.ingest({ topic, payload, publisher })));
  assert.deepEqual(
    pool.frames.map(({ bytes }) => bytes),
    frames.filter((_, n) => n % 5 !== 0),
  );
  assert.equal(counters.of("ingest.signature"), 60);
  await refused;
  await threads.stop();
});

test("while too many signatures wait for their check, who comes is told to come again, and nothing is kept of it", async () => {
  const asked: ((good: boolean) => void)[] = [];
  const slow = {
    get waiting() {
      return asked.length;
    },
    check: () => new Promise<boolean>((answer) => asked.push(answer)),
  };
  const busy = newIngest(slow, { checksMax: 3 });
  const publisher = registry.byId("d1");
  assert.ok(publisher);
  const topic = { of: "device", id: "d1", name: "readings" } as const;
  const frames = Array.from({ length: 5 }, (_, n) =>
    readingsFrame("d1", signers.d1, { first: n + 1 }),
  );
  const refused = messages(device, 2);
  const all = frames.map((payload) => busy.ingest({ topic, payload, publisher }));
  const answers = (await refused).map(({ payload }) => decodeAnswer(new Uint8Array(payload)));
  for (const decoded of answers) {
    assert.ok(decoded.ok && decoded.answer.kind === "refused");
    assert.equal(decoded.answer.refused.code, "pool.full");
  }
  assert.equal(asked.length, 3, "those beyond the bound are not looked at");
  for (const answer of asked.splice(0)) answer(true);
  await Promise.all(all);
  assert.deepEqual(
    pool.frames.map(({ bytes }) => bytes),
    frames.slice(0, 3),
  );
  assert.deepEqual([counters.of("pool.full"), busy.quarantined()], [2, []]);
});

const good = readingsFrame("d1", signers.d1);
const asD1 = { ...signers.d2, kid: keyId(signers.d1.publicKey) };
const signedWrongShape = encodeCbor([
  "readings",
  sealEnvelope(encodeCbor(new Map([[9, 9]])), { chain: site, kind: "readings" }, signers.d1),
]);
const signedNonsense = encodeCbor([
  "readings",
  sealEnvelope(Uint8Array.of(0xff), { chain: site, kind: "readings" }, signers.d1),
]);

/** The rule, the code, the topic, the bytes. */
const refusals: readonly (readonly [
  rule: string,
  code: string,
  topic: string,
  payload: Uint8Array,
])[] = [
  ["nothing at all", "cbor.short", topics.readings("d1"), new Uint8Array()],
  ["a truncated message", "cbor.short", topics.readings("d1"), good.subarray(0, -1)],
  ["bytes after the message", "cbor.trailing", topics.readings("d1"), Uint8Array.of(...good, 0)],
  ["an oversized message", "frame.too-large", topics.readings("d1"), new Uint8Array(15_361)],
  ["no frame", "frame.form", topics.readings("d1"), encodeCbor([1, 2, 3])],
  [
    "an unknown kind",
    "frame.unknown-kind",
    topics.readings("d1"),
    encodeCbor(["gift", new Uint8Array(3)]),
  ],
  [
    "a kind named like an object's own",
    "frame.unknown-kind",
    topics.readings("d1"),
    encodeCbor(["__proto__", new Uint8Array(3)]),
  ],
  ["no envelope", "envelope.form", topics.readings("d1"), encodeCbor(["readings", encodeCbor(1)])],
  [
    "a login token among the readings",
    "ingest.wrong-kind",
    topics.readings("d1"),
    loginToken({ identity: "d1", signer: signers.d1, chain: site }),
  ],
  [
    "a quote among the readings",
    "ingest.wrong-kind",
    topics.readings("d1"),
    commitFrame("o1", signers.d1),
  ],
  ["readings among the quotes", "ingest.wrong-kind", topics.quotes, good],
  [
    "a stranger's key",
    "ingest.unknown-key",
    topics.readings("d1"),
    readingsFrame("d1", testSigner(99)),
  ],
  [
    "readings signed by an owner",
    "ingest.wrong-signer",
    topics.readings("d1"),
    readingsFrame("d1", signers.o1),
  ],
  [
    "another device's genuine batch, replayed here",
    "ingest.wrong-device",
    topics.readings("d1"),
    readingsFrame("d2", signers.d2),
  ],
  [
    "a forgery under the device's key id",
    "ingest.signature",
    topics.readings("d1"),
    readingsFrame("d1", asD1),
  ],
  [
    "a batch of another chain",
    "ingest.signature",
    topics.readings("d1"),
    readingsFrame("d1", signers.d1, { chain: "elsewhere" }),
  ],
  [
    "a batch with one bit changed",
    "ingest.signature",
    topics.readings("d1"),
    good.map((byte, i) => (i === good.length - 1 ? byte ^ 1 : byte)),
  ],
  ["a signed message of another shape", "message.shape", topics.readings("d1"), signedWrongShape],
  ["signed bytes that are no message", "cbor.type", topics.readings("d1"), signedNonsense],
];

for (const [rule, code, topic, payload] of refusals) {
  test(`${rule} is acknowledged, answered with ${code}, and reaches no pool`, async () => {
    const answer = await answerTo(topic, payload);
    assert.ok(answer.kind === "refused");
    assert.equal(answer.refused.code, code);
    assert.deepEqual(
      answer.refused.ref,
      new Uint8Array(createHash("sha256").update(payload).digest()),
    );
    assert.equal(pool.frames.length, 0);
    assert.equal(counters.of(code), 1);
    assert.deepEqual(
      quarantined().map((entry) => [entry.code, entry.publisher, entry.size]),
      [[code, "d1", payload.length]],
    );
  });
}

const asM1 = { ...signers.o1, kid: keyId(signers.m1.publicKey) };
/** The rule, the code, the bytes on the topic of member m1. */
const memberRefusals: readonly (readonly [rule: string, code: string, payload: Uint8Array])[] = [
  ["readings as a member's transaction", "ingest.wrong-kind", good],
  ["an admission by an owner", "ingest.wrong-signer", admissionFrame("m1", signers.o1)],
  ["an admission by a stranger", "ingest.unknown-key", admissionFrame("m1", testSigner(99))],
  ["an admission forged under the member's key id", "ingest.signature", admissionFrame("m1", asM1)],
  ["another member's admission", "ingest.wrong-member", admissionFrame("m2", signers.m2)],
];

for (const [rule, code, payload] of memberRefusals) {
  test(`${rule} is answered with ${code} and reaches no pool`, async () => {
    const answer = await answerTo(topics.transactions("m1"), payload, member);
    assert.equal(answer.kind === "refused" && answer.refused.code, code);
    assert.equal(pool.frames.length, 0);
    assert.deepEqual(
      quarantined().map((entry) => [entry.code, entry.topic]),
      [[code, "host/m1/transactions"]],
    );
  });
}

test("an admission among the quotes is answered with ingest.wrong-kind", async () => {
  const answer = await answerTo(topics.quotes, admissionFrame("m1", signers.m1), member);
  assert.equal(answer.kind === "refused" && answer.refused.code, "ingest.wrong-kind");
});

test("a member may not sign a quote", async () => {
  const answer = await answerTo(topics.quotes, commitFrame("o1", signers.m1));
  assert.equal(answer.kind === "refused" && answer.refused.code, "ingest.wrong-signer");
});

test("a full pool is answered with pool.full and is no case for quarantine", async () => {
  pool.room = 0;
  const answer = await answerTo(topics.readings("d1"), good);
  assert.equal(answer.kind === "refused" && answer.refused.code, "pool.full");
  assert.deepEqual(quarantined(), []);
  pool.room = 1;
  await device.publishAsync(topics.readings("d1"), Buffer.from(good), { qos: 1 });
  assert.equal(pool.frames.length, 1);
});

test("what cannot be written is not acknowledged", async () => {
  pool.failure = new Error("disk full");
  const publisher = identities[0];
  assert.ok(publisher !== undefined);
  const topic = { of: "device", id: "d1", name: "readings" } as const;
  await assert.rejects(ingest({ topic, payload: good, publisher }), /disk full/);
});

test("any bytes are refused without a throw, the quarantine stays bounded", async () => {
  const publisher = identities[0];
  assert.ok(publisher !== undefined);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, change]) => good.map((byte, i) => (i === at ? byte ^ change : byte))),
  );
  const topic = fc.constantFrom(
    { of: "device", id: "d1", name: "readings" } as const,
    { of: "market", name: "quotes" } as const,
    { of: "host", id: "m1", name: "transactions" } as const,
  );
  await fc.assert(
    fc.asyncProperty(topic, bytes, async (where, payload) => {
      await ingest({ topic: where, payload, publisher });
    }),
    { numRuns: 400 },
  );
  assert.equal(pool.frames.length, 0);
  assert.equal(quarantined().length, 256);
});
