import type { DatabaseSync } from "node:sqlite";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import type { Projection } from "../ledger/projection.ts";
import type { FeederPrice } from "../publish/prices.ts";
import { newestPowers } from "./power.ts";
import { addPartySlots, partySlotSchema } from "./views/party-slots.ts";
import { addPasses, passSchema } from "./views/passes.ts";

const schema = `
CREATE TABLE portal_total (
  id INTEGER PRIMARY KEY CHECK (id = 1), height INTEGER NOT NULL, app_hash TEXT NOT NULL,
  blocks INTEGER NOT NULL, transactions INTEGER NOT NULL, readings INTEGER NOT NULL, contracts INTEGER NOT NULL,
  settled INTEGER NOT NULL, traded_wh INTEGER NOT NULL) STRICT;
INSERT INTO portal_total VALUES (1, 0, '', 0, 0, 0, 0, 0, 0);
CREATE TABLE portal_scale (scale TEXT PRIMARY KEY, contracts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO portal_scale VALUES ('day-ahead', 0), ('intraday', 0), ('real-time', 0);
CREATE TABLE portal_block (
  height INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash TEXT NOT NULL,
  transactions INTEGER NOT NULL, proposer TEXT NOT NULL) STRICT;
CREATE INDEX portal_block_hash ON portal_block (hash);
CREATE TABLE portal_slot (
  slot INTEGER PRIMARY KEY, stage TEXT NOT NULL DEFAULT 'open',
  scale TEXT NOT NULL DEFAULT 'real-time', pass INTEGER NOT NULL DEFAULT 0, cg INTEGER, cu INTEGER, gc INTEGER,
  gu INTEGER, clearing INTEGER, feeders TEXT NOT NULL DEFAULT '[]', traded_wh INTEGER NOT NULL DEFAULT 0,
  contracts INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE portal_trade (
  seq INTEGER PRIMARY KEY, contract TEXT NOT NULL UNIQUE, slot INTEGER NOT NULL,
  seller TEXT NOT NULL, buyer TEXT NOT NULL, quantity_wh INTEGER NOT NULL, price INTEGER NOT NULL, fee INTEGER NOT NULL,
  origin TEXT NOT NULL, scale TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'signed', amount INTEGER, grid_fee INTEGER) STRICT;
CREATE INDEX portal_trade_seller ON portal_trade (seller, seq);
CREATE INDEX portal_trade_buyer ON portal_trade (buyer, seq);
CREATE INDEX portal_trade_slot ON portal_trade (slot, seq);
CREATE TABLE portal_meter (
  meter TEXT PRIMARY KEY, device TEXT NOT NULL, owner TEXT NOT NULL, seq INTEGER NOT NULL,
  time INTEGER NOT NULL, import_wh INTEGER NOT NULL, export_wh INTEGER NOT NULL,
  power_w INTEGER, clock INTEGER, height INTEGER NOT NULL, block_time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
${partySlotSchema}${passSchema}`;

/**
 * What the portal shows, kept in tables beside the ledger. Every block is counted once: one whose
 * height was seen changes nothing.
 */
export const portalReadModel: Projection = { name: "portal", schema, apply };

function apply(db: DatabaseSync, block: CommittedBlock, events: readonly LedgerEvent[]): void {
  const sql = statementsOf(db);
  const { header, frames, hash } = block;
  if (header.height <= Number(sql.height.get()?.height ?? 0)) return;
  sql.addBlock.run(header.height, header.time, hex(hash), frames.length, header.proposer);
  for (const event of events) record(sql, event);
  addPartySlots(db, events);
  addPasses(db, events);
  recordMeters(sql, block, events);
  const { readings, contracts, settled, tradedWh } = tally(events);
  const { height } = header;
  sql.count.run(height, hex(header.appHash), frames.length, readings, contracts, settled, tradedWh);
}

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** Events of owners, devices and quotes are in the ledger's own tables; these are kept here. */
function record(sql: Statements, event: LedgerEvent): void {
  switch (event.type) {
    case "slot-opened":
      return setPrices(sql, event, { stage: "open", scale: event.horizon });
    case "gate-closed":
      sql.setStage.run(event.slot, "gate-closed");
      return;
    case "slot-cleared":
      setPrices(sql, event, { stage: "cleared", scale: event.scale });
      if (event.clearing !== null) sql.setClearing.run(event.clearing, event.slot);
      addFeeders(sql, event);
      return;
    case "contract-signed":
      return addContract(sql, event);
    case "contract-settled":
      sql.settle.run(event.amount, event.gridFee ?? 0, event.contract);
      return;
    case "contract-held":
      sql.setTrade.run("held", event.contract);
      return;
    case "contract-void":
      sql.setTrade.run("void", event.contract);
      return;
    case "contract-cut":
      sql.cutTrade.run(event.quantityWh, event.contract);
      if (event.quantityWh === 0) sql.setTrade.run("void", event.contract);
      return;
    case "contract-stands":
      sql.setTrade.run("signed", event.contract);
      return;
    case "slot-settled":
      sql.setStage.run(event.slot, "settled");
      return;
    default:
      return;
  }
}

