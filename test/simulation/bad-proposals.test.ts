import assert from "node:assert/strict";
import { test } from "node:test";
import {
  digestOf,
  type Message,
  type Proposal,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import type { Cluster } from "./cluster.ts";
import { four } from "./four.ts";
import { firstProposal, give } from "./scenes.ts";
import { frameOf } from "./toy-ledger.ts";

/** What nobody votes for, though the leader of the view signed it well. */

type Proposed = Extract<Message, { name: "pre-prepare" }>["body"];

const frames = [frameOf("pay x y 1 #first")];

/** A proposal for height 1 as its leader signs it; `of` may be another than the one who leads. */
function signed({ keys }: Cluster, changes: Partial<Proposal>, of = "a"): Proposed {
  const time = 1_000_000 as Proposal["time"];
  const proposal: Proposal = { height: 1, time, proposer: of, view: 0, frames, ...changes };
  const digest = digestOf(proposal);
  const vote = { phase: "pre-prepare", epoch: 0, view: 0, height: 1, digest, from: of } as const;
  return { vote: { ...vote, signature: keys.sign(of, vote.phase, voteBytes(vote)) }, proposal };
}

/** What b takes for the proposal of height 1 when it hears this of a member. */
function accepted(cluster: Cluster, from: string, body: Proposed) {
  give(cluster, "b", from, { name: "pre-prepare", body });
  return cluster.member("b").replica?.slots.get(1)?.prePrepare;
}

test("a good proposal of the leader is voted for", () => {
  const cluster = four();
  const body = signed(cluster, {});
  assert.deepEqual(accepted(cluster, "a", body), body.vote);
});

test("a proposal of another than the leader is voted for by nobody", () => {
  const cluster = four();
  assert.equal(accepted(cluster, "c", signed(cluster, {}, "c")), undefined);
  assert.equal(cluster.counts.get("consensus.not-leader"), 1);
});

for (const [what, changes] of [
  ["a frame that is none", { frames: [...frames, frameOf("nonsense")] }],
  ["a time that has not come", { time: (1_000_000 + 10 ** 9) as Proposal["time"] }],
  ["another's name", { proposer: "c" }],
  ["another view", { view: 1 }],
] as const) {
  test(`a proposal with ${what} is voted for by nobody`, () => {
    const cluster = four();
    assert.equal(accepted(cluster, "a", signed(cluster, changes)), undefined);
    assert.equal(cluster.counts.get("consensus.bad-proposal"), 1);
  });
}

test("a proposal whose body is another than the one that was signed is voted for by nobody", () => {
  const cluster = four();
  const { vote } = signed(cluster, {});
  const { proposal } = firstProposal(cluster, { leader: "a", view: 0, amount: "2" });
  assert.equal(accepted(cluster, "a", { vote, proposal }), undefined);
});

test("of two proposals for one height the first stays, and the leader is reported", () => {
  const cluster = four();
  const first = signed(cluster, {});
  accepted(cluster, "a", first);
  const second = signed(cluster, { frames: [frameOf("pay x y 2 #second")] });
  assert.deepEqual(accepted(cluster, "a", second), first.vote);
  assert.ok(cluster.accused.has("a"));
});
