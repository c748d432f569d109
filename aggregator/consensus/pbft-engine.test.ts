import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openFrame, verifyReceipt } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { receiptOf } from "../ledger/receipts.ts";
import { rules } from "../ledger/rules/index.ts";
import { sha256 } from "../ledger/sha256.ts";
import { entry, MeterChain, startTime } from "../ledger/test-site.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { usualTiming } from "./pbft/limits.ts";

/** Short patience: many views fail. */
const hurried = { ...usualTiming, requestMs: 200, censorMs: 1_000, resendMs: 100, statusMs: 100 };

type Options = Partial<ConstructorParameters<typeof RealCluster>[0]>;

function setup(t: TestContext, options: Options = {}): RealCluster {
  const cluster = new RealCluster({ random: new Random(1), ...options });
  t.after(() => cluster.end());
  return cluster;
}

/** Readings of three meters, each to another member by turns. */
function feed(cluster: RealCluster, count: number, everyMs: number): void {
  for (let n = 0; n < count; n += 1) {
    cluster.agenda.at(cluster.agenda.now + n * everyMs, () => {
      const { up } = cluster;
      const to = up[(n % 3) % up.length];
      if (to !== undefined) cluster.read(n, [to]);
    });
  }
}

function assertEqualStores({ members, genesis }: RealCluster): void {
  const seen = members.map(({ life: { store } }) => {
    const verified = verifyLedger({ store, genesis, verify });
    assert.ok(verified.ok, JSON.stringify(verified));
    return {
      verified,
      blocks: Array.from({ length: store.height }, (_, i) => store.header(i + 1)?.hash),
    };
  });
  for (const one of seen) assert.deepEqual(one, seen[0]);
}

/** Lives until all frames stand in blocks of all members, who are all up. */
function assertGetsWell(cluster: RealCluster, frames: number, msMax = 30_000): void {
  const isWell = () =>
    cluster.frames.length >= frames &&
    cluster.up.length === cluster.members.length &&
    cluster.isQuiet;
  assert.ok(cluster.until(isWell, msMax), cluster.standing);
}

test("readings that come to any member stand in the same blocks of all, with receipts", (t) => {
  const cluster = setup(t);
  feed(cluster, 30, 7);
  assert.ok(
    cluster.until(() => cluster.frames.length === 30 && cluster.isQuiet, 5_000),
    cluster.standing,
  );
  assertEqualStores(cluster);
  for (const {
    life: { store, application, pool },
  } of cluster.members) {
    assert.equal(pool.size, 0);
    assert.deepEqual([store.pending().length, store.votes().length], [0, 0]);
    for (const frame of cluster.frames) {
      const receipt = receiptOf(store, sha256(frame));
      assert.ok(receipt);
      assert.equal(verifyReceipt(receipt, application.membership(), verify).ok, true);
      assert.ok(receipt.certificate.length >= 3);
    }
  }
});

test("a frame that waits alone is final after the batch's age and the members' words", (t) => {
  const cluster = setup(t, { blockIntervalMs: 2 });
  cluster.network.weather = { delayMsMax: 1, loss: 0, duplication: 0 };
  cluster.live(100);
  const began = cluster.agenda.now;
  cluster.read(0, cluster.members.slice(2, 3));
  assertGetsWell(cluster, 1);
  // To the leader, four words, a frame's age; a millisecond each at most, and as much per turn.
  assert.ok(cluster.agenda.now - began < 10, `${cluster.agenda.now - began} ms`);
  const [, ...heights] = new Set(cluster.members.map(({ life }) => life.store.height));
  assert.deepEqual(heights, []);
});

for (const victim of ["member-a", "member-c"]) {
  test(`${victim} killed before and after each of its writes never contradicts itself`, (t) => {
    const cluster = setup(t, { timing: hurried });
    const member = cluster.member(victim);
    let deaths = 0;
    const live = () => {
      if (!member.isUp) member.start();
      if (deaths === 32) return;
      // The first write of a life, then the second, and so on: each kind of write is among them.
      member.dieAt({ write: Math.floor(deaths / 2) % 8, side: deaths % 2 ? "after" : "before" });
    };
    live();
    const watch = () => {
      if (!member.isUp) {
        deaths += 1;
        live();
      }
      if (deaths < 32) cluster.agenda.at(cluster.agenda.now + 50, watch);
    };
    cluster.agenda.at(0, watch);
    feed(cluster, 100, 100);
    assert.ok(
      cluster.until(() => deaths === 32, 60_000),
      `${deaths} deaths; ${cluster.standing}`,
    );
    assertGetsWell(cluster, 100, 60_000);
    assertEqualStores(cluster);
    for (const hash of cluster.members.flatMap(({ acknowledged }) => [...acknowledged])) {
      const place = cluster.member("member-b").life.store.placeOf(Buffer.from(hash, "hex"));
      assert.ok(place, `${hash} was acknowledged and stands in no block`);
    }
    assert.ok(cluster.said.votes > 400);
  });
}

