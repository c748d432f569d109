import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BlockVote,
  type Message,
  type NewView,
  newViewBytes,
  type Proposal,
  type ViewChange,
  viewChangeBytes,
  voteBytes,
} from "../../aggregator/consensus/pbft/messages.ts";
import { proposalOf } from "../../aggregator/consensus/pbft/state.ts";
import type { Cluster } from "./cluster.ts";
import { four, ids, submitMany, views } from "./four.ts";
import { firstProposal, give, lose, replaced, type Sent, signing } from "./scenes.ts";
import { frameOf } from "./toy-ledger.ts";

/** Rules of the protocol that few lives under a seed put to the test. */

test("votes of a member that has gone count no more", () => {
  const cluster = replaced();
  const { height } = cluster.auditor;
  for (const id of ["d", "e"]) cluster.member(id).crash();
  cluster.onSend = (_, message) => {
    const vote = message.name === "pre-prepare" ? message.body.vote : message.body;
    if (message.name !== "pre-prepare" && message.name !== "vote") return;
    for (const phase of ["prepare", "commit"] as const) {
      const body = { ...(vote as Extract<Message, { name: "vote" }>["body"]), phase, from: "a" };
      const signature = cluster.keys.sign("a", phase, voteBytes(body));
      for (const to of ["b", "c"]) {
        cluster.agenda.at(cluster.agenda.now, () =>
          give(cluster, to, "a", { name: "vote", body: { ...body, signature } }),
        );
      }
    }
  };
  cluster.submit("pay x y 1 #late", "b");
  cluster.live(3_000);
  assert.equal(cluster.auditor.height, height, "two of four order nothing");
});

test("a block vote of a member that has gone counts no more", () => {
  const cluster = replaced();
  const { height } = cluster.auditor;
  cluster.member("e").crash();
  const hear = lose(cluster, signing("d"));
  cluster.onSend = echoOf(cluster, cluster.onSend, (vote) => ({
    ...vote,
    from: "a",
    signature: cluster.keys.sign("a", "block", vote.header),
  }));
  cluster.submit("pay x y 1 #late", "b");
  cluster.live(600);
  assert.equal(cluster.auditor.height, height, "two of four sign no block");
  hear();
  assert.ok(
    cluster.until(() => cluster.auditor.height > height, 10_000),
    cluster.standing,
  );
});

test("a block vote under another's name counts for nothing", () => {
  const cluster = four();
  cluster.member("d").crash();
  const hear = lose(cluster, signing("c"));
  cluster.onSend = echoOf(cluster, cluster.onSend, (vote) => ({ ...vote, from: "c" }));
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(600);
  assert.equal(cluster.auditor.height, 0, "two of four sign no block");
  assert.ok((cluster.counts.get("consensus.forged") ?? 0) > 0);
  hear();
  assert.ok(
    cluster.until(() => cluster.auditor.height === 1, 10_000),
    cluster.standing,
  );
});

/** Gives a and b, or whoever is up, another version of each block vote that they send. */
function echoOf(
  cluster: Cluster,
  heard: Cluster["onSend"],
  other: (vote: BlockVote) => BlockVote,
): Cluster["onSend"] {
  return (from, message) => {
    heard(from, message);
    if (message.name !== "block-vote") return;
    const body = other(message.body);
    if (body.from === from) return;
    for (const { member } of cluster.honest) {
      cluster.agenda.at(cluster.agenda.now, () =>
        member.take({ kind: "message", from: body.from, message: { name: "block-vote", body } }),
      );
    }
  };
}

test("whoever asks for a view under others' names is not heard", () => {
  const cluster = four();
  for (const from of ["b", "c", "d"]) {
    const change = { epoch: 0, view: 1, prepared: [], from };
    const signature = cluster.keys.sign("d", "view-change", viewChangeBytes(change));
    const message: Message = { name: "view-change", body: { ...change, signature } };
    for (const to of ["a", "b", "c"]) if (to !== from) give(cluster, to, from, message);
  }
  cluster.live(100);
  for (const id of ["a", "b", "c"]) assert.equal(cluster.member(id).replica?.asked, 0);
});

test("a new view that orders what its own proofs do not say is not entered", () => {
  const cluster = four();
  const changes: ViewChange[] = [];
  cluster.onSend = (_, message) => {
    if (message.name === "view-change" && message.body.view === 1) {
      if (!changes.some(({ from }) => from === message.body.from)) changes.push(message.body);
    }
  };
  lose(cluster, ({ message }) => message.name === "new-view");
  cluster.member("a").crash();
  cluster.submit("pay x y 1 #0", "c");
  assert.ok(
    cluster.until(() => changes.length === 3, 20_000),
    cluster.standing,
  );
  const { vote } = firstProposal(cluster, { leader: "b", view: 1 });
  const body = { epoch: 0, view: 1, changes, prePrepares: [vote], from: "b" };
  const signature = cluster.keys.sign("b", "new-view", newViewBytes(body));
  give(cluster, "c", "b", { name: "new-view", body: { ...body, signature } });
  assert.equal(cluster.member("c").replica?.view, 0);
  assert.equal(cluster.counts.get("consensus.bad-new-view"), 1);
});