function setPrices(
  sql: Statements,
  { slot, pass, prices }: Event<"slot-opened"> | Event<"slot-cleared">,
  { stage, scale }: { readonly stage: string; readonly scale: string },
): void {
  sql.setPrices.run(slot, stage, scale, pass, prices.cg, prices.cu, prices.gc, prices.gu);
}

/** Each feeder's newest price, and what it sends after all gates. */
function addFeeders(sql: Statements, { slot, clearing, grid }: Event<"slot-cleared">): void {
  if (grid === undefined || clearing === null) return;
  const before = JSON.parse(String(sql.feeders.get(slot)?.feeders ?? "[]")) as FeederPrice[];
  const feeders = grid.feeders.map(({ feeder, price, exportWh }): FeederPrice => {
    const known = before.find((other) => other.feeder === feeder);
    const sentWh = (known?.sentWh ?? 0) + exportWh;
    return { feeder, price: price ?? known?.price ?? null, sentWh };
  });
  sql.setFeeders.run(JSON.stringify(feeders), slot);
}

function addContract(sql: Statements, event: Event<"contract-signed">): void {
  const { contract, slot, seller, buyer, quantityWh, price, fee = 0, origin, scale } = event;
  sql.addContract.run(contract, slot, seller, buyer, quantityWh, price, fee, origin, scale);
  sql.countScale.run(scale);
  sql.countContract.run(slot, quantityWh);
}

/** The newest batch of each meter. Events leave power out, for it is not billed; frames have it. */
function recordMeters(
  sql: Statements,
  block: CommittedBlock,
  events: readonly LedgerEvent[],
): void {
  const newest = new Map<string, Event<"readings-accepted">>();
  for (const event of events) {
    if (event.type === "readings-accepted") newest.set(event.meter, event);
  }
  const powers = newestPowers(block, newest);
  for (const { meter, device, owner, last, to, importWh, exportWh } of newest.values()) {
    const { powerW = null, clock = null } = powers.get(meter) ?? {};
    const { height, time } = block.header;
    const shown = [powerW, clock, height, time];
    sql.setMeter.run(meter, device, owner, last, to, importWh, exportWh, ...shown);
  }
}

function tally(events: readonly LedgerEvent[]) {
  const sum = { readings: 0, contracts: 0, settled: 0, tradedWh: 0 };
  for (const event of events) {
    if (event.type === "readings-accepted") sum.readings += event.last - event.first + 1;
    if (event.type === "contract-settled") sum.settled += 1;
    if (event.type !== "contract-signed") continue;
    sum.contracts += 1;
    sum.tradedWh += event.quantityWh;
  }
  return sum;
}

type Statements = ReturnType<typeof prepare>;

/** Prepared once for each database, not once for each block. */
const prepared = new WeakMap<DatabaseSync, Statements>();

function statementsOf(db: DatabaseSync): Statements {
  const known = prepared.get(db) ?? prepare(db);
  prepared.set(db, known);
  return known;
}

function prepare(db: DatabaseSync) {
  return {
    height: db.prepare("SELECT height FROM portal_total"),
    count: db.prepare(
      `UPDATE portal_total SET height = ?, app_hash = ?, blocks = blocks + 1,
         transactions = transactions + ?, readings = readings + ?, contracts = contracts + ?, settled = settled + ?,
         traded_wh = traded_wh + ?`,
    ),
    addBlock: db.prepare("INSERT INTO portal_block VALUES (?, ?, ?, ?, ?)"),
    setPrices: db.prepare(
      `INSERT INTO portal_slot (slot, stage, scale, pass, cg, cu, gc, gu) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET stage = excluded.stage, scale = excluded.scale,
         pass = excluded.pass,
         cg = excluded.cg, cu = excluded.cu, gc = excluded.gc, gu = excluded.gu`,
    ),
    setStage: db.prepare(
      `INSERT INTO portal_slot (slot, stage) VALUES (?, ?)
       ON CONFLICT (slot) DO UPDATE SET stage = excluded.stage`,
    ),
    setClearing: db.prepare("UPDATE portal_slot SET clearing = ? WHERE slot = ?"),
    feeders: db.prepare("SELECT feeders FROM portal_slot WHERE slot = ?"),
    setFeeders: db.prepare("UPDATE portal_slot SET feeders = ? WHERE slot = ?"),
    addContract: db.prepare(
      `INSERT INTO portal_trade (contract, slot, seller, buyer, quantity_wh, price, fee, origin, scale)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    countScale: db.prepare("UPDATE portal_scale SET contracts = contracts + 1 WHERE scale = ?"),
    countContract: db.prepare(
      `INSERT INTO portal_slot (slot, traded_wh, contracts) VALUES (?, ?, 1)
       ON CONFLICT (slot) DO UPDATE SET
         traded_wh = traded_wh + excluded.traded_wh, contracts = contracts + 1`,
    ),
    settle: db.prepare(
      "UPDATE portal_trade SET state = 'paid', amount = ?, grid_fee = ? WHERE contract = ?",
    ),
    setTrade: db.prepare("UPDATE portal_trade SET state = ? WHERE contract = ?"),
    cutTrade: db.prepare("UPDATE portal_trade SET quantity_wh = ? WHERE contract = ?"),
    setMeter: db.prepare(
      "INSERT OR REPLACE INTO portal_meter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
