import assert from "node:assert/strict";
import { test } from "node:test";
import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import type { NewView } from "../../aggregator/consensus/pbft/messages.ts";
import type { Cluster } from "./cluster.ts";
import { four, submitMany, views } from "./four.ts";
import { give, lose } from "./scenes.ts";

/** What was left, a view or an epoch, binds nobody to anything new. */

test("a member that asked for a later view says nothing in one that begins late", () => {
  const cluster = four();
  let begun: NewView | undefined;
  cluster.onSend = (_, message) => {
    if (message.name === "new-view" && message.body.view === 1) begun ??= message.body;
  };
  // All see height 1 prepared, so that the next view has something to vote on; d hears nothing of it.
  const hear = lose(
    cluster,
    ({ to, message }) =>
      (message.name === "vote" && message.body.phase === "commit") ||
      message.name === "block-vote" ||
      (message.name === "new-view" && to === "d"),
  );
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(200);
  cluster.member("a").crash();
  const late = cluster.member("d");
  assert.ok(
    cluster.until(() => late.replica?.asked === 2, 20_000),
    cluster.standing,
  );
  assert.ok(begun !== undefined && begun.prePrepares.length === 1);
  // Whoever votes in a view that it left is found out by those who listen.
  give(cluster, "d", "b", { name: "new-view", body: begun });
  assert.deepEqual([late.replica?.view, late.replica?.asked], [0, 2]);
  assert.equal(cluster.counts.get("consensus.view-left"), 1);
  hear();
  cluster.member("a").start();
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
});

test("a member that starts again in a new epoch takes up nothing of the one before", () => {
  const cluster = four({ others: ["e"] });
  cluster.member("a").crash();
  cluster.submit("pay x y 1 #0", "b");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  assert.ok(views(cluster) > 0, "the first epoch had a second view");
  cluster.member("a").start();
  for (const line of ["members b,c,d,e", "pay x y 1 #1", "pay x y 1 #2"]) {
    cluster.submit(line, "c");
    assert.ok(
      cluster.until(() => cluster.isQuiet, 20_000),
      cluster.standing,
    );
  }
  const member = cluster.member("c");
  const kinds = new Set(member.disk.log.records.map(({ epoch, kind }) => `${epoch} ${kind}`));
  assert.ok(kinds.has("0 view") && kinds.has("0 new-view"), "its disk still has the old words");
  member.crash();
  member.start();
  const { council, view, asked, newView } = member.replica ?? assert.fail("it is up");
  assert.deepEqual([council.epoch, view, asked, newView], [1, 0, 0, undefined]);
});

test("what the old voters ordered above a change of voters is void, and ordered anew", () => {
  const cluster = four({ others: ["e"], framesPerBlock: 1 });
  const hear = lose(cluster, ({ message: { name } }) => name === "block-vote" || name === "block");
  cluster.submit("members b,c,d,e", "a");
  submitMany(cluster, 3, 0);
  const ordered = () =>
    ["b", "c", "d"].every((id) =>
      [3, 4].every((height) => cluster.member(id).replica?.slots.get(height)?.commits.size === 4),
    );
  assert.ok(cluster.until(ordered, 1_000), "four heights are ordered, and none is a block");
  hear();
  // Heights 3 and 4 are the new voters': whoever runs one that they did not order is found out.
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  const { blocks } = cluster.member("e").disk.ledger;
  assert.deepEqual(
    blocks.slice(2).map(({ voters }) => voters.join("")),
    blocks.slice(2).map(() => "bcde"),
  );
  assert.ok(blocks.length >= 4);
});

test("a member that has left the view follows block by block, and waits for nobody to say where he stands", () => {
  const cluster = four({ timing: { ...usualTiming, statusMs: 3_600_000 } });
  const left = cluster.member("d");
  // Alone for a while, with work that nobody does, it asks for another view.
  cluster.network.cut = (from, to) => from === 3 || to === 3;
  cluster.submit("pay x y 1 #0", "d");
  assert.ok(
    cluster.until(() => left.replica?.asked === 1, 20_000),
    cluster.standing,
  );
  cluster.network.cut = () => false;
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  const before = cluster.auditor.height;
  cluster.network.weather = { delayMsMax: 2, loss: 0, duplication: 0 };
  for (let n = 1; n <= 20; n += 1) {
    cluster.submit(`pay x y 1 #${n}`, "a");
    // One block after the other, sooner than anything is said again.
    cluster.live(60);
    assert.equal(cluster.auditor.height, before + n, cluster.standing);
    assert.equal(left.disk.ledger.height, cluster.auditor.height, `after frame ${n}`);
  }
  assert.deepEqual([left.replica?.view, left.replica?.asked], [0, 1]);
  assert.equal(cluster.words.views, 1);
});

test("a commit to what a view took over is no signature over the block", () => {
  const cluster = four();
  // d sees nothing prepared in view 0, and nobody ever hears a commit or a signature.
  const hear = lose(cluster, ({ to, message }) => {
    if (message.name === "vote") {
      return message.body.phase === "commit" || (to === "d" && message.body.view === 0);
    }
    return message.name === "block-vote" || message.name === "block";
  });
  cluster.submit("pay x y 1 #0", "a");
  const slotOf = (id: string) => cluster.member(id).replica?.slots.get(1);
  const committed = () => slotOf("d")?.commits.get("d")?.view === 1;
  assert.ok(cluster.until(committed, 20_000), cluster.standing);
  cluster.live(100);
  // Who said commit in the view that the header names has signed it; d has run the same and waits.
  assert.ok(slotOf("b")?.blockVotes.has("b"));
  assert.equal(slotOf("d")?.ran?.digest, slotOf("b")?.ran?.digest);
  assert.ok(!slotOf("d")?.blockVotes.has("d"));
  hear();
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  assert.equal(cluster.member("d").disk.ledger.last?.header.view, 0);
});

/** a alone sees something prepared in view 0 and signs it; the others' next view knows nothing of it. */
function passedOver(cluster: Cluster): () => void {
  const hear = lose(
    cluster,
    ({ from, to, message }) =>
      (message.name === "vote" && message.body.view === 0 && to !== "a") ||
      (message.name === "view-change" && from === "a"),
  );
  cluster.submit("pay x y 1 #0", "a");
  const heard = () => cluster.member("b").replica?.slots.get(1)?.blockVotes.has("a") === true;
  assert.ok(cluster.until(heard, 500), "a has signed it");
  return hear;
}

test("who signed what was passed over takes the next view's block, and nobody calls that a deviation", () => {
  const cluster = four();
  const hear = passedOver(cluster);
  const first = cluster.member("a");
  first.crash();
  cluster.network.cut = (from, to) => from === 0 || to === 0;
  first.start();
  const ran = () => first.replica?.slots.get(1)?.ran !== undefined;
  assert.ok(
    cluster.until(() => ran() && cluster.auditor.height === 1, 20_000),
    cluster.standing,
  );
  cluster.network.cut = () => false;
  hear();
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  assert.equal(first.disk.ledger.last?.header.view, 1);
  assert.equal(cluster.counts.get("deviation"), undefined);
});

test("of a member's signatures over a height the newest counts", () => {
  const cluster = four();
  const hear = passedOver(cluster);
  const begun = () => cluster.member("b").replica?.view === 1;
  assert.ok(cluster.until(begun, 20_000), cluster.standing);
  // Now a is needed, and says something else than before; nobody gets the block of another.
  cluster.member("d").crash();
  hear();
  lose(cluster, ({ message }) => message.name === "block");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 5_000),
    cluster.standing,
  );
  assert.equal(cluster.member("b").disk.ledger.last?.header.view, 1);
});