test("of two digests that were prepared, a new view takes that of the higher view", () => {
  const cluster = four();
  const { keys } = cluster;
  // a led view 0 and b view 1: a quorum prepared something else in each. c leads view 2.
  const certificates = [0, 1].map((view) => {
    const leader = view === 0 ? "a" : "b";
    const { vote } = firstProposal(cluster, { leader, view, amount: `${view + 1}` });
    const prepares = ["c", "d"].map((from) => {
      const body = { ...vote, phase: "prepare", from } as const;
      return { ...body, signature: keys.sign(from, "prepare", voteBytes(body)) };
    });
    return { votes: [vote, ...prepares] };
  });
  const changes = ["b", "c", "d"].map((from, i) => {
    const body = { epoch: 0, view: 2, prepared: [...certificates.slice(i, i + 1)], from };
    return { ...body, signature: keys.sign(from, "view-change", viewChangeBytes(body)) };
  });
  for (const [view, entered] of [
    [0, 0],
    [1, 2],
  ] as const) {
    const { digest } = certificates[view]?.votes[0] ?? assert.fail();
    const vote = { phase: "pre-prepare", epoch: 0, view: 2, height: 1, digest, from: "c" } as const;
    const signed = { ...vote, signature: keys.sign("c", "pre-prepare", voteBytes(vote)) };
    const body = { epoch: 0, view: 2, changes, prePrepares: [signed], from: "c" };
    const signature = keys.sign("c", "new-view", newViewBytes(body));
    give(cluster, "d", "c", { name: "new-view", body: { ...body, signature } });
    assert.equal(cluster.member("d").replica?.view, entered);
  }
});

test("one voice, repeated, prepares nothing", () => {
  const cluster = four();
  const { vote } = firstProposal(cluster, { leader: "a", view: 0 });
  const prepare = { ...vote, phase: "prepare" } as const;
  const own = { ...prepare, signature: cluster.keys.sign("a", "prepare", voteBytes(prepare)) };
  const prepared = [{ votes: [vote, own, own, own] }];
  const change = { epoch: 0, view: 1, prepared, from: "a" };
  const signature = cluster.keys.sign("a", "view-change", viewChangeBytes(change));
  give(cluster, "b", "a", { name: "view-change", body: { ...change, signature } });
  assert.ok(!cluster.member("b").replica?.changes.has("a"));
});

test("a view change that rests on a block which nobody certified is not heard", () => {
  const cluster = four();
  cluster.submit("pay x y 1 #0", "a");
  assert.ok(cluster.until(() => cluster.isQuiet, 1_000));
  const { ledger } = cluster.member("d").disk;
  const last = ledger.last;
  assert.ok(last);
  const { time, proposer, view } = last.header;
  const { bytes: header } = ledger.run({ height: 2, time, proposer, view, frames: [] });
  const certified = { header, certificate: last.certificate };
  const change = { epoch: 0, view: 1, certified, prepared: [], from: "d" };
  const signature = cluster.keys.sign("d", "view-change", viewChangeBytes(change));
  for (const to of ["a", "b", "c"]) {
    give(cluster, to, "d", { name: "view-change", body: { ...change, signature } });
    assert.ok(!cluster.member(to).replica?.changes.has("d"));
  }
  assert.equal(cluster.counts.get("consensus.bad-view-change"), 3);
});

test("a member that lacks a certified block lets a new leader order nothing else at its height", () => {
  const cluster = four();
  const late = ({ to, message }: Sent) =>
    to === "c" && (message.name === "block" || message.name === "block-vote");
  lose(cluster, late);
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(500);
  const behind = cluster.member("c");
  behind.crash();
  behind.start();
  cluster.member("a").crash();
  cluster.submit("pay x y 2 #1", "b");
  const inNext = () => behind.replica?.view === 1;
  assert.ok(cluster.until(inNext, 20_000), cluster.standing);
  assert.deepEqual([behind.replica?.height, behind.replica?.takenOver], [0, 1]);
  const body = firstProposal(cluster, { leader: "b", view: 1 });
  give(cluster, "c", "b", { name: "pre-prepare", body });
  assert.equal(behind.replica?.slots.get(1)?.prePrepare, undefined);
});

