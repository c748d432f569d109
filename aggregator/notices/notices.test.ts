import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Failure, utcMs } from "@busbar/protocol";
import { boxKeyOf, openNotice } from "@busbar/protocol/notice";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import type { Channel } from "./channel.ts";
import { channelNames } from "./channels.ts";
import { mqttChannel } from "./mqtt-channel.ts";
import { noticesOf } from "./notice.ts";
import { countDeliveries, outbox, outboxSchema } from "./outbox.ts";
import { Sender } from "./sender.ts";
import { webhookChannel } from "./webhook-channel.ts";

const signed: LedgerEvent = {
  type: "contract-signed",
  contract: "k-1",
  slot: Date.UTC(2026, 5, 21, 3),
  seller: "company",
  buyer: "user-1",
  quantityWh: 324_500,
  price: 688_500,
} as LedgerEvent;

const zero = new Uint8Array(32);
const block: CommittedBlock = {
  header: {
    chain: "site-a",
    height: 7,
    time: utcMs(1_000),
    previous: zero,
    txRoot: zero,
    resultsRoot: zero,
    appHash: zero,
    validatorsHash: zero,
    proposer: "m",
    view: 0,
  },
  hash: zero,
  certificate: [],
  frames: [],
  hashes: [],
  signers: [],
  eventCounts: [],
  results: [],
  events: [signed],
};

function filledOutbox(channels: readonly string[]): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  const { keep, apply } = outbox({ currency: "CNY", channelNames: () => channels });
  db.exec(outboxSchema);
  keep?.(db, 0);
  apply(db, block, block.events);
  return db;
}

test("both sides of a contract are told in plain words, each about its own side", () => {
  const context = { chain: "site-a", currency: "CNY", height: 7, time: 1_000 };
  const [seller, buyer, ...more] = noticesOf(signed, 0, context);
  assert.equal(more.length, 0);
  assert.equal(seller?.owner, "company");
  assert.equal(
    seller?.text,
    "You sold 324.500 kWh at 0.6885 CNY/kWh for 2026-06-21 03:00 UTC to user-1. Contract k-1.",
  );
  assert.match(buyer?.text ?? "", /^You bought 324\.500 kWh .* from company\./);
  assert.deepEqual(buyer?.proof, { chain: "site-a", height: 7, event: 0 });
  assert.notEqual(seller?.id, buyer?.id);
});

test("a member that leaves the telling to another one keeps the notices and makes out no delivery", () => {
  const webhooks = [{ owner: "company", url: "https://x.example", secret: "whsec_" }];
  assert.deepEqual(channelNames({ send: true, webhooks }, "company"), ["mqtt", "webhook"]);
  assert.deepEqual(channelNames({ send: true, webhooks }, "user-1"), ["mqtt"]);
  const none = channelNames({ send: false, webhooks }, "company");
  assert.deepEqual(none, []);
  const db = filledOutbox(none);
  assert.equal(db.prepare("SELECT count(*) n FROM notice_message").get()?.n, 2);
  assert.deepEqual(countDeliveries(db), { queued: 0, delivered: 0, dead: 0 });
});

test("over a grid the buyer reads what it pays, and how much of it is for the way", () => {
  const context = { chain: "site-a", currency: "CNY", height: 7, time: 1 };
  const over = { ...signed, fee: 11_500 } as LedgerEvent;
  const [seller, buyer] = noticesOf(over, 0, context);
  assert.match(seller?.text ?? "", /at 0\.6885 CNY\/kWh/);
  assert.match(
    buyer?.text ?? "",
    /at 0\.7000 CNY\/kWh .*, 0\.0115 CNY\/kWh of it for the way over the grid/,
  );
  const settled = {
    type: "contract-settled",
    contract: "k-1",
    slot: 0,
    seller: "company",
    buyer: "user-1",
    deliveredWh: 1_000,
    amount: 688_500,
    subsidy: 0,
    gridFee: 11_500,
  } as LedgerEvent;
  const [got, paid] = noticesOf(settled, 0, context);
  assert.match(got?.title ?? "", /^0\.69 CNY received|^0\.6885/);
  assert.match(
    paid?.text ?? "",
    /0\.70+ CNY from your purchase account, 0\.01+5? CNY of it to the grid/,
  );
});