test("what the rules refuse leaves all pools after its block, and each member says so once", (t) => {
  const cluster = setup(t);
  const other = new MeterChain("user-a");
  other.frame(entry(startTime + 1, 1));
  const gap = other.frame(entry(startTime + 2, 1));
  const [first, second] = cluster.members;
  assert.ok(first && second);
  second.submit(gap);
  cluster.read(0, [first]);
  assertGetsWell(cluster, 1);
  assert.ok(cluster.until(() => cluster.members.every(({ life }) => life.pool.size === 0), 2_000));
  for (const { id, refused, life } of cluster.members) {
    const codes = refused.map(({ signer, refusal }) => [signer, refusal.code]);
    assert.deepEqual(codes, [["user-a-unit", "readings.gap"]], id);
    assert.deepEqual(life.store.pending(), []);
  }
});

test("a rule that is due gets its block without any frame, also behind a dead leader", (t) => {
  const cluster = setup(t);
  cluster.member("member-a").crash();
  // The test site's first gate is due within the first hours of site time.
  const hasBlock = () => cluster.up.every(({ life }) => life.store.height > 0);
  assert.ok(cluster.until(hasBlock, 600_000), cluster.standing);
  const header = cluster.member("member-b").life.store.header(1)?.header;
  assert.notEqual(header?.proposer, "member-a");
  assert.deepEqual(cluster.member("member-b").life.store.framesOf(1), []);
  cluster.member("member-a").start();
  assertGetsWell(cluster, 0);
});

test("nothing is proposed while nothing waits and no rule is due", (t) => {
  const cluster = setup(t, { rulesOf: () => ({ ...rules, block: [] }) });
  cluster.live(20_000);
  assert.deepEqual(
    cluster.members.map(({ life }) => [life.store.height, life.engine.status()?.view]),
    cluster.members.map(() => [0, 0]),
  );
});

test("noise and damaged words of a member are counted as its own, and hold nobody up", (t) => {
  const cluster = setup(t);
  const [target] = cluster.members;
  assert.ok(target);
  const heard: Uint8Array[] = [];
  cluster.onSend = (_, message) => void heard.push(message);
  feed(cluster, 12, 20);
  assertGetsWell(cluster, 12);
  const random = new Random(7);
  for (let n = 0; n < 3_000; n += 1) {
    const message = Uint8Array.from(random.pick(heard) ?? []);
    for (let i = random.int(1, 4); i > 0; i -= 1) {
      message[random.int(0, message.length - 1)] = random.int(0, 255);
    }
    const noise = Uint8Array.from({ length: random.int(0, 40) }, () => random.int(0, 255));
    target.hear("member-d", random.chance(0.7) ? message : noise);
    if (n % 100 === 0) cluster.live(5);
  }
  feed(cluster, 12, 20);
  cluster.live(300);
  assertGetsWell(cluster, 24);
  assertEqualStores(cluster);
  const { counts, refused } = target.life.engine.status() ?? {};
  assert.ok((refused?.["member-d"] ?? 0) > 500, JSON.stringify(counts));
  assert.deepEqual(Object.keys(refused ?? {}), ["member-d"]);
  assert.ok((counts?.["consensus.garbage"] ?? 0) > 500);
});

test("a member that sends without end fills its own line and delays nobody", (t) => {
  const cluster = setup(t);
  const [target] = cluster.members;
  assert.ok(target);
  feed(cluster, 10, 20);
  cluster.live(50);
  for (let n = 0; n < 10_000; n += 1) target.hear("member-d", Uint8Array.of(n % 256));
  assertGetsWell(cluster, 10);
  const { counts } = target.life.engine.status() ?? {};
  assert.equal((counts?.["consensus.flood"] ?? 0) + (counts?.["consensus.garbage"] ?? 0), 10_000);
  assert.ok((counts?.["consensus.flood"] ?? 0) > 5_000);
});

test("a full pool refuses its own frames, and takes no more of a member than its share", async (t) => {
  const poolLimits = { frames: 3, bytes: 1_000_000, perMember: { frames: 2, bytes: 1_000_000 } };
  const cluster = setup(t, { poolLimits });
  for (const id of ["member-c", "member-d"]) cluster.member(id).crash();
  const [first, second] = cluster.members;
  assert.ok(first && second);
  const frames = Array.from({ length: 4 }, () => cluster.read(0, []));
  const answers = frames.map((bytes) => {
    const opened = openFrame(bytes);
    assert.ok(opened.ok);
    return first.life.pool.submit(opened.frame, sha256(bytes));
  });
  cluster.live(100);
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => (answer.ok ? answer.state : answer.code)),
    ["stored", "stored", "stored", "pool.full"],
  );
  assert.equal(first.life.pool.size, 3);
  assert.equal(second.life.pool.size, 2);
  assert.equal(second.life.store.pending().length, 0, "what others hold is not on this disk");
  assert.ok((second.life.engine.status()?.counts["pool.full"] ?? 0) > 0);
  // The others came back: nothing that was acknowledged is lost.
  for (const id of ["member-c", "member-d"]) cluster.member(id).start();
  assertGetsWell(cluster, 4, 60_000);
});
