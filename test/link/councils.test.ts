import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeAnswer,
  decodeStateProof,
  encodeAnswer,
  encodeStateProof,
  type PinnedMembership,
  type Receipt,
  type StateProof,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { receiptOf } from "../../aggregator/ledger/receipts.ts";
import { keyOf } from "../../aggregator/ledger/rules/members/test-consortium.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { CouncilStory, certifiedBy, four } from "../../aggregator/ledger/test-councils.ts";
import { chain } from "../../aggregator/ledger/test-site.ts";
import { Councils, type StepNotes } from "../../edge/link/councils.ts";

const pinned: PinnedMembership = {
  chain,
  members: four.map((id) => ({ id, key: keyOf(id), voting: true })),
};

/** A consortium's chain: four members, one of them replaced, a fifth, and one more leaves. */
const { application, store, readings } = CouncilStory.told();
const receipts = readings.map((frame): Receipt => {
  const receipt = receiptOf(store, sha256(frame));
  assert.ok(receipt);
  return receipt;
});
const steps = store.councilSteps.after(0).map(({ proof }) => {
  const decoded = decodeStateProof(proof);
  assert.ok(decoded.ok);
  return decoded.proof;
});

class Notes implements StepNotes {
  readonly map = new Map<string, string>();
  read = (name: string) => this.map.get(name);
  write = (name: string, value: string) => void this.map.set(name, value);
}

/** Which receipts a unit takes. */
const accepted = (councils: Councils) =>
  receipts.filter(
    (receipt) => verifyReceipt(receipt, councils.membershipAt(receipt.header.height), verify).ok,
  ).length;

test("a unit follows from four members over a replaced one to five, and takes every receipt", () => {
  assert.equal(steps.length, 4);
  assert.deepEqual(
    application.council().voters.map(({ id }) => id),
    ["member-a", "member-c", "member-e", "member-f"],
  );
  const councils = new Councils(pinned);
  // Three of the four it knows are enough for a while, and then only two of them are left.
  const before = accepted(councils);
  assert.ok(before < receipts.length, `${before} of ${receipts.length}`);
  for (const step of steps) {
    const answer = decodeAnswer(encodeAnswer({ kind: "council", step }));
    assert.ok(answer.ok && answer.answer.kind === "council");
    assert.equal(councils.take(answer.answer.step), "learned");
    assert.equal(councils.take(step), "known");
  }
  assert.equal(councils.epoch, 4);
  assert.equal(accepted(councils), receipts.length, "old receipts as well as new ones");
  assert.ok(councils.members.some(({ id }) => id === "member-f"));
});

test("what was learned is kept over a restart, and proves itself from the pinned file again", () => {
  const notes = new Notes();
  const councils = new Councils(pinned, notes);
  for (const step of steps) councils.take(step);
  assert.equal(new Councils(pinned, notes).epoch, 4);
  assert.equal(accepted(new Councils(pinned, notes)), receipts.length);

  const other = {
    ...pinned,
    members: pinned.members.map((one) => ({ ...one, key: keyOf(`x${one.id}`) })),
  };
  assert.equal(new Councils(other, notes).epoch, 0, "another file does not lead there");
  for (const [name, value] of notes.map) notes.map.set(name, value.slice(0, -8));
  assert.equal(new Councils(pinned, notes).epoch, 0, "spoilt notes are learned anew");
});

test("a unit that is enrolled later is pinned to a later council, and follows from there", () => {
  const third = application.membershipAt(application.info().height - 4);
  const since = application.council().since;
  const { epoch } = application.council();
  const now = { ...application.membershipAt(since), epoch, since };
  assert.equal(new Councils(now).take(steps[0] as StateProof), "known");
  assert.equal(new Councils(now).epoch, 4);
  assert.ok(third.members.length >= 4);
  const late = receipts.filter(({ header }) => header.height >= since);
  const councils = new Councils(now);
  assert.ok(
    late.every(
      (receipt) => verifyReceipt(receipt, councils.membershipAt(receipt.header.height), verify).ok,
    ),
  );
});

