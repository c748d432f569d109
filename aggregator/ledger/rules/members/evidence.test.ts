import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message, Vote } from "@busbar/protocol";
import { creditRanking, creditReports, creditScore, fullCredit } from "../../credit.ts";
import { frameOf } from "../../test-site.ts";
import { equivocationsMax } from "./evidence.ts";
import {
  Consortium,
  keyOf,
  motionOf,
  requestOf,
  termsOf,
  type Votes,
  votedTwice,
  voteOf,
} from "./test-consortium.ts";

const four = ["member-a", "member-b", "member-c", "member-d"];
const consortium = () => new Consortium(four.map((id) => termsOf(id)));

test("who says two things in one place has it on its credit report, once", () => {
  const site = consortium();
  const proof = { member: "member-a", first: voteOf(1), second: voteOf(2) };
  assert.equal(site.one("member-a", "evidence", proof), "ok");
  const report = creditReports.get(site.state, "member-d");
  assert.deepEqual(report?.counts, [{ kind: "equivocation", times: 1 }]);
  assert.equal(report?.entries[0]?.height, site.height, "in the block that proves it");
  assert.equal(site.one("member-a", "evidence", proof), "tx.exists");
  const other = { member: "member-b", first: voteOf(3), second: voteOf(1) };
  assert.equal(
    site.one("member-b", "evidence", other),
    "tx.exists",
    "the same place, by somebody else",
  );
  assert.equal(creditReports.get(site.state, "member-d")?.points, 250);
  const prepare = {
    member: "member-b",
    first: voteOf(1, { phase: "prepare" }),
    second: voteOf(2, { phase: "prepare" }),
  };
  assert.equal(site.one("member-b", "evidence", prepare), "ok", "another phase is another place");
  assert.deepEqual(creditRanking(site.state, ["member-d", "member-b", "member-a"]), [
    { id: "member-a", score: fullCredit },
    { id: "member-b", score: fullCredit },
    { id: "member-d", score: fullCredit - 500 },
  ]);
});

const wrong: readonly (readonly [string, Vote, Vote, string])[] = [
  ["two views", voteOf(1), voteOf(2, { view: 2 }), "evidence.places"],
  ["two phases", voteOf(1), voteOf(2, { phase: "prepare" }), "evidence.places"],
  ["two heights", voteOf(1), voteOf(2, { height: 6 }), "evidence.places"],
  ["two members", voteOf(1), voteOf(2, { from: "member-c" }), "evidence.places"],
  ["the same twice", voteOf(1), voteOf(1), "evidence.same"],
  [
    "a member that has no vote",
    voteOf(1, { from: "user-a" }),
    voteOf(2, { from: "user-a" }),
    "evidence.stranger",
  ],
  [
    "an epoch that has not begun",
    voteOf(1, { epoch: 1 }),
    voteOf(2, { epoch: 1 }),
    "evidence.stranger",
  ],
  ["a forged vote", voteOf(1), voteOf(2, {}, "member-a"), "evidence.signature"],
  [
    "a commit made of a prepare",
    voteOf(1),
    { ...voteOf(2, { phase: "prepare" }), phase: "commit" },
    "evidence.signature",
  ],
];

for (const [name, first, second, code] of wrong) {
  test(`evidence of ${name} proves nothing: ${code}`, () => {
    const site = consortium();
    for (const pair of [
      { first, second },
      { first: second, second: first },
    ]) {
      assert.equal(site.one("member-a", "evidence", { member: "member-a", ...pair }), code);
    }
    assert.equal(creditScore(site.state, "member-d"), fullCredit);
  });
}

test("only members report, each under its own name", () => {
  const site = consortium();
  const proof = { member: "member-a", first: voteOf(1), second: voteOf(2) };
  assert.deepEqual(site.block([frameOf("member-b", "evidence", proof)]), ["evidence.rights"]);
  const owner = { ...proof, member: "user-a" };
  assert.deepEqual(site.block([frameOf("user-a", "evidence", owner)]), ["evidence.rights"]);
});

