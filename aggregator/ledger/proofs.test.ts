import assert from "node:assert/strict";
import { test } from "node:test";
import {
  blockResult,
  decodeProof,
  decodeStateProof,
  encodeProof,
  type PinnedMembership,
  type Proof,
  type StateProof,
  utcMs,
  verifyProof,
  verifyProofFrom,
} from "@busbar/protocol";
import { verifyPure } from "@busbar/protocol/ed25519";
import fc from "fast-check";
import { proveConsistency, provePayment, proveResult, proveState } from "./prove.ts";
import { receiptOfReading } from "./receipts.ts";
import { CouncilStory, certifiedBy } from "./test-councils.ts";
import { bring, openLedger, record, snapshotOf, story, told, verifyOnce } from "./test-ledger.ts";
import { chain } from "./test-site.ts";

const ledger = told(20);
const { application, store } = ledger;
const membership = application.membership();

const check = (proof: Proof) => verifyProof(proof, membership, verifyOnce);
const codeOf = (proof: Proof) => {
  const checked = check(proof);
  return checked.ok ? "ok" : checked.code;
};

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

/** One of each kind. */
function proofs(): Proof[] {
  const settled = must(store.findEvent("contract-settled", {}));
  const result = must(proveResult(store, 3, 0));
  return [
    {
      kind: "receipt",
      receipt: must(receiptOfReading(store, { meter: "user-a-meter", sequence: 4 })),
    },
    { kind: "state", state: must(proveState(application, store, "account/user-a")) },
    { kind: "state", state: must(proveState(application, store, "account/nobody")) },
    { kind: "result", result },
    { kind: "result", result: must(proveResult(store, settled.height, blockResult)) },
    { kind: "payment", ...must(provePayment(store, "contract-settled", {})) },
    { kind: "consistency", consistency: must(proveConsistency(application, store, [1, 7, 19])) },
  ];
}

test("every kind of proof says what it proves, after a way over the wire, by the pure verifier too", () => {
  for (const proof of proofs()) {
    const back = decodeProof(encodeProof(proof));
    assert.ok(back.ok);
    assert.deepEqual(back.proof, proof);
    const checked = verifyProof(back.proof, membership, verifyPure);
    assert.ok(checked.ok, proof.kind);
    assert.deepEqual(checked.signers, ["member-a"]);
  }
});

test("a payment is proved by the event that made it", () => {
  const [contract] = [...store.state.scan("contract/")].map(([key]) => key.slice(9));
  const proof = must(provePayment(store, "contract-settled", { contract: must(contract) }));
  const checked = check({ kind: "payment", ...proof });
  assert.ok(checked.ok);
  assert.equal(checked.events?.length, 1);
  const [event] = must(checked.events);
  assert.deepEqual([event?.type, event?.contract], ["contract-settled", contract]);
  assert.equal(codeOf({ kind: "payment", ...proof, event: 10_000 }), "proof.event");
  const opened = must(store.findEvent("slot-opened", {}));
  const other = must(proveResult(store, opened.height, blockResult));
  assert.equal(codeOf({ kind: "payment", result: other, event: 0 }), "proof.event");
  assert.equal(provePayment(store, "contract-settled", { contract: "none" }), undefined);
});

test("no proof holds for anything else than what it was made for", () => {
  const late = utcMs(1);
  for (const proof of proofs()) {
    switch (proof.kind) {
      case "receipt":
        assert.equal(
          codeOf({ ...proof, receipt: { ...proof.receipt, index: 1 } }),
          "receipt.inclusion",
        );
        break;
      case "state": {
        const { header } = proof.state;
        const bent = { ...proof.state, header: { ...header, time: late } };
        assert.equal(codeOf({ kind: "state", state: bent }), "certificate.signature");
        break;
      }
      case "result":
      case "payment": {
        const { result } = proof;
        const codes = [
          { ...result, events: Buffer.from("[]") },
          { ...result, code: result.code === "ok" ? blockResult : "ok" },
          { ...result, index: result.index + 1 },
          { ...result, header: { ...result.header, chain: "other" } },
          { ...result, certificate: [] },
        ].map((bent) => codeOf({ kind: "result", result: bent }));
        const path = "proof.path";
        assert.deepEqual(codes, [path, path, path, "proof.chain", "certificate.quorum"]);
        break;
      }
      case "consistency": {
        const { ancestors, head } = proof.consistency;
        const [first] = ancestors;
        assert.ok(first);
        const bent = (changes: object) =>
          codeOf({
            kind: "consistency",
            consistency: { head, ancestors: [{ ...first, ...changes }] },
          });
        assert.equal(bent({}), "ok");
        assert.equal(bent({ header: { ...first.header, time: late } }), "proof.ancestor");
        assert.equal(bent({ index: 2 }), "proof.ancestor");
        assert.equal(bent({ links: [first.header] }), "proof.ancestor");
        assert.equal(bent({ index: undefined, proof: [] }), "proof.ancestor");
        const state = must(proveState(application, store, "account/user-a"));
        assert.equal(
          codeOf({ kind: "consistency", consistency: { ancestors, head: state } }),
          "proof.key",
        );
        const unsaid = { ...head, value: Uint8Array.of(0) };
        assert.equal(
          codeOf({ kind: "consistency", consistency: { ancestors, head: unsaid } }),
          "proof.path",
        );
        break;
      }
      default:
        proof satisfies never;
    }
  }
});

