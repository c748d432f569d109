import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  type Answer,
  decodeAnswer,
  encodeHeader,
  encodeStateProof,
  type Membership,
  merkleRoot,
  type StateProof,
  toBeSigned,
  topicsOf,
  utcMs,
  validatorsHash,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { pino } from "pino";
import { registry, signers, site } from "../../test/support/test-broker.ts";
import { admissionFrame, commitFrame, readingsFrame } from "../../test/support/test-messages.ts";
import type { CouncilStep } from "../ledger/council-step-table.ts";
import { type Councils, createAnswers, type MembersToTell, receiptsOf } from "./answers.ts";

const membership: Membership = {
  chain: site,
  members: [{ id: "m1", key: signers.m1.publicKey, voting: true }],
};

/** A block of these frames, certified by the site's one member. */
function blockOf(frames: readonly Uint8Array[], signerIds: readonly string[]) {
  const header = {
    chain: site,
    height: 7,
    time: utcMs(1_800_000_000_000),
    previous: new Uint8Array(32),
    txRoot: merkleRoot(frames),
    resultsRoot: new Uint8Array(32),
    appHash: new Uint8Array(32),
    validatorsHash: validatorsHash(membership.members),
    proposer: "m1",
    view: 0,
  };
  const { kid } = signers.m1;
  const message = toBeSigned(encodeHeader(header), kid, { chain: site, kind: "block" });
  return {
    header,
    hash: new Uint8Array(32),
    certificate: [{ kid, signature: signers.m1.sign(message) }],
    frames,
    hashes: frames.map((frame) => new Uint8Array(createHash("sha256").update(frame).digest())),
    signers: signerIds,
    eventCounts: [],
    results: frames.map(() => "ok" as const),
    events: [],
  };
}

const unchanged: Councils = { epoch: () => 0, stepsAfter: () => [] };

function answersInto(
  sent: [topic: string, answer: Answer][],
  tip?: StateProof,
  councils: Councils = unchanged,
  members?: MembersToTell,
) {
  return createAnswers({
    councils,
    ...(members === undefined ? {} : { members }),
    site,
    registry,
    tipOf: () => tip,
    log: pino({ level: "silent" }),
    publish(topic, payload) {
      const decoded = decodeAnswer(payload);
      assert.ok(decoded.ok);
      sent.push([topic, decoded.answer]);
      return Promise.resolve();
    },
  });
}

/** A proof of the council of an epoch, as far as answers look at it. */
function stepOf(epoch: number): CouncilStep {
  const { header, certificate } = blockOf([], []);
  const key = `council/${epoch}`;
  return { epoch, proof: encodeStateProof({ header, certificate, key, siblings: [] }) };
}

test("who votes is said before the first receipt of an epoch, once, and again to who asks again", async () => {
  const sent: [topic: string, answer: Answer][] = [];
  let epoch = 0;
  const steps = [1, 2, 3].map(stepOf);
  const answers = answersInto(sent, undefined, {
    epoch: () => epoch,
    stepsAfter: (after) => steps.filter((step) => step.epoch > after && step.epoch <= epoch),
  });
  const frames = [readingsFrame("d1", signers.d1), readingsFrame("d1", signers.d1, { first: 2 })];
  const block = blockOf(frames, ["d1", "d1"]);
  const said = () =>
    sent.splice(0).map(([, answer]) => (answer.kind === "council" ? answer.step.key : answer.kind));
  await answers.committed(block);
  assert.deepEqual(said(), ["receipt", "receipt"]);
  epoch = 2;
  await answers.committed(block);
  assert.deepEqual(said(), ["council/1", "council/2", "receipt", "receipt"]);
  await answers.committed(block);
  assert.deepEqual(said(), ["receipt", "receipt"]);
  epoch = 3;
  await answers.committed(block);
  assert.deepEqual(said(), ["council/3", "receipt", "receipt"]);
  const [receipt] = receiptsOf(block);
  assert.ok(receipt);
  await answers.receipt("d1", receipt);
  assert.deepEqual(said(), ["council/1", "council/2", "council/3", "receipt"]);
});

