import assert from "node:assert/strict";
import { test } from "node:test";
import { openFrame } from "@busbar/protocol";
import { chain, signerOfName } from "../../ledger/test-site.ts";
import { duplicateVotesIn, Misbehavior } from "./misbehavior.ts";
import { addressOf } from "./validators.ts";

const liar = signerOfName("member-d").publicKey;
const council = { epoch: 3, since: 1, voters: [{ id: "member-d", key: liar }] };
const signature = Buffer.alloc(64, 7).toString("base64");

const vote = (hash: string, changes: object = {}) => ({
  ...{ type: 2, height: "41", round: 1, signature, validator_index: 3, extension: null },
  block_id: { hash, parts: { total: hash === "" ? 0 : 1, hash } },
  timestamp: "2026-06-01T00:00:05.000000120Z",
  validator_address: addressOf(liar).toUpperCase(),
  ...changes,
});
const duplicate = (a: object, b: object) => ({
  type: "tendermint/DuplicateVoteEvidence",
  value: { vote_a: a, vote_b: b, TotalVotingPower: "4", ValidatorPower: "1" },
});
const block = (...evidence: readonly unknown[]) => ({
  block_id: {},
  block: { header: {}, evidence: { evidence } },
});
const hash = "AB".repeat(32);

test("two votes in a block's evidence are read as their signatures cover them", () => {
  const [found] = duplicateVotesIn(block({ type: "else" }, duplicate(vote(""), vote(hash))));
  assert.ok(found !== undefined);
  assert.deepEqual([found.type, found.height, found.round], [2, 41, 1]);
  assert.deepEqual(
    [found.first.block, found.first.seconds, found.first.nanos],
    [undefined, Date.parse("2026-06-01T00:00:05Z") / 1000, 120],
  );
  assert.deepEqual(found.second.block?.hash, new Uint8Array(32).fill(0xab));
  const whole = duplicateVotesIn(
    block(duplicate(vote(hash, { timestamp: "2026-06-01T00:00:05Z" }), vote(""))),
  );
  assert.equal(whole[0]?.first.nanos, 0);
});

test("evidence that is none, or of another kind, is passed over", () => {
  for (const answer of [undefined, null, 5, {}, { block: {} }, block(), block(null, 7, "x", {})]) {
    assert.deepEqual(duplicateVotesIn(answer), []);
  }
  for (const wrong of [
    { type: 3 },
    { type: "2" },
    { height: "-1" },
    { height: "x" },
    { round: -1 },
    { timestamp: "yesterday" },
    { timestamp: "1960-01-01T00:00:00Z" },
    { signature: "AAAA" },
    { signature: "%" },
    { validator_address: "xy" },
    { block_id: { hash: "AB", parts: { total: 1, hash: "AB" } } },
    { block_id: null },
  ]) {
    const answer = block(duplicate(vote(hash, wrong), vote("")));
    assert.deepEqual(duplicateVotesIn(answer), [], JSON.stringify(wrong));
  }
});

test("what was found is reported once it can be fetched and kept, in a frame of this member's", async () => {
  const kept: Uint8Array[] = [];
  let room = false;
  let reached = false;
  const asked: number[] = [];
  const member = { id: "member-a", chain, signer: signerOfName("member-a") };
  const misbehavior = new Misbehavior({
    fetch: async (height) => {
      asked.push(height);
      if (!reached) throw new Error("nobody answers");
      const stranger = vote(hash, { validator_address: "00".repeat(20) });
      return block(duplicate(vote(""), vote(hash)), duplicate(stranger, stranger));
    },
    councilAt: (height) => {
      assert.equal(height, 41, "those who voted there");
      return council;
    },
    pool: { keep: (frame) => room && kept.push(frame) > 0 },
    member,
  });
  await misbehavior.report();
  assert.deepEqual(asked, [], "nothing was found");
  misbehavior.found(43);
  await assert.rejects(misbehavior.report(), /nobody answers/);
  reached = true;
  await misbehavior.report();
  assert.equal(kept.length, 0);
  room = true;
  await misbehavior.report();
  await misbehavior.report();
  assert.deepEqual([asked, kept.length], [[43, 43, 43], 1]);
  const opened = openFrame(kept[0] ?? new Uint8Array());
  assert.ok(opened.ok && opened.frame.kind === "double-vote");
});
