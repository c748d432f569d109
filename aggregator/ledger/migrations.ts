import { SqliteState } from "./state/sqlite-state.ts";

/** Blocks, state, events, waiting frames, and what is projected from them. */
const first = `
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE block (
  height INTEGER PRIMARY KEY, header BLOB NOT NULL, certificate BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE tx (
  height INTEGER NOT NULL, idx INTEGER NOT NULL, frame BLOB NOT NULL, hash BLOB NOT NULL,
  signer TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (height, idx)) STRICT;
CREATE UNIQUE INDEX tx_hash ON tx (hash);
CREATE TABLE event (
  height INTEGER NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (height, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE reading (
  meter TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, height INTEGER NOT NULL,
  idx INTEGER NOT NULL, PRIMARY KEY (meter, last)) STRICT, WITHOUT ROWID;
CREATE TABLE pool (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, frame BLOB NOT NULL) STRICT;
CREATE TABLE projection (
  name TEXT PRIMARY KEY NOT NULL, schema TEXT NOT NULL, height INTEGER NOT NULL) STRICT, WITHOUT ROWID;
${SqliteState.schema}
`;

/** What a member of several has said about blocks to come: a row for each word that still binds it. */
const votes = `
CREATE TABLE vote (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, epoch INTEGER NOT NULL,
  view INTEGER NOT NULL, height INTEGER NOT NULL, digest BLOB NOT NULL, record BLOB NOT NULL,
  UNIQUE (kind, height, digest)) STRICT;
`;

/**
 * How many of a block's events each transaction brought, so that its result can be proved alone; the
 * tree over block hashes; snapshots. That no frame stands in two blocks is the rules' matter: the
 * store must not stop a member over it.
 */
const proofs = `
DROP INDEX tx_hash;
CREATE INDEX tx_by_hash ON tx (hash);
CREATE INDEX reading_by_height ON reading (height);
ALTER TABLE tx ADD COLUMN events INTEGER;
CREATE TABLE history_node (
  level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (level, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE history_leaf (height INTEGER PRIMARY KEY, idx INTEGER NOT NULL) STRICT;
CREATE TABLE snapshot (
  height INTEGER PRIMARY KEY, stage TEXT NOT NULL, chunks INTEGER NOT NULL, hash BLOB NOT NULL,
  metadata BLOB NOT NULL) STRICT;
CREATE TABLE snapshot_chunk (
  height INTEGER NOT NULL, idx INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY (height, idx)) STRICT;
`;

/** Proofs that lead from each council to the next: the state they were made from is gone later. */
const councilSteps = `
CREATE TABLE council_step (epoch INTEGER PRIMARY KEY, proof BLOB NOT NULL) STRICT;
`;

/** A ledger that has begun has all of its member's votes: until now no member's disk was lost. */
const allVotes = `
INSERT OR IGNORE INTO meta (key, value)
  SELECT 'votes', 'all' FROM meta
  WHERE key = 'genesis' AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'restored-at');
`;

/** Who makes a bill looks for its owner's quotes among those of everybody. */
const signers = `
CREATE INDEX tx_by_signer ON tx (signer, height, idx);
`;

/**
 * The steps from an empty file to the present schema: the n-th (from 0) makes version n + 1 of
 * version n. One that has been released is never changed: what follows is appended.
 */
export const migrations: readonly string[] = [
  first,
  votes,
  proofs,
  councilSteps,
  allVotes,
  signers,
];

/** Of the file, and of the newest that this program reads. */
export const schemaVersion = migrations.length;
