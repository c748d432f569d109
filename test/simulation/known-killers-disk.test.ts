import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockVote, Message, Vote } from "../../aggregator/consensus/pbft/messages.ts";
import { four, submitMany } from "./four.ts";
import { Random } from "./random.ts";
import { give, lose, newestBlock, signing } from "./scenes.ts";
import { DamagedLog } from "./toy-disk.ts";

test("delivered by a peer's block while a new view orders the same height: once", () => {
  const cluster = four();
  // d sees everything but the others' signatures on the block, so that it has run and not certified.
  cluster.network.cut = (_, to) => to === 3 && cluster.auditor.height > 0;
  cluster.submit("pay x y 1 #0", "a");
  cluster.live(300);
  cluster.member("a").crash();
  cluster.network.cut = () => false;
  cluster.submit("pay x y 2 #1", "b");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 60_000),
    cluster.standing,
  );
  const { blocks } = cluster.member("d").disk.ledger;
  assert.equal(blocks.filter(({ frames }) => frames.length > 0).length, 2);
});

test("the block of the very height that is being run here is taken once", () => {
  const cluster = four();
  cluster.submit("pay x y 1 #0", "a");
  assert.ok(cluster.until(() => cluster.isQuiet, 1_000));
  const block = cluster.member("a").disk.ledger.last;
  assert.ok(block);
  const { bytes: header, certificate, frames } = block;
  const message: Message = { name: "block", body: { header, certificate, frames } };
  for (let i = 0; i < 3; i += 1) {
    cluster.member("d").take({ kind: "message", from: "a", message });
  }
  assert.equal(cluster.member("d").disk.ledger.height, 1);
});

test("a peer's block comes while the same height runs here: delivered once", () => {
  const cluster = four();
  const slow = cluster.member("d");
  slow.diskMs = () => 40;
  cluster.submit("pay x y 1 #0", "a");
  const runs = () =>
    slow.replica?.slots.get(1)?.running !== undefined && cluster.auditor.height === 1;
  assert.ok(cluster.until(runs, 1_000), "the others are done and d is not");
  slow.take({ kind: "message", from: "a", message: newestBlock(cluster) });
  cluster.submit("pay x y 2 #1", "a");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 10_000),
    cluster.standing,
  );
  assert.equal(slow.disk.ledger.balances.get("y"), 3);
});

test("a height becomes ordered here while a peer's block of it is being taken: delivered once", () => {
  const cluster = four();
  const commits: Vote[] = [];
  cluster.onSend = (_, message) => {
    if (message.name === "vote" && message.body.phase === "commit") commits.push(message.body);
  };
  // d hears the proposal and nothing of what others say to it.
  const hear = lose(
    cluster,
    ({ to, message }) => to === "d" && ["vote", "block-vote", "block"].includes(message.name),
  );
  cluster.submit("pay x y 1 #0", "a");
  assert.ok(cluster.until(() => cluster.auditor.height === 1, 1_000));
  const slow = cluster.member("d");
  slow.diskMs = () => 40;
  slow.take({ kind: "message", from: "a", message: newestBlock(cluster) });
  assert.equal(slow.replica?.applying, true);
  for (const body of commits) {
    slow.take({ kind: "message", from: body.from, message: { name: "vote", body } });
  }
  hear();
  cluster.submit("pay x y 2 #1", "a");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 10_000),
    cluster.standing,
  );
  assert.equal(slow.disk.ledger.balances.get("y"), 3);
});

test("a block that ran here comes from a peer, and the last signature right behind: delivered once", () => {
  const cluster = four();
  const signed: BlockVote[] = [];
  cluster.onSend = (_, message) => {
    if (message.name === "block-vote") signed.push(message.body);
  };
  const hear = lose(cluster, signing("d"));
  cluster.submit("pay x y 1 #0", "a");
  const slow = cluster.member("d");
  const ran = () => slow.replica?.slots.get(1)?.ran !== undefined && cluster.auditor.height > 0;
  assert.ok(cluster.until(ran, 1_000), "d has run it and knows nobody else's signature");
  // One write takes a while, so that what comes next is heard before it is done.
  slow.diskMs = () => 40;
  give(cluster, "d", "a", newestBlock(cluster));
  for (const body of signed) give(cluster, "d", body.from, { name: "block-vote", body });
  hear();
  cluster.submit("pay x y 2 #1", "a");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 10_000),
    cluster.standing,
  );
  assert.equal(slow.disk.ledger.balances.get("y"), 3);
});

test("a member dies before, in the middle of, and after each write", () => {
  for (let effects = 0; effects < 80; effects += 1) {
    const cluster = four({ framesPerBlock: 1, random: new Random(effects) });
    const victim = cluster.member(effects % 2 === 0 ? "a" : "b");
    victim.diesAfter = effects;
    submitMany(cluster, 6, 20);
    cluster.live(1_500);
    if (!victim.isUp) victim.start();
    victim.diesAfter = undefined;
    const done = cluster.until(() => cluster.frames.length === 6 && cluster.isQuiet, 60_000);
    assert.ok(done, `dead after ${effects}: ${cluster.standing}`);
    assert.equal(cluster.accused.size, 0, `dead after ${effects}: nobody contradicted himself`);
  }
});

test("the next leader dies before, in the middle of, and after each write of a view change", () => {
  for (let effects = 0; effects < 60; effects += 1) {
    const cluster = four({ framesPerBlock: 1, random: new Random(effects) });
    submitMany(cluster, 4, 20, "c");
    cluster.live(30);
    cluster.member("a").crash();
    const victim = cluster.member("b");
    victim.diesAfter = effects;
    cluster.live(3_000);
    if (!victim.isUp) victim.start();
    victim.diesAfter = undefined;
    const done = cluster.until(() => cluster.frames.length === 4 && cluster.isQuiet, 60_000);
    assert.ok(done, `dead after ${effects}: ${cluster.standing}`);
    assert.equal(cluster.accused.size, 0, `dead after ${effects}: nobody contradicted himself`);
  }
});

test("a member with a flipped bit in its log does not start, and the others go on", () => {
  const cluster = four({ framesPerBlock: 1 });
  submitMany(cluster, 5, 20);
  cluster.live(50);
  const damaged = cluster.member("d");
  const { log } = damaged.disk;
  const hasSpoken = () => log.records.length > 0;
  assert.ok(cluster.until(hasSpoken, 100), "it has given its word on something");
  damaged.crash();
  const { bytes } = log;
  for (let at = 0; at < bytes.length; at += 97) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    log.bytes = flipped;
    assert.throws(() => damaged.start(), DamagedLog, `byte ${at}`);
    assert.ok(!damaged.isUp);
  }
  const done = () => cluster.frames.length === 5 && cluster.isQuiet;
  assert.ok(cluster.until(done, 10_000), cluster.standing);
});
