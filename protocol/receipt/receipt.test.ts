import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { publicKeyOf, signPure, verifyPure } from "../ed25519/pure.ts";
import { toBeSigned } from "../envelope/envelope.ts";
import { keyId } from "../envelope/key-id.ts";
import { inclusionProof, merkleRoot } from "../merkle/tree.ts";
import { verify } from "../node/ed25519.ts";
import { utcMs } from "../units/brands.ts";
import { decodeAnswer, encodeAnswer } from "./answer.ts";
import { type BlockHeader, encodeHeader } from "./block.ts";
import { type Member, type Membership, quorum, validatorsHash } from "./membership.ts";
import { decodeReceipt, encodeReceipt, type Receipt, verifyReceipt } from "./receipt.ts";

const chain = "site-a";
const seeds = [1, 2, 3, 4].map((fill) => new Uint8Array(32).fill(fill));
const members: readonly Member[] = seeds.map((seed, i) => ({
  id: `member-${i + 1}`,
  key: publicKeyOf(seed),
  voting: true,
}));
const membership: Membership = { chain, members };
const frames = ["a", "b", "c"].map((text) => new TextEncoder().encode(text));
const zero = new Uint8Array(32);

const header: BlockHeader = {
  chain,
  height: 7,
  time: utcMs(1_000),
  previous: zero,
  txRoot: merkleRoot(frames),
  resultsRoot: zero,
  appHash: zero,
  validatorsHash: validatorsHash(members),
  proposer: "member-1",
  view: 0,
};

function vote(seed: Uint8Array, over: BlockHeader = header) {
  const kid = keyId(publicKeyOf(seed));
  const message = toBeSigned(encodeHeader(over), kid, { chain, kind: "block" });
  return { kid, signature: signPure(message, seed) };
}

const good: Receipt = {
  header,
  certificate: seeds.slice(0, 3).map((seed) => vote(seed)),
  index: 1,
  size: 3,
  proof: inclusionProof(frames, 1),
  frame: frames[1] ?? zero,
};

for (const [name, check] of [
  ["node:crypto", verify],
  ["noble", verifyPure],
] as const) {
  test(`a receipt proves itself against the members' keys (${name})`, () => {
    const result = verifyReceipt(good, membership, check);
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.signers, ["member-1", "member-2", "member-3"]);
  });
}

const stranger = new Uint8Array(32).fill(9);
const wrong: readonly (readonly [string, Receipt, string])[] = [
  ["another chain", { ...good, header: { ...header, chain: "site-b" } }, "receipt.chain"],
  ["another frame", { ...good, frame: frames[0] ?? zero }, "receipt.inclusion"],
  ["another place", { ...good, index: 2 }, "receipt.inclusion"],
  ["another size", { ...good, size: 9 }, "receipt.inclusion"],
  ["a shortened proof", { ...good, proof: good.proof.slice(1) }, "receipt.inclusion"],
  ["a changed header", { ...good, header: { ...header, height: 8 } }, "certificate.signature"],
  ["two of four", { ...good, certificate: good.certificate.slice(1) }, "certificate.quorum"],
  [
    "one member three times",
    { ...good, certificate: [1, 1, 1].map(() => vote(seeds[0] ?? zero)) },
    "certificate.quorum",
  ],
  [
    "a stranger as third",
    { ...good, certificate: [...good.certificate.slice(1), vote(stranger)] },
    "certificate.quorum",
  ],
];

for (const [name, receipt, code] of wrong) {
  test(`a receipt is refused: ${name}`, () => {
    const result = verifyReceipt(receipt, membership, verify);
    assert.ok(!result.ok && result.code === code, JSON.stringify(result));
  });
}

test("nobody to sign means nothing is proved", () => {
  const result = verifyReceipt(good, { chain, members: [] }, verify);
  assert.ok(!result.ok && result.code === "certificate.quorum");
});

test("quorums of any n share an honest member", () => {
  const sizes = Array.from({ length: 40 }, (_, i) => i + 1);
  for (const n of sizes) {
    const f = Math.floor((n - 1) / 3);
    assert.ok(2 * quorum(n) - n > f, `n = ${n}`);
    assert.ok(quorum(n) <= n - f, `n = ${n} can be reached without the faulty`);
  }
  assert.deepEqual([1, 4, 5, 6, 7, 9].map(quorum), [1, 3, 4, 4, 5, 6]);
});

test("receipts and answers come back as they went, and garbage is refused", () => {
  const decoded = decodeReceipt(encodeReceipt(good));
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.receipt, good);
  const refused = { ref: zero, code: "readings.gap", message: "expected 4, got 7", expected: 4 };
  const answer = decodeAnswer(encodeAnswer({ kind: "refused", refused }));
  assert.ok(answer.ok && answer.answer.kind === "refused");
  assert.deepEqual(answer.answer.refused, refused);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(decodeReceipt(bytes).ok, false);
      assert.equal(decodeAnswer(bytes).ok, false);
    }),
  );
});