test("steps may overtake each other, and none is skipped", () => {
  const councils = new Councils(pinned);
  const [one, two, three, four] = steps as [StateProof, StateProof, StateProof, StateProof];
  for (const step of [four, three]) assert.equal(councils.take(step), "early");
  assert.equal(councils.take(two), "early");
  assert.equal(councils.epoch, 0, "nothing is taken on trust");
  assert.equal(councils.take(one), "learned");
  assert.equal(councils.epoch, 4);
});

const first = steps[0] as StateProof;
const second = steps[1] as StateProof;
const forged: readonly (readonly [string, () => StateProof, string])[] = [
  ["that strangers certified", () => certifiedBy(first, ["x", "y", "z"]), "certificate.quorum"],
  ["that two of four certified", () => certifiedBy(first, four.slice(0, 2)), "certificate.quorum"],
  [
    "of another chain",
    () => ({ ...first, header: { ...first.header, chain: "other" } }),
    "proof.chain",
  ],
  ["with other voters", () => ({ ...first, value: second.value as Uint8Array }), "proof.path"],
  ["without a value", () => withoutValue(first), "step.order"],
  ["of another entry", () => ({ ...first, key: "account/user-a" }), "step.order"],
  ["of the newest council's own entry", () => ({ ...first, key: "council/current" }), "step.order"],
];
for (const [name, make, code] of forged) {
  test(`a step ${name} leads nowhere: ${code}`, () => {
    const councils = new Councils(pinned);
    const taken = councils.take(make());
    assert.equal(typeof taken === "object" ? taken.code : taken, code);
    assert.equal(councils.epoch, 0);
    assert.equal(councils.take(first), "learned", "and stands in nobody's way");
  });
}

test("members that were voted out cannot lead a unit back or aside", () => {
  const councils = new Councils(pinned);
  for (const step of steps) councils.take(step);
  // The old four sign another fifth: a fork of the past, or a step anew.
  assert.equal(councils.take(certifiedBy(first, four)), "known");
  const again = { ...certifiedBy(second, four), key: "council/5" };
  const taken = councils.take(again);
  assert.equal(typeof taken === "object" ? taken.code : taken, "proof.path");
  assert.equal(councils.epoch, 4);
  assert.equal(accepted(councils), receipts.length);
});

test("a step that came a height too late or too early is none", () => {
  // The entry stands in every later state as well: only the epoch's last block names the next one.
  const key = "council/1";
  const { value, path } = application.query(key);
  const { height } = application.info();
  const newest = receipts.at(-1)?.header;
  assert.ok(value && newest?.height === height);
  const late = certifiedBy(
    { header: newest, certificate: first.certificate, key, value, siblings: path.siblings },
    four,
  );
  const taken = new Councils(pinned).take(late);
  assert.equal(typeof taken === "object" ? taken.code : taken, "step.height");
});

test("no flipped byte of a step is taken, and none throws", () => {
  const bytes = encodeStateProof(first);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const decoded = decodeStateProof(
        Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ flip : byte)),
      );
      if (!decoded.ok) return;
      const councils = new Councils(pinned);
      // One vote may be lost: those that are left are a quorum. Nothing else may differ.
      if (councils.take(decoded.proof) !== "learned") return;
      assert.deepEqual(councils.membershipAt(first.header.height + 1), theNext());
    }),
    { numRuns: 300 },
  );
});

test("a flood of early steps is bounded and does not keep out the next one", () => {
  const councils = new Councils(pinned);
  const codes = Array.from({ length: 100 }, (_, i) =>
    councils.take({ ...first, key: `council/${i + 2}` }),
  );
  assert.ok(codes.some((code) => typeof code === "object"));
  assert.equal(councils.take(first), "learned");
});

/** The members that the first step leads to. */
const theNext = () => application.membershipAt(first.header.height + 1);

function withoutValue({ value: _, ...rest }: StateProof): StateProof {
  return rest;
}