test("below a price of 0 each side reads who pays whom", () => {
  const context = { chain: "site-a", currency: "CNY", height: 7, time: 1 };
  const texts = (event: object) =>
    noticesOf(event as LedgerEvent, 0, context).map(({ title, text }) => `${title}: ${text}`);
  assert.deepEqual(texts({ ...signed, price: -50_000 }), [
    "Sold 324.500 kWh: You sold 324.500 kWh for 2026-06-21 03:00 UTC to user-1 and pay 0.0500 CNY/kWh for being rid of it. Contract k-1.",
    "Bought 324.500 kWh: You bought 324.500 kWh for 2026-06-21 03:00 UTC from company and are paid 0.0500 CNY/kWh for taking it. Contract k-1.",
  ]);
  const [, farther] = texts({ ...signed, price: -50_000, fee: 20_000 });
  assert.match(
    farther ?? "",
    /are paid 0\.0300 CNY\/kWh for taking it, 0\.0200 CNY\/kWh for the way/,
  );
  const [, dear] = texts({ ...signed, price: -50_000, fee: 60_000 });
  assert.match(dear ?? "", /You bought 324\.500 kWh at 0\.0100 CNY\/kWh for .* from company\. /);
  const settled = {
    type: "contract-settled",
    contract: "k-1",
    slot: 0,
    seller: "company",
    buyer: "user-1",
    deliveredWh: 2_000,
    amount: -1_000_000,
    subsidy: 0,
  };
  const [gave, took] = texts(settled);
  assert.match(gave ?? "", /^1\.00 CNY paid: .* 1\.00 CNY from your sales account\.$/);
  assert.match(took ?? "", /^1\.00 CNY received: .* 1\.00 CNY to your purchase account\.$/);
  const [, less] = texts({ ...settled, gridFee: 400_000 });
  assert.match(
    less ?? "",
    /^0\.60 CNY received: .* purchase account, after 0\.40 CNY to the grid\.$/,
  );
  const [, more] = texts({ ...settled, gridFee: 1_500_000 });
  assert.match(more ?? "", /^0\.50 CNY paid: .* 0\.50 CNY from your purchase account\.$/);
  const difference = (side: "ask" | "bid", amount: number) =>
    texts({ type: "imbalance-settled", owner: "u", slot: 0, side, imbalanceWh: 1000, amount })[0];
  assert.match(difference("ask", 90_000) ?? "", /the bureau took it for 0\.09 CNY\.$/);
  assert.match(
    difference("ask", -90_000) ?? "",
    /the bureau took it, and you paid 0\.09 CNY for that\.$/,
  );
  assert.match(difference("bid", -90_000) ?? "", /the bureau supplied it for 0\.09 CNY\.$/);
  assert.match(
    difference("bid", 90_000) ?? "",
    /supplied it, and you were paid 0\.09 CNY for that\.$/,
  );
});

test("a webhook gets the signed notice that a Standard Webhooks receiver accepts", async (t) => {
  const seen: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      seen.push({ headers: request.headers, body });
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const key = Buffer.alloc(32, 5);
  const { port } = server.address() as AddressInfo;
  const hook = {
    owner: "company",
    url: `http://127.0.0.1:${port}/hook`,
    secret: `whsec_${key.toString("base64")}`,
  };
  const [notice] = noticesOf(signed, 0, { chain: "site-a", currency: "CNY", height: 7, time: 1 });
  assert.ok(notice !== undefined);
  await webhookChannel(hook, { now: () => 1_700_000_000_000 }).deliver(notice);

  const [request] = seen;
  assert.ok(request !== undefined);
  const { headers, body } = request;
  // The receiver's three lines, written from the specification and not from the sender's code.
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const mac = createHmac("sha256", key).update(content).digest("base64");
  assert.equal(headers["webhook-signature"], `v1,${mac}`);
  assert.deepEqual(JSON.parse(body), notice);
});

test("a receiver that says 410, and one that is not there, are told apart", async () => {
  const hook = { owner: "company", url: "http://127.0.0.1:9/", secret: "whsec_AAAA" };
  const [notice] = noticesOf(signed, 0, { chain: "site-a", currency: "CNY", height: 7, time: 1 });
  assert.ok(notice !== undefined);
  const gone = webhookChannel(hook, {
    now: Date.now,
    fetch: async () => new Response(null, { status: 410 }),
  });
  await assert.rejects(gone.deliver(notice), { code: "notice.refused", retry: "never" });
  const away = webhookChannel(hook, { now: Date.now });
  await assert.rejects(away.deliver(notice), { code: "notice.unreachable", retry: "later" });
});

