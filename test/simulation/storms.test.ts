import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "./cluster.ts";
import { four, ids, submitMany } from "./four.ts";
import { lose } from "./scenes.ts";

/** Views change because a leader failed, and for nothing else. */

/** Gives frames one after the other; how many views passed until half of them were due, and after that. */
function viewsWith(cluster: Cluster, count: number, everyMs: number): readonly [number, number] {
  submitMany(cluster, count, everyMs, "b");
  cluster.live((count * everyMs) / 2);
  const first = cluster.words.views;
  const done = () => cluster.frames.length === count && cluster.isQuiet;
  assert.ok(cluster.until(done, 120_000), cluster.standing);
  return [first, cluster.words.views - first];
}

for (const [delayMsMax, most] of [
  [100, 0],
  [400, 1],
  [1_000, 2],
  [2_500, 4],
] as const) {
  test(`links of ${delayMsMax} ms: at most ${most} views fail before patience fits, and none later`, () => {
    const cluster = four();
    cluster.network.weather = { delayMsMax, loss: 0, duplication: 0 };
    const [first, later] = viewsWith(cluster, 200, 200);
    assert.ok(first <= most, `${first} views`);
    assert.equal(later, 0);
  });
}

// What a view takes over is written anew: with four heights under way a dozen writes until its first block.
for (const [diskMs, most, everyMs] of [
  [50, 0, 600],
  [200, 2, 600],
  [500, 5, 3_000],
] as const) {
  test(`disks of ${diskMs} ms a write: at most ${most} views fail before patience fits, and none later`, () => {
    const cluster = four();
    for (const { member } of cluster.places) member.diskMs = () => diskMs;
    const [first, later] = viewsWith(cluster, 60, everyMs);
    assert.ok(first <= most, `${first} views`);
    assert.equal(later, 0);
  });
}

test("a fifth of the words is lost: what is said again is waited for", () => {
  const cluster = four();
  cluster.network.weather = { delayMsMax: 20, loss: 0.2, duplication: 0 };
  const [first, later] = viewsWith(cluster, 300, 200);
  assert.ok(first + later <= 2, `${first} and ${later} views`);
});

for (const [who, still] of [
  ["one process", ["d"]],
  ["the whole machine", ids],
] as const) {
  test(`${who} stands still for five seconds, and blames nobody for that time`, () => {
    const cluster = four();
    submitMany(cluster, 100, 200, "b");
    for (const at of [1_000, 8_000]) {
      cluster.agenda.at(at, () => {
        for (const id of still) cluster.member(id).pause();
        cluster.agenda.at(at + 5_000, () => {
          for (const id of still) cluster.member(id).resume();
        });
      });
    }
    const done = () => cluster.frames.length === 100 && cluster.isQuiet;
    assert.ok(cluster.until(done, 60_000), cluster.standing);
    assert.equal(cluster.words.views, 0);
  });
}

test("a member that has a lot to catch up on leaves no leader meanwhile, and votes again then", () => {
  const cluster = four({ framesPerBlock: 1 });
  const away = cluster.member("d");
  away.crash();
  submitMany(cluster, 300, 50);
  cluster.live(7_500);
  const { height } = cluster.auditor;
  assert.ok(height > 120, cluster.standing);
  // More than six seconds for what was missed, and what comes goes on coming.
  away.diskMs = () => 30;
  away.start();
  const done = () => cluster.frames.length === 300 && cluster.isQuiet;
  assert.ok(cluster.until(done, 60_000), cluster.standing);
  assert.deepEqual([cluster.words.views, away.replica?.asked], [0, 0]);
  cluster.member("c").crash();
  cluster.submit("pay x y 1 #last", "b");
  assert.ok(
    cluster.until(() => cluster.isQuiet, 1_000),
    cluster.standing,
  );
});

test("frames come faster than they are ordered: whoever waits for his turn is not held back", () => {
  const cluster = four({ framesPerBlock: 1 });
  for (const { member } of cluster.places) member.diskMs = () => 20;
  // Twice as many as can be ordered: the last one waits for a dozen seconds.
  const [first, later] = viewsWith(cluster, 400, 40);
  assert.ok(cluster.agenda.now > 25_000, `all was ordered after ${cluster.agenda.now} ms`);
  assert.equal(first + later, 0);
});

test("all processes get a quarter of the time: nobody is left for it", () => {
  const cluster = four();
  for (const [i, id] of ids.entries()) {
    const member = cluster.member(id);
    const turn = () => {
      member.pause();
      cluster.agenda.at(cluster.agenda.now + 450, () => {
        member.resume();
        cluster.agenda.at(cluster.agenda.now + 150, turn);
      });
    };
    cluster.agenda.at(150 * i, turn);
  }
  const [first, later] = viewsWith(cluster, 100, 200);
  assert.ok(first <= 1, `${first} views`);
  assert.equal(later, 0);
});

test("a leader that died is left within seconds, however slow the blocks were", () => {
  const cluster = four();
  cluster.network.weather = { delayMsMax: 400, loss: 0, duplication: 0 };
  viewsWith(cluster, 50, 200);
  const leader = cluster.member("c").replica?.view ?? 0;
  cluster.member(ids[leader % 4] ?? "").crash();
  cluster.network.weather = { delayMsMax: 5, loss: 0, duplication: 0 };
  const { height } = cluster.auditor;
  cluster.submit("pay x y 1 #later");
  assert.ok(
    cluster.until(() => cluster.auditor.height > height, 12_000),
    cluster.standing,
  );
});

test("a member that boasts of a height keeps nobody from leaving a leader that died", () => {
  const cluster = four({ liars: [{ id: "d", manner: "boasts" }] });
  cluster.submit("pay x y 1 #0", "b");
  cluster.live(2_000);
  cluster.member("a").crash();
  cluster.submit("pay x y 1 #1", "b");
  assert.ok(
    cluster.until(() => cluster.auditor.height === 2, 10_000),
    cluster.standing,
  );
});

test("a member that is far behind, and gets no blocks for a while, leaves no leader for that", () => {
  const cluster = four({ framesPerBlock: 1 });
  const away = cluster.member("d");
  away.crash();
  submitMany(cluster, 200, 50);
  cluster.live(2_000);
  const hear = lose(cluster, ({ to, message }) => to === "d" && message.name === "block");
  away.start();
  cluster.live(6_000);
  assert.ok(cluster.auditor.height > 100 && away.disk.pool.size > 0, cluster.standing);
  assert.deepEqual([cluster.words.views, away.replica?.asked], [0, 0]);
  hear();
  assert.ok(
    cluster.until(() => cluster.frames.length === 200 && cluster.isQuiet, 60_000),
    cluster.standing,
  );
});
