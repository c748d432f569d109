import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeHeader } from "@busbar/protocol";
import { leaderOf } from "../../aggregator/consensus/pbft/council.ts";
import {
  blockBytesMax,
  blocksPerAnswer,
  usualTiming,
} from "../../aggregator/consensus/pbft/limits.ts";
import type { Message } from "../../aggregator/consensus/pbft/messages.ts";
import { viewChangeBytes, voteBytes } from "../../aggregator/consensus/pbft/messages.ts";
import { four, ids, submitMany, views } from "./four.ts";
import { sha256 } from "./toy-ledger.ts";

test("watermark race: one backup away, a window of eight: all goes on without another view", () => {
  const cluster = four({ framesPerBlock: 1 });
  cluster.member("d").crash();
  submitMany(cluster, 200, 3);
  assert.ok(cluster.until(() => cluster.frames.length === 200 && cluster.isQuiet, 30_000));
  assert.equal(views(cluster), 0);
});

test("watermark race: one backup always behind the others: all goes on without another view", () => {
  const cluster = four({ framesPerBlock: 1 });
  cluster.network.slow = { place: 3, ms: 60 };
  submitMany(cluster, 100, 3);
  const done = () => cluster.frames.length === 100 && cluster.isQuiet;
  assert.ok(cluster.until(done, 30_000), cluster.standing);
  assert.equal(views(cluster), 0);
});

test("an equal id with another payload: one of the two stands in a block, once", () => {
  const cluster = four();
  cluster.submit("pay x y 1 #0", "a");
  cluster.submit("pay x y 2 #0", "c");
  cluster.live(3_000);
  cluster.submit("pay x y 2 #0", "b");
  cluster.submit("pay x y 1 #0", "d");
  cluster.live(3_000);
  const { blocks } = cluster.member("a").disk.ledger;
  assert.equal(blocks.flatMap(({ frames }) => frames).length, 1);
  for (const { member } of cluster.places) assert.equal(member.disk.pool.size, 0, "nothing waits");
  assert.equal(views(cluster), 0, "and nobody waited for the other");
});

test("a single frame becomes a block at once, long before anybody loses patience", () => {
  const cluster = four();
  cluster.submit("pay x y 1 #0", "c");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 200),
    cluster.standing,
  );
  assert.equal(views(cluster), 0);
});

test("prepared but cut off: the next view takes over what a quorum prepared", () => {
  const cluster = four();
  // Nobody hears a commit, until all have prepared.
  cluster.network.cut = () => false;
  let digest: Uint8Array | undefined;
  cluster.onSend = (_, message) => {
    if (message.name === "pre-prepare") digest ??= message.body.vote.digest;
    if (message.name === "vote" && message.body.phase === "commit") {
      cluster.network.cut = () => true;
    }
  };
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(1_000);
  assert.equal(cluster.auditor.height, 0, "nothing is ordered");
  const prepared = cluster.places.filter(({ member }) => member.replica?.slots.get(1)?.prepared);
  assert.ok(prepared.length > 0, "somebody has seen it prepared");
  cluster.onSend = () => {};
  const first = cluster.member("a");
  first.crash();
  cluster.network.cut = () => false;
  assert.ok(
    cluster.until(() => cluster.auditor.height >= 1, 60_000),
    cluster.standing,
  );
  const place = cluster.frames[0] && cluster.auditor.placeOf(cluster.frames[0]);
  assert.equal(place, 1, "at the height at which it was prepared");
  assert.ok(digest !== undefined && views(cluster) > 0);
});

test("a thousand views in a row fail, and the next one works", () => {
  const cluster = four({ timing: { ...usualTiming, requestMs: 100, requestMsMax: 200 } });
  // Everybody hears who asks for a view, and nobody who leads one.
  let deaf = true;
  const { network } = cluster;
  const send = network.send.bind(network);
  let leading = false;
  cluster.onSend = (_, message) => {
    leading = message.name === "new-view" || message.name === "pre-prepare";
  };
  network.send = (from, to, deliver) => {
    if (!(deaf && leading)) send(from, to, deliver);
  };
  cluster.submit("pay x y 1 #0", "a");
  const asked = () => cluster.member("b").replica?.asked ?? 0;
  assert.ok(
    cluster.until(() => asked() >= 1_000, 3_600_000),
    cluster.standing,
  );
  deaf = false;
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
});

test("the last view that a number can say is asked for by nobody", () => {
  const cluster = four();
  const last = Number.MAX_SAFE_INTEGER;
  for (const from of ["b", "c"]) {
    const body = { epoch: 0, view: last, height: 2 ** 52, from };
    cluster.member("a").take({ kind: "message", from, message: { name: "status", body } });
  }
  // A liar asks for it, again and again, and as well as can be.
  const change = { epoch: 0, view: last, prepared: [], from: "d" };
  const signature = cluster.keys.sign("d", "view-change", viewChangeBytes(change));
  for (const id of ["a", "b", "c"]) {
    const message: Message = { name: "view-change", body: { ...change, signature } };
    cluster.member(id).take({ kind: "message", from: "d", message });
  }
  cluster.submit("pay x y 1 #0", "d");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 5_000),
    cluster.standing,
  );
  assert.ok(ids.every((id) => (cluster.member(id).replica?.asked ?? last) < last));
  assert.equal(leaderOf({ members: ids, epoch: 0, faulty: 1, quorum: 3 }, last), ids[last % 4]);
});