test("old votes are checked with the key of their epoch, whatever became of the member", () => {
  const site = consortium();
  const terms = termsOf("member-d", { key: keyOf("new-key") });
  site.agree(
    "member-a",
    motionOf("member-a", "admit", "member-d", { request: requestOf(terms, "new-key") }),
  );
  site.block();
  const old = { member: "member-a", first: voteOf(1), second: voteOf(2) };
  assert.equal(site.one("member-a", "evidence", old), "ok");
  const now = { epoch: 1 };
  const late = { member: "member-a", first: voteOf(1, now), second: voteOf(2, now) };
  assert.equal(site.one("member-a", "evidence", late), "evidence.signature");
  const renewed = {
    member: "member-a",
    first: voteOf(1, now, "new-key"),
    second: voteOf(2, now, "new-key"),
  };
  assert.equal(site.one("member-a", "evidence", renewed), "ok");
});

test("a liar cannot fill the state with proofs against itself", () => {
  const site = consortium();
  const codes = Array.from({ length: equivocationsMax + 2 }, (_, view) =>
    site.one("member-d", "evidence", {
      member: "member-d",
      first: voteOf(1, { view }),
      second: voteOf(2, { view }),
    }),
  );
  assert.equal(codes.filter((code) => code === "ok").length, equivocationsMax);
  assert.deepEqual(codes.slice(equivocationsMax), ["evidence.enough", "evidence.enough"]);
  assert.equal(creditScore(site.state, "member-d"), 0);
});

test("two votes in one round of CometBFT stand on the credit report once, whoever reports them", () => {
  const site = consortium();
  const about = { from: "member-d", epoch: 0 };
  const proof = (by: string, votes: Votes) => ({ member: by, ...about, ...votes });
  assert.equal(site.one("member-a", "double-vote", proof("member-a", votedTwice())), "ok");
  assert.equal(site.one("member-b", "double-vote", proof("member-b", votedTwice())), "tx.exists");
  const report = creditReports.get(site.state, "member-d");
  assert.deepEqual(report?.counts, [{ kind: "equivocation", times: 1 }]);
  const { second: swapped, first: back } = votedTwice();
  const turned = proof("member-b", { ...votedTwice(), first: swapped, second: back });
  assert.equal(site.one("member-b", "double-vote", turned), "tx.exists", "in any order");
  const refused = (votes: Partial<Message<"double-vote">>, code: string) => {
    const message = { ...proof("member-a", votedTwice({ round: 1 })), ...votes };
    assert.equal(site.one("member-a", "double-vote", message), code);
  };
  refused({ member: "member-b" }, "evidence.rights");
  refused({ second: votedTwice({ round: 1 }).first }, "evidence.same");
  refused({ from: "stranger" }, "evidence.stranger");
  refused({ epoch: 1 }, "evidence.stranger");
  refused({ from: "member-c" }, "evidence.signature");
  // Votes of another place, round, time, block, chain or key say nothing of this one.
  for (const change of [{ type: 1 }, { height: 6 }, { round: 2 }]) {
    refused(change, "evidence.signature");
  }
  const { first } = votedTwice({ round: 1 });
  refused({ first: { ...first, nanos: 8 } }, "evidence.signature");
  refused({ first: { ...first, seconds: 1 } }, "evidence.signature");
  refused(
    { first: { seconds: first.seconds, nanos: 7, signature: first.signature } },
    "evidence.signature",
  );
  refused(votedTwice({ round: 1 }, { on: "elsewhere" }), "evidence.signature");
  refused(votedTwice({ round: 1 }, { key: "member-c" }), "evidence.signature");
  for (let round = 1; round < equivocationsMax; round += 1) refused(votedTwice({ round }), "ok");
  refused(votedTwice({ round: 99 }), "evidence.enough");
});