test("a leader that is behind proposes nothing at heights that others have certified", () => {
  const cluster = four();
  const late = ({ to, message }: Sent) =>
    to === "b" && (message.name === "block" || message.name === "block-vote");
  const hear = lose(cluster, late);
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(500);
  assert.equal(cluster.member("c").disk.ledger.height, 1);
  assert.equal(cluster.member("b").disk.ledger.height, 0);
  // b dies, so that it has neither the block nor what it ran.
  cluster.member("b").crash();
  cluster.member("b").start();
  cluster.member("a").crash();
  let proposed = 0;
  const heard = cluster.onSend;
  cluster.onSend = (from, message) => {
    heard(from, message);
    if (from === "b" && message.name === "pre-prepare") {
      proposed += 1;
      assert.ok(message.body.vote.height > 1, "height 1 is certified");
    }
  };
  cluster.submit("pay x y 2 #1", "c");
  const leads = () => (cluster.member("b").replica?.view ?? 0) % 4 === 1;
  assert.ok(cluster.until(leads, 20_000), cluster.standing);
  cluster.live(300);
  hear();
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
  assert.ok(cluster.auditor.height > 1 && proposed >= 0);
});

test("an old new view, said again, moves nobody back", () => {
  const cluster = four();
  const begun: NewView[] = [];
  cluster.onSend = (_, message) => {
    if (message.name === "new-view") begun.push(message.body);
  };
  cluster.submit("pay x y 1 #0", "c");
  assert.ok(cluster.until(() => cluster.isQuiet, 1_000));
  for (const [i, leader] of ["a", "b"].entries()) {
    cluster.member(leader).crash();
    cluster.submit(`pay x y 1 #${i + 1}`, "c");
    if (leader === "a") {
      assert.ok(cluster.until(() => cluster.isQuiet, 60_000));
      cluster.member("a").start();
    }
  }
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
  const now = cluster.member("d").replica?.view ?? 0;
  const old = begun.find(({ view }) => view < now);
  assert.ok(now > 1 && old !== undefined, "two views were left");
  give(cluster, "d", old.from, { name: "new-view", body: old });
  assert.equal(cluster.member("d").replica?.view, now);
  assert.equal(cluster.member("d").replica?.asked, now);
});

test("a request that the leader holds back, while all else moves, is ordered by the next leader", () => {
  const cluster = four({ framesPerBlock: 1 });
  // a, who leads, knows nothing of one frame, whoever tells it.
  const held = frameOf("pay x y 5 #held");
  const leader = cluster.member("a");
  const submit = leader.submit.bind(leader);
  leader.submit = (frame) => {
    if (Buffer.compare(frame, held) !== 0) submit(frame);
  };
  submitMany(cluster, 200, 50, "b");
  cluster.submit("pay x y 5 #held", "c");
  const ordered = () => cluster.auditor.placeOf(held) !== undefined;
  assert.ok(cluster.until(ordered, 9_000), cluster.standing);
  assert.ok(views(cluster) > 0);
});

test("a leader that says two things is reported with both", () => {
  const cluster = four({ liars: [{ id: "a", manner: "equivocates" }] });
  const [first, second] = ["1", "2"].map((amount) =>
    firstProposal(cluster, { leader: "a", view: 0, amount }),
  );
  assert.ok(first && second);
  give(cluster, "b", "a", { name: "pre-prepare", body: first });
  give(cluster, "b", "a", { name: "pre-prepare", body: second });
  const evidence = cluster.accused.get("a");
  assert.deepEqual([evidence?.first, evidence?.second], [first.vote, second.vote]);
});

test("a body that is not what a view took over is not taken for it", () => {
  const cluster = four();
  // d hears of the frame only what others say about it.
  const isBody = ({ to, message }: Sent) =>
    to === "d" && ["pre-prepare", "held-proposal", "block"].includes(message.name);
  const hear = lose(
    cluster,
    (sent) =>
      isBody(sent) ||
      sent.message.name === "block-vote" ||
      (sent.message.name === "vote" && sent.message.body.phase === "commit"),
  );
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(200);
  cluster.member("a").crash();
  const inNext = () => cluster.member("d").replica?.slots.get(1)?.prePrepare?.view === 1;
  assert.ok(cluster.until(inNext, 20_000), cluster.standing);
  const slot = cluster.member("d").replica?.slots.get(1);
  assert.ok(slot && proposalOf(slot) === undefined, "d knows the digest and not the body");
  const frames = [frameOf("pay x y 9 #0")];
  const time = 1_000_000 as Proposal["time"];
  const proposal: Proposal = { height: 1, time, proposer: "a", view: 0, frames };
  give(cluster, "d", "b", { name: "held-proposal", body: { proposal } });
  assert.equal(proposalOf(slot), undefined);
  hear();
  assert.ok(
    cluster.until(() => cluster.auditor.height > 0, 60_000),
    cluster.standing,
  );
  assert.ok(ids.every((id) => id === "a" || cluster.member(id).isUp));
});
