import assert from "node:assert/strict";
import { test } from "node:test";
import { compareBytes, inclusionProof, merkleRoot, nodeHash } from "@busbar/protocol";
import fc from "fast-check";
import { sha256 } from "../../ledger/sha256.ts";
import { StateTree } from "../../ledger/state/tree.ts";
import type { ProvedEntry } from "./evidence.ts";
import { provedEntry } from "./evidence-paths.ts";
import { leafWay, PathCutter, ProvedNodes, stateWay } from "./proved-nodes.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** Whether all of these entries are proved, one after the other. */
function proves(root: Uint8Array, entries: readonly ProvedEntry[]): boolean {
  const nodes = new ProvedNodes(root);
  return entries.every(({ key, value, depth, path, other }) => {
    const name = sha256(bytes(key));
    const absent =
      other === undefined ? new Uint8Array(32) : nodeHash(0, other.slice(0, 32), other.slice(32));
    const end = value === undefined ? absent : nodeHash(0, name, sha256(value));
    return nodes.prove(end, stateWay(name, depth), path);
  });
}

/** Some keys of a state and some that are not in it, in any order, each once. */
const scenes = fc
  .record({ size: fc.nat(40), asked: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 20 }) })
  .map(({ size, asked }) => {
    const held = Array.from({ length: size }, (_, n) => [`key/${n}`, bytes(`value ${n}`)] as const);
    const tree = StateTree.of(held);
    const known = new Map<string, Uint8Array>(held);
    const state = { get: (key: string) => known.get(key), scan: () => [] };
    const paths = new PathCutter();
    const entries = asked.map((n) => {
      const key = `key/${n}`;
      return provedEntry(key, { state, path: tree.prove(key), paths });
    });
    return { root: tree.root, entries };
  });

test("paths that are cut where those before have been prove what whole paths prove", () => {
  fc.assert(fc.property(scenes, ({ root, entries }) => proves(root, entries)));
});

test("no value, no hash, no depth and no length of a cut path can be another one", () => {
  fc.assert(
    fc.property(scenes, fc.nat(), fc.nat(), ({ root, entries }, which, bit) => {
      const place = which % entries.length;
      const entry = entries[place] as ProvedEntry;
      const insist = (other: Partial<ProvedEntry>, what: string) => {
        const list = entries.map((one, i) => (i === place ? { ...one, ...other } : one));
        assert.ok(!proves(root, list), what);
      };
      if (entry.value === undefined) insist({ value: bytes("value 0") }, "there is something");
      else {
        insist({ value: bytes("another") }, "another value");
        insist({ value: undefined as unknown as Uint8Array }, "there is nothing");
      }
      insist({ depth: entry.depth + 1 }, "a depth more");
      if (entry.depth > 0) insist({ depth: entry.depth - 1 }, "a depth less");
      insist({ path: new Uint8Array([...entry.path, ...new Uint8Array(32)]) }, "longer");
      if (entry.path.length === 0) return;
      const bent = entry.path.slice();
      const at = bit % (8 * bent.length);
      bent[at >> 3] = (bent[at >> 3] ?? 0) ^ (1 << (at & 7));
      insist({ path: bent }, "another hash");
      insist({ path: entry.path.slice(32) }, "shorter from below");
      insist({ path: entry.path.slice(0, -32) }, "shorter from above");
    }),
  );
});

test("a path does not go on behind what is known, so that there is one text for a proof", () => {
  const held = Array.from({ length: 8 }, (_, n) => [`key/${n}`, bytes(`value ${n}`)] as const);
  const tree = StateTree.of(held);
  const known = new Map<string, Uint8Array>(held);
  const state = { get: (key: string) => known.get(key), scan: () => [] };
  const whole = held.map(([key]) =>
    provedEntry(key, { state, path: tree.prove(key), paths: new PathCutter() }),
  );
  const [first, second] = whole;
  assert.ok(first && second && proves(tree.root, [first]) && proves(tree.root, [second]));
  assert.ok(!proves(tree.root, [first, second]));
});

test("nodes of two keys are told apart at any depth", () => {
  // Hashes that part at their last bit only: as deep as a tree can be.
  const names = [0, 1].map((last) => Uint8Array.of(...new Uint8Array(31).fill(7), last));
  for (const depth of [1, 48, 255, 256]) {
    const [a, b] = names.map((name) => stateWay(name, depth));
    assert.ok(a && b && a.length === depth);
    assert.equal(compareBytes(a, b) === 0, depth < 256, `depth ${depth}`);
    assert.deepEqual(a.subarray(1), b.subarray(1));
    const paths = new PathCutter();
    const beside = Array.from({ length: depth }, () => new Uint8Array(32));
    assert.equal(paths.cut(a, beside).length, 32 * depth);
    // Where the first has been, the second is the node beside its lower end, or the same.
    assert.equal(paths.cut(b, beside).length, 0);
  }
});

test("leaves of a list are proved likewise, and stand nowhere else", () => {
  const sizes = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(), { minLength: 1, maxLength: 10 }), (size, list) => {
      const leaves = Array.from({ length: size }, (_, n) => bytes(`leaf ${n}`));
      const leafHash = (n: number) => sha256(Uint8Array.of(0, ...(leaves[n] ?? [])));
      const [root, paths] = [merkleRoot(leaves), new PathCutter()];
      const nodes = new ProvedNodes(root);
      for (const index of new Set(list.map((n) => n % size))) {
        const way = leafWay(index, size);
        const path = paths.cut(way, inclusionProof(leaves, index));
        assert.ok(!nodes.prove(leafHash(index + 1), way, path), "another leaf");
        assert.ok(nodes.prove(leafHash(index), way, path));
      }
    }),
  );
});
