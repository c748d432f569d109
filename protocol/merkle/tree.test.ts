import assert from "node:assert/strict";
import { hash as nodeHash } from "node:crypto";
import { test } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import fc from "fast-check";
import {
  consistencyProof,
  inclusionProof,
  inclusionProofs,
  MerkleFrontier,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
} from "./tree.ts";

const nodeSha256 = (bytes: Uint8Array) => new Uint8Array(nodeHash("sha256", bytes, "buffer"));

/** Test inputs and roots of the certificate-transparency project (`merkletree/merkle_tree_test.cc`). */
const knownLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map(hexToBytes);
const knownRoots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const leaves = Array.from({ length: 130 }, (_, i) => utf8ToBytes(`reading ${i}`));
const roots = Array.from({ length: 66 }, (_, size) => merkleRoot(leaves.slice(0, size)));

test("the roots of the certificate-transparency test tree come out at every size", () => {
  const frontier = new MerkleFrontier();
  knownRoots.forEach((root, size) => {
    assert.equal(bytesToHex(merkleRoot(knownLeaves.slice(0, size))), root);
    assert.equal(bytesToHex(frontier.root()), root);
    const next = knownLeaves[size];
    if (next) frontier.append(next);
  });
});

test("the certificate-transparency test tree's known proofs come out", () => {
  const shared = [
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ];
  assert.deepEqual(inclusionProof(knownLeaves, 0).map(bytesToHex), [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    ...shared,
  ]);
  assert.deepEqual(consistencyProof(knownLeaves, 2).map(bytesToHex), shared);
  assert.deepEqual(consistencyProof(knownLeaves, 1).map(bytesToHex), [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    ...shared,
  ]);
});

test("roots and proofs equal the RFC's recursive definitions at every size up to 64", () => {
  for (let size = 0; size <= 64; size++) {
    const part = leaves.slice(0, size);
    assert.deepEqual(roots[size], mth(part));
    const proofs = inclusionProofs(part);
    for (let index = 0; index < size; index++) assert.deepEqual(proofs[index], path(index, part));
    for (let old = 1; old < size; old++) {
      assert.deepEqual(consistencyProof(part, old), subproof(old, part, true));
    }
  }
});

test("every leaf of every tree up to 64 is proved, at its own place only", () => {
  for (let size = 1; size <= 64; size++) {
    const part = leaves.slice(0, size);
    const root = rootOf(size);
    inclusionProofs(part).forEach((proof, index) => {
      const leaf = leafOf(index);
      const leafHash = sha256(concatBytes(Uint8Array.of(0), leaf));
      assert(verifyInclusion({ leaf, index, size, proof, root }));
      assert(verifyInclusion({ leafHash, index, size, proof, root }));
      for (const other of [index - 1, index + 1, index + 2 ** 32, index + 0.5, Number.NaN]) {
        assert(!verifyInclusion({ leaf, index: other, size, proof, root }));
      }
      // A proof one node shorter or longer, and another leaf.
      assert(!verifyInclusion({ leaf, index, size, proof: [...proof, root], root }));
      assert(size === 1 || !verifyInclusion({ leaf, index, size, proof: proof.slice(1), root }));
      assert(!verifyInclusion({ leaf: leafOf(index + 1), index, size, proof, root }));
    });
  }
});

test("an inclusion proof with any byte changed is refused", () => {
  for (let size = 2; size <= 20; size++) {
    inclusionProofs(leaves.slice(0, size)).forEach((proof, index) => {
      const claim = { leaf: leafOf(index), index, size, root: rootOf(size) };
      for (const changed of corruptions(proof)) {
        assert(!verifyInclusion({ ...claim, proof: changed }, nodeSha256));
      }
    });
  }
});

test("every old tree is consistent with every later one up to 40, and with no other", () => {
  for (let newSize = 0; newSize <= 40; newSize++) {
    for (let oldSize = 0; oldSize <= newSize; oldSize++) {
      const proof = consistencyProof(leaves.slice(0, newSize), oldSize, nodeSha256);
      const [oldRoot, newRoot] = [rootOf(oldSize), rootOf(newSize)];
      const claim = { oldSize, newSize, oldRoot, newRoot, proof };
      const check = (change: Partial<typeof claim>) =>
        verifyConsistency({ ...claim, ...change }, nodeSha256);
      assert(check({}), `${oldSize} → ${newSize}`);
      assert(!check({ oldRoot: rootOf(oldSize + 1) }));
      assert(!check({ proof: [...proof, newRoot] }));
      assert(!check({ oldSize: newSize + 1 }));
      if (oldSize > 0) assert(!check({ newRoot: rootOf(newSize + 1) }));
      if (proof.length > 0) assert(!check({ proof: proof.slice(1) }));
      if (proof.length > 0) assert(!check({ proof: proof.slice(0, -1) }));
    }
  }
});

test("a consistency proof with any byte changed is refused", () => {
  for (let newSize = 2; newSize <= 16; newSize++) {
    for (let oldSize = 1; oldSize < newSize; oldSize++) {
      const proof = consistencyProof(leaves.slice(0, newSize), oldSize);
      const claim = { oldSize, newSize, oldRoot: rootOf(oldSize), newRoot: rootOf(newSize) };
      for (const changed of corruptions(proof)) {
        assert(!verifyConsistency({ ...claim, proof: changed }, nodeSha256));
      }
    }
  }
});