test("who listens anew is told of members' brokers once, before the next proof, and again when they change", async () => {
  const sent: [topic: string, answer: Answer][] = [];
  const { header, certificate } = blockOf([], []);
  const entry: StateProof = { header, certificate, key: "member/m1", siblings: [] };
  const members = { version: 1, list: () => [entry] };
  const answers = answersInto(sent, undefined, unchanged, members);
  const block = blockOf([readingsFrame("d1", signers.d1)], ["d1"]);
  const kinds = async () => {
    sent.length = 0;
    await answers.committed(block);
    return sent.map(([, { kind }]) => kind);
  };
  assert.deepEqual(await kinds(), ["member", "receipt"]);
  assert.deepEqual(await kinds(), ["receipt"]);
  members.version = 2;
  assert.deepEqual(await kinds(), ["member", "receipt"]);
  answers.subscribed("some/other/topic");
  assert.deepEqual(await kinds(), ["receipt"]);
  answers.subscribed(topicsOf(site).receipts("d1"));
  assert.deepEqual(await kinds(), ["member", "receipt"]);
});

test("devices and members get a receipt of each of their frames that verifies against the members", async () => {
  const frames = [
    readingsFrame("d1", signers.d1),
    commitFrame("o2", signers.o2),
    readingsFrame("d2", signers.d2),
    commitFrame("o1", signers.d1),
    admissionFrame("m1", signers.m1),
  ];
  const sent: [string, Answer][] = [];
  await answersInto(sent).committed(blockOf(frames, ["d1", "o2", "d2", "d1", "m1"]));
  const { receipts, memberReceipts } = topicsOf(site);
  assert.deepEqual(
    sent.map(([topic]) => topic),
    [receipts("d1"), receipts("d2"), receipts("d1"), memberReceipts("m1")],
  );
  sent.forEach(([, answer], i) => {
    assert.ok(answer.kind === "receipt");
    assert.deepEqual(answer.receipt.frame, frames[[0, 2, 3, 4][i] ?? -1]);
    assert.ok(verifyReceipt(answer.receipt, membership, verify).ok);
  });
});

test("the receipts of a block of any size all verify", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), (size) => {
      const frames = Array.from({ length: size }, (_, i) => Uint8Array.of(i, size));
      const block = blockOf(frames, []);
      for (const receipt of receiptsOf(block)) {
        assert.ok(verifyReceipt(receipt, membership, verify).ok);
      }
    }),
    { numRuns: 20 },
  );
});

test("what the rules refuse is told to the device or member that signed it, and to no owner or stranger", async () => {
  const sent: [string, Answer][] = [];
  const answers = answersInto(sent);
  const hash = new Uint8Array(32).fill(5);
  const refusal = {
    ok: false,
    code: "readings.sequence",
    message: "m".repeat(1_000),
    expected: 12,
  } as const;
  for (const signer of ["d1", "o1", "m1", "nobody", undefined])
    await answers.refused({ hash, signer, refusal });
  assert.deepEqual(
    sent.map(([topic]) => topic),
    [topicsOf(site).receipts("d1"), topicsOf(site).memberReceipts("m1")],
  );
  assert.deepEqual(sent[0], [
    topicsOf(site).receipts("d1"),
    {
      kind: "refused",
      refused: { ref: hash, code: refusal.code, message: "m".repeat(400), expected: 12 },
    },
  ]);
});

test("who holds another chain than the ledger is told where the ledger's stands", async () => {
  const { header, certificate, hash } = blockOf([readingsFrame("d1", signers.d1)], ["d1"]);
  const tip = { header, certificate, key: "reading/m", siblings: [] };
  const refusal = { ok: false, code: "readings.overlap", message: "m", tipOf: "m" } as const;
  const sent: [string, Answer][] = [];
  const answers = answersInto(sent, tip);
  await answers.refused({ hash, signer: "d1", refusal });
  assert.deepEqual(
    sent.map(([topic, answer]) => [topic, answer.kind]),
    [
      [topicsOf(site).receipts("d1"), "refused"],
      [topicsOf(site).receipts("d1"), "tip"],
    ],
  );
  assert.deepEqual(sent[1]?.[1], { kind: "tip", tip });
  const { tipOf: _, ...other } = refusal;
  await answers.refused({ hash, signer: "d1", refusal: other });
  assert.equal(sent.length, 3);
});

test("an answer that cannot be sent is no error: the device asks again", async () => {
  const answers = createAnswers({
    councils: { epoch: () => 0, stepsAfter: () => [] },
    site,
    registry,
    log: pino({ level: "silent" }),
    tipOf: () => undefined,
    publish: () => Promise.reject(new Error("the broker has stopped")),
  });
  await answers.committed(blockOf([readingsFrame("d1", signers.d1)], ["d1"]));
});
