import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  type CborValue,
  decodeCbor,
  encodeHeader,
  merkleRoot,
  resultLeaf,
  verifyCertificate,
} from "@busbar/protocol";
import { prune } from "../ledger/archive/pruning.ts";
import { decodeHeader } from "../ledger/codecs.ts";
import { sha256 } from "../ledger/sha256.ts";
import { StateTree } from "../ledger/state/tree.ts";
import { record, snapshotOf, story, verifyOnce } from "../ledger/test-ledger.ts";
import { exportCommand } from "./export.ts";
import { testHome } from "./test-home.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-export-"));
after(() => rmSync(folder, { recursive: true }));

test("blocks with their certificates, and the state behind its header, come out as JSON lines", () => {
  const { ledger, config } = testHome(join(folder, "home"), 5);
  const lines = (options: { from?: number; to?: number; state?: boolean }) => {
    const out: Record<string, unknown>[] = [];
    const all = { config, from: 1, state: false, cbor: false, ...options };
    exportCommand(all, (line) => {
      assert.ok(typeof line === "string" && line.endsWith("\n"));
      out.push(JSON.parse(line));
    });
    return out;
  };
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("base64url");
  const blocks = lines({ from: 2, to: 4 });
  assert.equal(blocks.length, 3);
  const [first] = blocks;
  const stored = ledger.store.block(2);
  assert.equal(first?.hash, text(stored?.hash));
  assert.deepEqual(first?.frames, stored?.frames.map(text));
  assert.deepEqual(first?.events, stored?.events);
  const certificate = first?.certificate as { signature: string }[];
  assert.equal(certificate[0]?.signature, text(stored?.certificate[0]?.signature));
  assert.equal(lines({}).length, 5);

  const [head, ...entries] = lines({ state: true });
  assert.equal(head?.height, 5);
  assert.deepEqual(
    entries,
    Array.from(ledger.store.state.scan(""), ([key, value]) => ({ key, value: text(value) })),
  );
  assert.throws(() => lines({ from: 4, to: 9 }), { code: "export.range" });
  assert.throws(() => lines({ from: 0 }), { code: "export.range" });
  assert.throws(() => lines({ from: 5, to: 1 }), { code: "export.range", message: /got 5 to 1/ });
  ledger.store.close();
});

/** What comes out as CBOR, item by item. */
function items(config: string, options: object): Uint8Array[] {
  const out: Uint8Array[] = [];
  exportCommand({ config, from: 1, state: false, cbor: true, ...options }, (piece) => {
    assert.ok(piece instanceof Uint8Array);
    out.push(piece);
  });
  return out;
}

test("as CBOR a block holds all that its roots and its certificate are made of", () => {
  const { ledger, config } = testHome(join(folder, "cbor"), 5);
  const { store } = ledger;
  for (const [i, bytes] of items(config, {}).entries()) {
    const block = decodeCbor(bytes) as ReadonlyMap<string, CborValue>;
    const stored = store.block(i + 1);
    assert.ok(stored);
    const header = block.get("header") as Uint8Array;
    assert.deepEqual(header, encodeHeader(stored.header));
    const frames = block.get("frames") as Uint8Array[];
    assert.deepEqual(merkleRoot(frames, sha256), stored.header.txRoot);
    const results = block.get("results") as [string, Uint8Array][];
    const leaves = results.map(([code, events]) => resultLeaf({ code, events }, sha256));
    assert.deepEqual(merkleRoot(leaves, sha256), stored.header.resultsRoot);
    const certificate = (block.get("certificate") as [Uint8Array, Uint8Array][]).map(
      ([kid, signature]) => ({ kid, signature }),
    );
    const checked = verifyCertificate(
      header,
      certificate,
      ledger.application.membership(),
      verifyOnce,
    );
    assert.ok(checked.ok);
  }
  store.close();
});

test("the state after a block of the past is made again, from genesis or a snapshot, and is what was certified", () => {
  const home = testHome(join(folder, "past"), 6);
  const { ledger, config } = home;
  snapshotOf(ledger);
  for (const chapter of story(12).slice(6)) record(ledger, chapter);
  const rootAt = (height: number, more: object = {}) => {
    const [head, ...entries] = items(config, { state: true, height, ...more });
    const { header } = headOf(head);
    assert.equal(header.height, height);
    const state = entries.map((bytes) => decodeCbor(bytes) as [string, Uint8Array]);
    assert.deepEqual(StateTree.of(state).root, header.appHash, `height ${height}`);
  };
  for (const height of [1, 3, 6, 9, 12]) rootAt(height);
  assert.throws(() => rootAt(13), { code: "export.height" });
  assert.throws(() => items(config, { height: 3 }), { code: "export.range" });

  // Without the oldest blocks: what the snapshot leads to, and the archive where it is named.
  const archive = join(folder, "past-archive");
  const pruning = prune(ledger.store, { folder: archive, before: Number.MAX_SAFE_INTEGER });
  while (pruning.next().done !== true);
  assert.equal(ledger.store.base, 6);
  for (const height of [6, 9, 12]) rootAt(height);
  assert.throws(() => rootAt(3), { code: "export.height", message: /there is no block 3 here/ });
  rootAt(3, { archive });
  // A block that was tampered with proves nothing of what follows it.
  ledger.store.db.exec("UPDATE tx SET code = 'other' WHERE height = 8");
  rootAt(7);
  assert.throws(() => rootAt(9), { code: "export.height", message: /block 8/ });
  ledger.store.close();
});

function headOf(bytes: Uint8Array | undefined) {
  const head = decodeCbor(bytes ?? new Uint8Array()) as ReadonlyMap<string, CborValue>;
  return { header: decodeHeader(head.get("header") as Uint8Array) };
}