test("the whole chain is consistent, also through blocks that changed nothing, at O(log n) hashes", () => {
  const quiet = told(4);
  for (const minutes of [31, 32, 33]) record(quiet, { minutes, frames: [] });
  const on = (heights: number[]) => proveConsistency(quiet.application, quiet.store, heights);
  const say = (heights: number[]) => {
    const consistency = on(heights);
    return consistency && codeOf({ kind: "consistency", consistency });
  };
  // The newest blocks changed nothing: links lead from old headers to the newest.
  for (const height of [1, 2, 3, 4, 5, 6]) assert.equal(say([height]), "ok", `height ${height}`);
  assert.equal(on([7]), undefined, "a block is no ancestor of itself");
  assert.equal(on([0]), undefined);
  record(quiet, { minutes: 40, frames: story(5)[4]?.frames ?? [] });
  record(quiet, { minutes: 50, frames: story(6)[5]?.frames ?? [] });
  for (let height = 1; height <= 8; height++) assert.equal(say([height]), "ok", `height ${height}`);
  assert.equal(on([5])?.ancestors[0]?.links.length, 2);

  const consistency = must(proveConsistency(application, store, [2]));
  assert.ok(must(consistency.ancestors[0]).proof.length <= 5);
  const foreign = told(21);
  const other = must(proveConsistency(foreign.application, foreign.store, [2]));
  const mixed = { ancestors: other.ancestors, head: consistency.head };
  // The story is the same, so block 2 is; its path is that of a longer tree.
  assert.equal(codeOf({ kind: "consistency", consistency: mixed }), "proof.ancestor");
});

test("a member that began with a snapshot proves what came after, and says it where it cannot", () => {
  const chapters = story(12);
  const [whole, late] = [openLedger(), openLedger()];
  for (const chapter of chapters.slice(0, 6)) record(whole, chapter);
  bring(whole, late, snapshotOf(whole));
  for (const chapter of chapters.slice(6)) record(late, chapter);
  for (const height of [6, 7, 9, 11]) {
    const consistency = must(proveConsistency(late.application, late.store, [height]));
    assert.equal(codeOf({ kind: "consistency", consistency }), "ok", `height ${height}`);
  }
  assert.equal(proveConsistency(late.application, late.store, [3]), undefined);
  assert.equal(proveResult(late.store, 6, 0), undefined);
  assert.equal(receiptOfReading(late.store, { meter: "user-a-meter", sequence: 2 }), undefined);
});

test("garbage and bent bytes are refused, never thrown at", () => {
  const kinds = fc.constantFrom(...proofs().filter(({ kind }) => kind !== "payment"));
  fc.assert(
    fc.property(kinds, fc.nat(), fc.integer({ min: 1, max: 255 }), (proof, at, flip) => {
      const bent = encodeProof(proof);
      bent[at % bent.length] = (bent[at % bent.length] ?? 0) ^ flip;
      const decoded = decodeProof(bent);
      const checked = decoded.ok ? check(decoded.proof) : decoded;
      // What no signature covers (how many leaves a tree has) may differ, what is proved may not.
      if (checked.ok) assert.deepEqual(checked, check(proof));
    }),
    { numRuns: 400 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(decodeProof(bytes).ok, false);
    }),
  );
});

test("along the steps from voters to voters a proof of any height is checked from the first ones", () => {
  const told = CouncilStory.told();
  const pinned = { chain, members: told.application.membershipAt(1).members };
  const steps = told.store.councilSteps.after(0).map(({ proof }) => {
    const decoded = decodeStateProof(proof);
    assert.ok(decoded.ok);
    return decoded.proof;
  });
  const [first, second, ...rest] = steps as [StateProof, StateProof, ...StateProof[]];
  const reading = (sequence: number): Proof => ({
    kind: "receipt",
    receipt: must(receiptOfReading(told.store, { meter: "user-a-meter", sequence })),
  });
  const newest = reading(told.store.height);
  const code = (list: readonly StateProof[], from: PinnedMembership = pinned, proof = newest) => {
    const back = decodeProof(encodeProof(proof, list));
    assert.ok(back.ok);
    const checked = verifyProofFrom(back, from, verifyOnce);
    return checked.ok ? "ok" : checked.code;
  };
  assert.equal(code(steps), "ok");
  for (let sequence = 1; sequence <= told.store.height; sequence++) {
    assert.equal(code(steps, pinned, reading(sequence)), "ok", `reading ${sequence}`);
  }
  const lies: readonly (readonly [readonly StateProof[], string])[] = [
    [[], "certificate.quorum"],
    [[first], "certificate.quorum"],
    [[first, ...rest], "step.order"],
    [[second, first, ...rest], "step.order"],
    [[certifiedBy(first, ["x", "y", "z"]), second, ...rest], "certificate.quorum"],
    [[{ ...first, value: second.value as Uint8Array }, second, ...rest], "proof.path"],
    [[{ ...first, header: { ...first.header, chain: "other" } }], "proof.chain"],
    [[...steps, { ...first, key: "council/5" }], "proof.path"],
  ];
  for (const [list, expected] of lies) assert.equal(code(list), expected);

  const { epoch, since } = told.application.council();
  const now = { ...told.application.membershipAt(since), epoch, since };
  assert.equal(code([], now), "ok");
  assert.equal(code(steps, now), "ok");
  assert.equal(code(steps, now, reading(1)), "proof.earlier");
});
