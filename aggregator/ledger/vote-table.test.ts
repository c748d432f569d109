import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Store } from "./store.ts";
import type { VoteRow } from "./vote-table.ts";

function open(t: TestContext): Store {
  const store = new Store(":memory:");
  t.after(() => store.close());
  return store;
}

const row = (kind: VoteRow["kind"], changes: Partial<VoteRow> = {}): VoteRow => ({
  kind,
  epoch: 0,
  view: 0,
  height: kind === "accepted" || kind === "prepared" ? 1 : 0,
  digest: kind === "accepted" || kind === "prepared" ? Uint8Array.of(1) : new Uint8Array(),
  record: Uint8Array.of(0),
  ...changes,
});

test("votes come back in the order in which they were written", (t) => {
  const store = open(t);
  const rows = [
    row("accepted", { height: 2 }),
    row("view", { view: 3, record: Uint8Array.of(7) }),
    row("prepared", { height: 2 }),
    row("accepted", { height: 1 }),
  ];
  store.addVotes(rows);
  assert.deepEqual(store.votes(), rows);
});

test("of views the newest is kept, and nothing of an epoch that is over", (t) => {
  const store = open(t);
  store.addVotes([row("view", { view: 1 }), row("new-view", { view: 1 }), row("accepted")]);
  store.addVotes([row("view", { view: 2 })]);
  assert.deepEqual(
    store.votes().map(({ kind, view }) => [kind, view]),
    [
      ["new-view", 1],
      ["accepted", 0],
      ["view", 2],
    ],
  );
  store.addVotes([row("view", { epoch: 1 })]);
  assert.deepEqual(store.votes(), [row("view", { epoch: 1 })]);
});

test("a body of an earlier view is kept exactly as long as it was seen prepared", (t) => {
  const store = open(t);
  const digests = () => store.votes().map(({ kind, view, digest: [n] }) => [kind, view, n]);
  const at = (view: number, n: number) => ({ view, digest: Uint8Array.of(n) });
  store.addVotes([row("accepted", at(0, 1)), row("prepared", at(0, 1))]);
  store.addVotes([row("accepted", at(1, 2))]);
  assert.deepEqual(digests(), [
    ["accepted", 0, 1],
    ["prepared", 0, 1],
    ["accepted", 1, 2],
  ]);
  store.addVotes([row("accepted", at(2, 1))]);
  assert.deepEqual(digests(), [
    ["prepared", 0, 1],
    ["accepted", 2, 1],
  ]);
  store.addVotes([row("accepted", at(3, 3)), row("prepared", at(3, 3)), row("accepted", at(4, 3))]);
  assert.deepEqual(digests(), [
    ["prepared", 3, 3],
    ["accepted", 4, 3],
  ]);
});

test("a thousand views over one body leave a handful of rows", (t) => {
  const store = open(t);
  for (let view = 0; view < 1000; view += 1) {
    store.addVotes([row("view", { view }), row("new-view", { view }), row("accepted", { view })]);
  }
  assert.equal(store.votes().length, 3);
});
