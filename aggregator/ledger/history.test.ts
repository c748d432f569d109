import assert from "node:assert/strict";
import { test } from "node:test";
import { inclusionProof, MerkleFrontier, merkleRoot, verifyInclusion } from "@busbar/protocol";
import fc from "fast-check";
import { openDatabase } from "./database.ts";
import { historyOf } from "./history.ts";
import { HistoryTable } from "./history-table.ts";
import { sha256 } from "./sha256.ts";
import { record, story, told } from "./test-ledger.ts";

const leafOf = (n: number) => sha256(Uint8Array.of(n >> 8, n & 255));

test("paths out of stored nodes are those of RFC 6962, for every size and leaf", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, pick) => {
      const db = openDatabase(":memory:");
      const table = new HistoryTable(db);
      const leaves = Array.from({ length: size }, (_, n) => leafOf(n));
      for (const [n, leaf] of leaves.entries()) table.append(leaf, { size: n + 1, height: n });
      const index = pick % size;
      assert.deepEqual(table.path(index, size), inclusionProof(leaves, index));
      // A tree that was smaller then.
      const smaller = index + 1 + (pick % (size - index));
      assert.deepEqual(table.path(index, smaller), inclusionProof(leaves.slice(0, smaller), index));
      db.close();
    }),
    { numRuns: 150 },
  );
});

test("who begins with the peaks proves every later leaf, and none before", () => {
  for (const begun of [1, 2, 3, 6, 8, 13, 32, 47]) {
    const db = openDatabase(":memory:");
    const table = new HistoryTable(db);
    const leaves = Array.from({ length: begun + 40 }, (_, n) => leafOf(n));
    const frontier = new MerkleFrontier(sha256);
    for (const leaf of leaves.slice(0, begun)) frontier.append(leaf);
    table.append(leafOf(9), { size: 1, height: 0 });
    table.restart(frontier);
    for (let n = begun; n < leaves.length; n++) {
      table.append(leafOf(n), { size: n + 1, height: n });
    }
    for (let index = begun; index < leaves.length; index++) {
      const proof = table.path(index, leaves.length);
      assert.ok(proof);
      const root = merkleRoot(leaves);
      const leaf = leafOf(index);
      assert.ok(verifyInclusion({ leaf, index, size: leaves.length, proof, root }));
    }
    if (begun > 1) assert.equal(table.path(0, leaves.length), undefined);
    assert.deepEqual(table.leafFrom(0), { height: begun, index: begun });
    db.close();
  }
});

test("the state names every block before it by one root", () => {
  const ledger = told(5);
  const { store } = ledger;
  const genesisAndBlocks = [
    store.header(1)?.header.previous ?? new Uint8Array(),
    ...[1, 2, 3, 4].map((height) => store.header(height)?.hash ?? new Uint8Array()),
  ];
  assert.deepEqual(historyOf(store.state).root(), merkleRoot(genesisAndBlocks));
  // A block that changes nothing is vouched for by the next one alone.
  record(ledger, { minutes: 45, frames: [] });
  assert.equal(historyOf(store.state).size, 5);
  record(ledger, { minutes: 50, frames: story(6)[5]?.frames ?? [] });
  const root = merkleRoot([...genesisAndBlocks, store.header(6)?.hash ?? new Uint8Array()]);
  assert.deepEqual(historyOf(store.state).root(), root);
  assert.deepEqual(store.history.leafFrom(5), { height: 6, index: 5 });
});
