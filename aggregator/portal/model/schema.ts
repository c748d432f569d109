import type { Engine } from "./statements.ts";

/** The words in which the engines' schemas differ; there are no others. */
type Words = {
  /** A 64-bit integer. */
  readonly int: string;
  /** Text that is compared byte by byte, whatever language a server speaks. */
  readonly text: string;
  /** The end of a table: of one, and of one whose rows lie in the order of a key of several columns. */
  readonly end: string;
  readonly keyed: string;
};

const words: Readonly<Record<Engine, Words>> = {
  sqlite: { int: "INTEGER", text: "TEXT", end: " STRICT", keyed: " STRICT, WITHOUT ROWID" },
  postgres: { int: "BIGINT", text: 'TEXT COLLATE "C"', end: "", keyed: "" },
};

const first = ({ int, text, end, keyed }: Words) => `
CREATE TABLE portal_total (
  id ${int} PRIMARY KEY CHECK (id = 1), height ${int} NOT NULL, app_hash ${text} NOT NULL,
  blocks ${int} NOT NULL, transactions ${int} NOT NULL, readings ${int} NOT NULL, contracts ${int} NOT NULL,
  settled ${int} NOT NULL, traded_wh ${int} NOT NULL)${end};
INSERT INTO portal_total VALUES (1, 0, '', 0, 0, 0, 0, 0, 0);
CREATE TABLE portal_scale (scale ${text} PRIMARY KEY, contracts ${int} NOT NULL)${keyed};
INSERT INTO portal_scale VALUES ('day-ahead', 0), ('intraday', 0), ('real-time', 0);
CREATE TABLE portal_block (
  height ${int} PRIMARY KEY, time ${int} NOT NULL, hash ${text} NOT NULL,
  transactions ${int} NOT NULL, proposer ${text} NOT NULL)${end};
CREATE INDEX portal_block_hash ON portal_block (hash);
CREATE TABLE portal_slot (
  slot ${int} PRIMARY KEY, stage ${text} NOT NULL DEFAULT 'open',
  scale ${text} NOT NULL DEFAULT 'real-time', pass ${int} NOT NULL DEFAULT 0, cg ${int}, cu ${int}, gc ${int},
  gu ${int}, clearing ${int}, feeders ${text} NOT NULL DEFAULT '[]', traded_wh ${int} NOT NULL DEFAULT 0,
  contracts ${int} NOT NULL DEFAULT 0)${end};
CREATE TABLE portal_trade (
  seq ${int} PRIMARY KEY, contract ${text} NOT NULL UNIQUE, slot ${int} NOT NULL,
  seller ${text} NOT NULL, buyer ${text} NOT NULL, quantity_wh ${int} NOT NULL, price ${int} NOT NULL, fee ${int} NOT NULL,
  origin ${text} NOT NULL, scale ${text} NOT NULL, state ${text} NOT NULL DEFAULT 'signed', amount ${int}, grid_fee ${int})${end};
CREATE INDEX portal_trade_seller ON portal_trade (seller, seq);
CREATE INDEX portal_trade_buyer ON portal_trade (buyer, seq);
CREATE INDEX portal_trade_slot ON portal_trade (slot, seq);
CREATE TABLE portal_meter (
  meter ${text} PRIMARY KEY, device ${text} NOT NULL, owner ${text} NOT NULL, seq ${int} NOT NULL,
  time ${int} NOT NULL, import_wh ${int} NOT NULL, export_wh ${int} NOT NULL,
  power_w ${int}, clock ${int}, height ${int} NOT NULL, block_time ${int} NOT NULL)${keyed};

CREATE TABLE portal_party_slot (
  owner ${text} NOT NULL, slot ${int} NOT NULL, contracts ${int} NOT NULL DEFAULT 0,
  sold_wh ${int} NOT NULL DEFAULT 0, bought_wh ${int} NOT NULL DEFAULT 0,
  income ${int} NOT NULL DEFAULT 0, spent ${int} NOT NULL DEFAULT 0, grid_fee ${int} NOT NULL DEFAULT 0,
  subsidy ${int} NOT NULL DEFAULT 0, charges ${int} NOT NULL DEFAULT 0, imbalance_wh ${int} NOT NULL DEFAULT 0,
  imbalance_money ${int} NOT NULL DEFAULT 0, PRIMARY KEY (owner, slot))${keyed};

CREATE TABLE portal_pass (
  slot ${int} NOT NULL, pass ${int} NOT NULL, scale ${text} NOT NULL, opened ${text}, colony ${text}, exact ${text},
  clearing ${int}, quantity_wh ${int}, PRIMARY KEY (slot, pass))${keyed};
`;

/**
 * The steps of the schema. What follows a step that was released brings its tables along and is appended; it
 * is never changed itself. Where what the tables hold already is not enough to go on from, the first step is
 * changed, and all is made anew from the blocks.
 */
const steps: readonly ((words: Words) => string)[] = [first];

/** The whole schema of an engine. One that begins with an older one goes on from its tables. */
export function schemaOf(engine: Engine): string {
  return steps.map((step) => step(words[engine])).join("");
}

/** Grows with each step, and with each change of one: a program leaves alone what a newer one wrote. */
export const schemaNumber = 1;
