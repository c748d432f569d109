import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { encodeCbor } from "@busbar/protocol";
import fc from "fast-check";
import { sha256 } from "../sha256.ts";
import { Store } from "../store.ts";
import {
  bring,
  openLedger,
  record,
  snapshotOf,
  stateOf,
  story,
  type TestLedger,
  told,
} from "../test-ledger.ts";
import {
  encodeChunk,
  type Manifest,
  manifestOf,
  snapshotOf as named,
  type Snapshot,
} from "./format.ts";
import { SnapshotMaking } from "./making.ts";

function file(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-snapshots-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "ledger.sqlite");
}

const appHashOf = ({ store }: TestLedger, { height }: Snapshot) =>
  store.header(height)?.header.appHash ?? new Uint8Array();

function chunksOf({ application }: TestLedger, { height, format, chunks }: Snapshot) {
  return Array.from({ length: chunks }, (_, chunk) => {
    const bytes = application.loadSnapshotChunk({ height, format, chunk });
    assert.ok(bytes);
    return bytes;
  });
}

test("a height's snapshot has the same bytes and name on every member", () => {
  const [one, two] = [told(6), told(6)];
  const [a, b] = [snapshotOf(one), snapshotOf(two)];
  assert.ok(a.chunks > 3, `${a.chunks} chunks`);
  assert.deepEqual(a.hash, b.hash);
  assert.deepEqual(chunksOf(one, a), chunksOf(two, b));
  assert.deepEqual(one.application.listSnapshots(), [a]);
});

test("a member that began with a snapshot is the same as the others ever after", () => {
  const chapters = story(14);
  const whole = openLedger();
  for (const chapter of chapters.slice(0, 7)) record(whole, chapter);
  const late = openLedger();
  assert.deepEqual(bring(whole, late, snapshotOf(whole)), { result: "accept", done: true });
  assert.deepEqual(late.application.info(), whole.application.info());
  for (const chapter of chapters.slice(7)) {
    assert.deepEqual(record(late, chapter), record(whole, chapter));
  }
  assert.equal(stateOf(late), stateOf(whole));
  assert.equal(late.store.base, 7);
  assert.equal(late.store.block(7), undefined, "a block of which only the header is here");
  assert.deepEqual(late.store.block(8), whole.store.block(8));
  const again = openLedger(late.store);
  assert.deepEqual(again.application.info(), whole.application.info());
  assert.deepEqual(snapshotOf(late).hash, snapshotOf(whole).hash);
});

test("one that fell behind leaps forward, and what it has of older blocks stays", () => {
  const chapters = story(9);
  const [whole, behind] = [openLedger(), openLedger()];
  for (const [n, chapter] of chapters.entries()) {
    record(whole, chapter);
    if (n < 3) record(behind, chapter);
  }
  const before = behind.store.block(2);
  assert.deepEqual(bring(whole, behind, snapshotOf(whole)), { result: "accept", done: true });
  assert.deepEqual(behind.application.info(), whole.application.info());
  assert.deepEqual(behind.store.block(2), before);
});

test("a bad chunk is refused with who sent it, and asked from another; a restart goes on where it was", (t) => {
  const whole = told(6);
  const snapshot = snapshotOf(whole);
  const chunks = chunksOf(whole, snapshot);
  const path = file(t);
  const first = openLedger(new Store(path));
  const appHash = appHashOf(whole, snapshot);
  assert.deepEqual(first.application.offerSnapshot(snapshot, appHash), {
    result: "accept",
    next: 0,
  });
  const apply = ({ application }: TestLedger, index: number, chunk: Uint8Array, sender: string) =>
    application.applySnapshotChunk({ index, chunk, sender });
  const [zero = new Uint8Array(), one = new Uint8Array()] = chunks;
  assert.equal(apply(first, 0, zero, "a").result, "accept");
  const flipped = one.slice();
  flipped[9] = (flipped[9] ?? 0) ^ 1;
  for (const bad of [flipped, zero, new Uint8Array(), new Uint8Array(3 * 1024 * 1024)]) {
    const answer = apply(first, 1, bad, "liar");
    assert.ok(answer.result === "retry");
    assert.deepEqual([answer.refetchChunks, answer.rejectSenders], [[1], ["liar"]]);
  }
  const beyond = apply(first, 1_000_000, one, "liar");
  assert.ok(beyond.result === "retry");
  assert.deepEqual(beyond.refetchChunks, []);
  assert.equal(apply(first, 1, one, "b").result, "accept");
  assert.equal(first.application.info().height, 0, "nothing is in force before the last chunk");
  first.store.close();

  const second = openLedger(new Store(path));
  t.after(() => second.store.close());
  assert.equal(apply(second, 2, zero, "a").result, "retry-snapshot");
  assert.deepEqual(second.application.offerSnapshot(snapshot, appHash), {
    result: "accept",
    next: 2,
  });
  for (let index = 2; index < chunks.length; index++) {
    assert.equal(apply(second, index, chunks[index] ?? zero, "b").result, "accept");
  }
  assert.deepEqual(second.application.info(), whole.application.info());
});

