import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { decodeMessage, digestOf, encodeMessage, type Message, voteBytes } from "./messages.ts";

const digest = new Uint8Array(32).fill(7);
const signature = new Uint8Array(64).fill(9);
const vote = {
  phase: "prepare",
  epoch: 1,
  view: 2,
  height: 3,
  digest,
  from: "a",
  signature,
} as const;
const proposal = {
  height: 3,
  time: utcMs(1_000),
  proposer: "a",
  view: 2,
  frames: [Uint8Array.of(1, 2, 3)],
};
const header = Uint8Array.of(1);
const certificate = [{ kid: new Uint8Array(20), signature }];
const change = {
  epoch: 1,
  view: 4,
  certified: { header, certificate },
  prepared: [{ votes: [vote, vote] }],
  from: "b",
  signature,
};

/** One of each kind. */
const all: readonly Message[] = [
  { name: "pre-prepare", body: { vote, proposal } },
  { name: "vote", body: vote },
  { name: "block-vote", body: { height: 3, header, from: "a", signature } },
  { name: "view-change", body: change },
  {
    name: "new-view",
    body: { epoch: 1, view: 4, changes: [change], prePrepares: [vote], from: "c", signature },
  },
  { name: "status", body: { epoch: 1, view: 4, height: 9, from: "a" } },
  { name: "fetch-blocks", body: { above: 3, from: "a" } },
  { name: "fetch-proposal", body: { height: 3, digest, from: "a" } },
  { name: "block", body: { header, certificate, frames: [Uint8Array.of(4)] } },
  { name: "held-proposal", body: { proposal } },
];

test("each message comes back from the wire as it went", () => {
  for (const message of all) {
    assert.deepEqual(decodeMessage(encodeMessage(message)), { ok: true, message });
  }
});

test("a message with any byte changed, cut or added is another one or none, and never throws", () => {
  const index = fc.nat(all.length - 1);
  fc.assert(
    fc.property(index, fc.nat(5_000), fc.integer({ min: 1, max: 255 }), (i, at, by) => {
      const bytes = encodeMessage(all[i] as Message);
      const changed = Uint8Array.from(bytes);
      changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ by;
      for (const bad of [
        changed,
        bytes.subarray(0, at % bytes.length),
        Buffer.concat([bytes, bytes]),
      ]) {
        const decoded = decodeMessage(new Uint8Array(bad));
        if (decoded.ok) assert.deepEqual(encodeMessage(decoded.message), new Uint8Array(bad));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("noise is refused with a code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const decoded = decodeMessage(bytes);
      assert.ok(decoded.ok || /^(cbor\.|message\.shape)/.test(decoded.code));
    }),
  );
});

test("what a vote's signature covers differs in epoch, view, height and digest", () => {
  const texts = [
    vote,
    { ...vote, epoch: 2 },
    { ...vote, view: 3 },
    { ...vote, height: 4 },
    { ...vote, digest: new Uint8Array(32) },
  ].map((one) => Buffer.from(voteBytes(one)).toString("hex"));
  assert.equal(new Set(texts).size, texts.length);
  assert.notDeepEqual(digestOf(proposal), digestOf({ ...proposal, view: 3 }));
});