test("whoever asks for a next view does not follow one member to a far one", () => {
  const cluster = four();
  const far = 900;
  cluster.member("a").crash();
  const change = { epoch: 0, view: far, prepared: [], from: "d" };
  const signature = cluster.keys.sign("d", "view-change", viewChangeBytes(change));
  cluster.submit("pay x y 1 #0", "b");
  assert.ok(
    cluster.until(() => (cluster.member("b").replica?.asked ?? 0) > 0, 60_000),
    cluster.standing,
  );
  for (const id of ["b", "c"]) {
    const message: Message = { name: "view-change", body: { ...change, signature } };
    cluster.member(id).take({ kind: "message", from: "d", message });
  }
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
  const asked = ["b", "c"].map((id) => cluster.member(id).replica?.asked ?? far);
  assert.ok(
    asked.every((view) => view < far),
    cluster.standing,
  );
});

test("a hundred thousand messages from the future are neither kept nor waited for", () => {
  const cluster = four();
  const victim = cluster.member("a");
  for (let i = 0; i < 100_000; i += 1) {
    const view = i % 3 === 0 ? 0 : 1 + i;
    const height = i % 3 === 0 ? 100 + i : 1 + (i % 8);
    const body = { phase: "commit", epoch: 0, view, height, digest: sha256(), from: "b" } as const;
    const signature =
      i % 100 === 0 ? cluster.keys.sign("b", "commit", voteBytes(body)) : new Uint8Array(64);
    const message: Message = { name: "vote", body: { ...body, signature } };
    victim.take({ kind: "message", from: "b", message });
    // At once, since whoever keeps all of them takes ever longer for each.
    const { later, slots } = victim.replica ?? assert.fail("it is up");
    const kept = [...later.values()].reduce((sum, messages) => sum + messages.length, 0);
    assert.ok(kept <= 64 && slots.size <= 8, `${kept} messages, ${slots.size} heights`);
  }
  cluster.submit("pay x y 1 #0", "c");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 5_000),
    cluster.standing,
  );
});

test("blocks of the future, each of a megabyte, are kept up to a bound, and the next one is taken", () => {
  const cluster = four();
  const victim = cluster.member("d");
  victim.crash();
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(500);
  const { last } = cluster.member("a").disk.ledger;
  assert.ok(last !== undefined);
  victim.start();
  const { header: first, certificate } = last;
  for (let height = 2; height <= blocksPerAnswer; height += 1) {
    const header = encodeHeader({ ...first, height });
    const body = { header, certificate, frames: [new Uint8Array(2 ** 20)] };
    victim.take({ kind: "message", from: "b", message: { name: "block", body } });
  }
  const kept = victim.replica?.blocks.size ?? 0;
  assert.ok(kept > 0 && kept * 2 ** 20 <= blockBytesMax, `${kept} blocks`);
  assert.ok(
    cluster.until(() => cluster.isQuiet, 5_000),
    cluster.standing,
  );
});

test("a member is replaced while a view changes", () => {
  const cluster = four({ others: ["e"] });
  cluster.submit("members b,c,d,e", "b");
  submitMany(cluster, 10, 30, "c");
  cluster.agenda.at(8, () => cluster.member("a").crash());
  const done = () => cluster.frames.length === 11 && cluster.auditor.height > 2;
  cluster.until(() => done() && cluster.isQuiet, 120_000);
  for (const id of ["b", "c", "d", "e"]) {
    const { replica, disk } = cluster.member(id);
    assert.deepEqual(replica?.council.members, ["b", "c", "d", "e"], `${id}: ${cluster.standing}`);
    assert.equal(disk.ledger.height, cluster.auditor.height);
  }
  const { certificate } = cluster.member("e").disk.ledger.last ?? {};
  const kid = Buffer.from(cluster.keys.kid("a"));
  assert.ok(!certificate?.some((vote) => kid.equals(Buffer.from(vote.kid))), "a votes no more");
});

test("a fifth member joins, catches up from nothing, and its vote counts", () => {
  const cluster = four({ others: ["e"] });
  submitMany(cluster, 60, 10);
  assert.ok(cluster.until(() => cluster.frames.length === 60 && cluster.isQuiet, 60_000));
  cluster.member("e").crash();
  cluster.submit("members a,b,c,d,e", "a");
  for (let i = 0; i < 3; i += 1) {
    cluster.submit(`pay x y 5 #late${i}`, "a");
    cluster.live(200);
  }
  cluster.member("e").start();
  cluster.member("d").crash();
  cluster.submit("pay x y 5 #last", "b");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 120_000),
    cluster.standing,
  );
  assert.equal(cluster.member("e").replica?.council.members.length, 5);
});