test("a snapshot that lies is found out before anything of it is in force", () => {
  const whole = told(6);
  const snapshot = snapshotOf(whole);
  const read = manifestOf(snapshot);
  assert.ok(read.ok);
  const { manifest } = read;
  const appHash = appHashOf(whole, snapshot);
  const fresh = openLedger();
  const before = [fresh.application.info(), stateOf(fresh)];
  const offered = (changes: Partial<Snapshot>, hash = appHash) =>
    fresh.application.offerSnapshot({ ...snapshot, ...changes }, hash).result;
  assert.equal(offered({ format: 2 }), "reject-format");
  assert.equal(offered({ hash: new Uint8Array(32) }), "reject-sender");
  assert.equal(offered({ chunks: snapshot.chunks + 1 }), "reject-sender");
  assert.equal(offered({ height: 5 }), "reject-sender");
  assert.equal(offered({ metadata: Uint8Array.of(1) }), "reject-sender");
  assert.equal(offered({}, new Uint8Array(32)), "reject");
  assert.equal(whole.application.offerSnapshot(snapshot, appHash).result, "reject", "no way back");

  /** Takes made-up chunks under a manifest that fits them. */
  const forged = (chunks: readonly Uint8Array[], changes: Partial<Manifest> = {}) => {
    const lie = named({ ...manifest, ...changes, chunks: chunks.map((chunk) => sha256(chunk)) });
    assert.equal(fresh.application.offerSnapshot(lie, appHash).result, "accept");
    const answers = chunks.map((chunk, index) =>
      fresh.application.applySnapshotChunk({ index, chunk, sender: "liar" }),
    );
    const last = answers.at(-1);
    assert.ok(last?.result === "reject-snapshot");
    assert.deepEqual([fresh.application.info(), stateOf(fresh)], before);
    assert.deepEqual(fresh.application.listSnapshots(), []);
    return last.refusal.code;
  };
  const chunks = chunksOf(whole, snapshot);
  assert.equal(forged(chunks.slice(0, -1)), "snapshot.root");
  assert.equal(forged([...chunks.slice(1), ...chunks.slice(0, 1)]), "snapshot.chunk");
  assert.equal(forged([encodeChunk([["a/b", Uint8Array.of(1)]])]), "snapshot.root");
  assert.equal(forged([encodeCbor([["a b", Uint8Array.of(1)]])]), "snapshot.chunk");
  assert.equal(forged([encodeCbor([5])]), "snapshot.chunk");
  assert.equal(forged([Uint8Array.of(0xff, 0)]), "snapshot.metadata");
  // The state is right, but the block that it is said to stand after is another one.
  const later = { ...manifest.header, time: (manifest.header.time + 1) as never };
  assert.equal(forged(chunks, { header: later }), "snapshot.certificate");
  assert.deepEqual(bring(whole, fresh, snapshot), { result: "accept", done: true });
});

test("whatever is offered or sent as a chunk, the answer is an answer", () => {
  const whole = told(3);
  const snapshot = snapshotOf(whole);
  const fresh = openLedger();
  const appHash = appHashOf(whole, snapshot);
  const bytes = fc.uint8Array({ maxLength: 300 });
  const any = fc.record({
    height: fc.oneof(fc.constant(3), fc.integer()),
    format: fc.oneof(fc.constant(1), fc.integer()),
    chunks: fc.oneof(fc.constant(snapshot.chunks), fc.integer()),
    hash: fc.oneof(fc.constant(snapshot.hash), bytes),
    metadata: fc.oneof(fc.constant(snapshot.metadata), bytes),
  });
  fc.assert(
    fc.property(any, bytes, fc.integer(), (offered, chunk, index) => {
      fresh.application.offerSnapshot(offered, appHash);
      const answer = fresh.application.applySnapshotChunk({ index, chunk, sender: "x" });
      assert.notEqual(answer.result, "accept");
      fresh.application.loadSnapshotChunk({ ...offered, chunk: index });
      assert.equal(fresh.application.info().height, 0);
    }),
    { numRuns: 300 },
  );
});

test("a snapshot shows its own height, however many blocks are made meanwhile", (t) => {
  const store = new Store(file(t));
  t.after(() => store.close());
  const chapters = story(9);
  const ledger = openLedger(store);
  for (const chapter of chapters.slice(0, 5)) record(ledger, chapter);
  const making = new SnapshotMaking(store, 1024);
  for (const chapter of chapters.slice(5)) {
    assert.equal(making.step(), undefined);
    record(ledger, chapter);
  }
  let made = making.step();
  while (made === undefined) made = making.step();
  assert.equal(made.height, 5);
  assert.deepEqual(made.hash, snapshotOf(told(5)).hash);
  const given = new SnapshotMaking(store, 1024);
  given.step();
  given.stop();
  assert.deepEqual(ledger.application.listSnapshots(), [made]);
});

test("a chunk put together entry by entry is the CBOR of all of them", () => {
  for (const count of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 70_000]) {
    const entries = Array.from({ length: count }, (_, n) => [`k/${n}`, Uint8Array.of(n)] as const);
    const whole = encodeCbor(entries.map(([key, value]) => [key, value]));
    assert.equal(Buffer.compare(encodeChunk(entries), whole), 0, `${count} entries`);
  }
});

test("no step looks at more than some entries, however large the chunk", (t) => {
  const store = new Store(file(t));
  t.after(() => store.close());
  const ledger = told(1, store);
  const more = Array.from({ length: 3_000 }, (_, n) => [`zz/${n}`, Uint8Array.of(1)] as const);
  store.write(() => store.state.write(new Map(more)));
  const entries = [...store.state.scan("")].length;
  const making = new SnapshotMaking(store);
  let steps = 1;
  while (making.step() === undefined) steps += 1;
  assert.equal(ledger.application.listSnapshots()[0]?.chunks, 1);
  assert.equal(steps, Math.floor(entries / 512) + 1);
});

test("the two newest snapshots are kept", () => {
  const ledger = openLedger();
  for (const chapter of story(4)) {
    record(ledger, chapter);
    snapshotOf(ledger);
  }
  const heights = ledger.application.listSnapshots().map(({ height }) => height);
  assert.deepEqual(heights, [4, 3]);
});
