import { DatabaseSync } from "node:sqlite";
import { utcMs } from "@busbar/protocol";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { openProjections } from "../ledger/projection.ts";
import { post } from "./channels/post.ts";
import { webhookChannel } from "./channels/webhook.ts";
import { countDeliveries, DeliveryTable } from "./delivery-table.ts";
import { outbox } from "./outbox.ts";
import { Sender } from "./sender.ts";

/**
 * A process that commits blocks and sends what they tell to a webhook, until all of it is sent or it is
 * killed: `kill-child.ts FILE URL BLOCKS`. Says `done` when nothing waits any more.
 */
const [path = "", url = "", blocks = "0"] = process.argv.slice(2);
const db = new DatabaseSync(path, { timeout: 5_000 });
db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
db.exec(
  "CREATE TABLE IF NOT EXISTS projection (name TEXT PRIMARY KEY, schema TEXT, height INTEGER)",
);
const projection = outbox({
  ...{ currency: "EUR", member: "m1", send: true, webhooks: new Set(["company", "user-1"]) },
  preferences: () => ({
    ...{ version: 0, language: "en", timeZone: "UTC0", ways: [] },
    digestAt: 0,
    threshold: 0 as never,
    muted: [],
  }),
});

function block(height: number): CommittedBlock {
  const sold = {
    ...{
      type: "contract-signed",
      contract: `k-${height}`,
      slot: 0,
      seller: "company",
      buyer: "user-1",
    },
    ...{ quantityWh: 1_000, price: 500_000, origin: "book", scale: "intraday" },
  } as LedgerEvent;
  const header = { chain: "elm", height, time: utcMs(height) } as CommittedBlock["header"];
  const zero = new Uint8Array(32);
  return {
    ...{ header, hash: zero, certificate: [], frames: [], hashes: [], signers: [] },
    ...{ eventCounts: [], results: [], events: [sold] },
  };
}

openProjections(db, [projection], { height: 0, block });
const table = new DeliveryTable(db);
const hook = { name: "member-webhook", url, key: new Uint8Array(32) } as const;
const sender = new Sender({
  table,
  channelOf: () => webhookChannel(hook, { post, now: Date.now, allowPrivate: true }),
  tellingOf: () => ({ reader: { language: "en", timeZone: "UTC0" }, portal: "http://p" }),
  permit: { may: () => true, want: () => undefined, failed: () => undefined },
  now: Date.now,
  clock: { now: Date.now, delay: (ms) => ms },
  random: () => 0,
  onDelivered: () => {
    if (countDeliveries(db).queued === 0) setImmediate(end);
  },
});

// Block by block, as a ledger grows, while what is there goes out.
sender.start();
for (let height = 1; height <= Number(blocks); height++) {
  openProjections(db, [projection], { height, block });
  sender.wake();
  await new Promise(setImmediate);
}
if (countDeliveries(db).queued === 0) end();

function end(): void {
  void sender.stop().then(() => {
    console.log("done");
    process.exit(0);
  });
}