test("garbage is refused without a throw", () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const size = fc.oneof(fc.integer({ min: -3, max: 9 }), fc.double(), fc.maxSafeInteger());
  const proof = fc.array(fc.oneof(bytes, fc.uint8Array({ minLength: 32, maxLength: 32 })));
  const claim = fc.record({
    leaf: bytes,
    index: size,
    size,
    proof,
    root: bytes,
    oldSize: size,
    newSize: size,
    oldRoot: bytes,
    newRoot: bytes,
  });
  fc.assert(
    fc.property(claim, (garbage) => {
      assert(!verifyInclusion(garbage));
      assert(!verifyInclusion({ ...garbage, leafHash: garbage.leaf }));
      assert(!verifyConsistency(garbage));
    }),
  );
});

test("an inner node cannot be passed off as a leaf", () => {
  const [first, second] = [0, 1].map((i) => sha256(concatBytes(Uint8Array.of(0), leafOf(i))));
  assert(first && second);
  const [, ...proof] = inclusionProof(leaves.slice(0, 4), 0);
  const leaf = concatBytes(first, second);
  assert(!verifyInclusion({ leaf, index: 0, size: 2, proof, root: rootOf(4) }));
});

test("proofs of trees beyond 2³² leaves are checked without losing bits", () => {
  // A tree of 2⁴⁰ equal leaves needs only one hash per level.
  let node = sha256(Uint8Array.of(0));
  const proof: Uint8Array[] = [];
  for (let level = 0; level < 40; level++) {
    proof.push(node);
    node = sha256(concatBytes(Uint8Array.of(1), node, node));
  }
  const claim = { leaf: new Uint8Array(), size: 2 ** 40, proof, root: node };
  assert(verifyInclusion({ ...claim, index: 2 ** 40 - 1 }));
  assert(!verifyInclusion({ ...claim, index: 2 ** 40 }));
});

test("the growing form has the tree's root at every size, also after it was stored", () => {
  let frontier = new MerkleFrontier(nodeSha256);
  leaves.forEach((leaf, size) => {
    assert.deepEqual(frontier.root(), merkleRoot(leaves.slice(0, size)));
    assert.equal(frontier.size, size);
    frontier.append(leaf);
    const { peaks } = frontier;
    frontier = MerkleFrontier.restore({ size: size + 1, peaks }, nodeSha256);
  });
  assert.throws(() => MerkleFrontier.restore({ size: 3, peaks: [rootOf(1)] }), RangeError);
  assert.throws(() => MerkleFrontier.restore({ size: -1, peaks: [] }), RangeError);
});

test("a proof for a leaf or size that the tree lacks is our own mistake", () => {
  assert.throws(() => inclusionProof([], 0), RangeError);
  assert.throws(() => inclusionProof(knownLeaves, 8), RangeError);
  assert.throws(() => consistencyProof(knownLeaves, 9), RangeError);
});

/** MTH, PATH and SUBPROOF as RFC 6962 §2.1 writes them. */
function mth(d: readonly Uint8Array[]): Uint8Array {
  if (d.length === 0) return sha256(new Uint8Array());
  const [only] = d;
  if (only && d.length === 1) return sha256(concatBytes(Uint8Array.of(0), only));
  const k = split(d.length);
  return sha256(concatBytes(Uint8Array.of(1), cachedMth(d.slice(0, k)), cachedMth(d.slice(k))));
}

const known = new Map<string, Uint8Array>();

/** The oracle asks for the same parts over and over; leaves are told apart by their text. */
function cachedMth(d: readonly Uint8Array[]): Uint8Array {
  const key = `${d[0]} ${d.length}`;
  const result = known.get(key) ?? mth(d);
  known.set(key, result);
  return result;
}

function path(m: number, d: readonly Uint8Array[]): Uint8Array[] {
  if (d.length === 1) return [];
  const k = split(d.length);
  return m < k
    ? [...path(m, d.slice(0, k)), cachedMth(d.slice(k))]
    : [...path(m - k, d.slice(k)), cachedMth(d.slice(0, k))];
}

function subproof(m: number, d: readonly Uint8Array[], whole: boolean): Uint8Array[] {
  if (m === d.length) return whole ? [] : [cachedMth(d)];
  const k = split(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), whole), cachedMth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), cachedMth(d.slice(0, k))];
}

/** The largest power of two smaller than n. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function* corruptions(proof: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (const [at, node] of proof.entries()) {
    for (let i = 0; i < node.length; i++) {
      const changed = node.map((byte, j) => (j === i ? byte ^ 0x01 : byte));
      yield proof.map((other, j) => (j === at ? changed : other));
    }
  }
}

function leafOf(index: number): Uint8Array {
  const leaf = leaves[index];
  assert(leaf);
  return leaf;
}

function rootOf(size: number): Uint8Array {
  const root = roots[size];
  assert(root);
  return root;
}