test("an MQTT notice opens with its owner's key and with no other", async () => {
  const secret = new Uint8Array(32).fill(3);
  const sent: { topic: string; payload: Uint8Array }[] = [];
  const channel = mqttChannel({
    site: "site-a",
    owner: "company",
    boxKey: boxKeyOf(secret),
    broker: {
      listens: () => true,
      deliver: async (_, topic, payload) => {
        sent.push({ topic, payload });
        return "acknowledged";
      },
    },
  });
  const [notice] = noticesOf(signed, 0, { chain: "site-a", currency: "CNY", height: 7, time: 1 });
  assert.ok(notice !== undefined);
  await channel.deliver(notice);
  assert.equal(sent[0]?.topic, "busbar/v1/site-a/owners/company/notices");
  const opened = openNotice(sent[0]?.payload ?? zero, secret);
  assert.ok(opened.ok);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(opened.plain)), notice);
  assert.equal(openNotice(sent[0]?.payload ?? zero, zero.slice()).ok, false);
});

/** A sender over a filled outbox whose only channel does what `deliver` says. */
function senderOf(deliver: Channel["deliver"]) {
  const db = filledOutbox(["webhook"]);
  let now = 1_000_000;
  const ended: string[] = [];
  let woken = Promise.withResolvers<void>();
  const note = (text: string) => {
    ended.push(text);
    woken.resolve();
  };
  const sender = new Sender({
    db,
    channelsOf: () => [{ name: "webhook", deliver }],
    now: () => now,
    random: () => 1,
    onDelivered: ({ owner }) => note(`delivered ${owner}`),
    onFailed: ({ owner }, _channel, { code }) => note(`${code} ${owner}`),
  });
  return {
    db,
    sender,
    ended,
    pass: (ms: number) => {
      now += ms;
    },
    async until(count: number) {
      while (ended.length < count) {
        await woken.promise;
        woken = Promise.withResolvers();
      }
    },
  };
}

test("a notice that fails is sent again after a growing pause, and counts as delivered once", async () => {
  let down = true;
  const ids: string[] = [];
  const run = senderOf(async (notice) => {
    ids.push(notice.id);
    if (down) throw new Failure("notice.unreachable", "away", { retry: "later" });
  });
  run.sender.wake();
  await run.until(2);
  assert.deepEqual(countDeliveries(run.db), { queued: 2, delivered: 0, dead: 0 });
  run.sender.wake();
  assert.equal(ids.length, 2, "nothing is sent before its pause is over");
  down = false;
  run.pass(1_000);
  run.sender.wake();
  await run.until(4);
  assert.deepEqual(countDeliveries(run.db), { queued: 0, delivered: 2, dead: 0 });
  assert.equal(new Set(ids).size, 2, "the receiver sees the same id both times");
  await run.sender.stop();
});

test("a delivery that can never succeed is dead at once, one that keeps failing in the end", async () => {
  const gone = senderOf(async () => {
    throw new Failure("notice.refused", "410", { retry: "never" });
  });
  gone.sender.wake();
  await gone.until(2);
  assert.deepEqual(countDeliveries(gone.db), { queued: 0, delivered: 0, dead: 2 });
  await gone.sender.stop();

  const away = senderOf(async () => {
    throw new Failure("notice.unreachable", "away", { retry: "later" });
  });
  for (let attempt = 1; attempt <= 14; attempt++) {
    away.sender.wake();
    await away.until(attempt * 2);
    away.pass(5 * 3_600_000);
  }
  assert.deepEqual(countDeliveries(away.db), { queued: 0, delivered: 0, dead: 2 });
  await away.sender.stop();
});

test("an owner without channels has its notices in the outbox and no delivery", () => {
  const db = filledOutbox([]);
  assert.deepEqual(countDeliveries(db), { queued: 0, delivered: 0, dead: 0 });
  assert.equal(db.prepare("SELECT count(*) AS n FROM notice_message").get()?.n, 2);
});
