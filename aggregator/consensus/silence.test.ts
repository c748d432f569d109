import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import type { RealMember } from "../../test/simulation/real-member.ts";
import {
  beginVoting,
  noteRestored,
  reportsNeeded,
  restoredOf,
  silentUntil,
} from "../ledger/restored.ts";
import { Store } from "../ledger/store.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { decodeLinkMessage } from "./link-messages.ts";
import { windowSize } from "./pbft/limits.ts";
import { Silence } from "./silence.ts";

function setup(t: TestContext): RealCluster {
  const cluster = new RealCluster({ random: new Random(3) });
  t.after(() => cluster.end());
  return cluster;
}

let fed = 0;

function record(cluster: RealCluster, count: number): void {
  const [first] = cluster.members;
  assert.ok(first);
  for (let n = 0; n < count; n += 1) {
    cluster.read(fed, [first]);
    fed += 1;
    assert.ok(
      cluster.until(() => cluster.isQuiet, 5_000),
      cluster.standing,
    );
  }
}

/** What it took to come back. */
const ways: readonly (readonly [string, (member: RealMember) => void])[] = [
  [
    "came out of a backup",
    ({ path }) => {
      const store = new Store(path);
      noteRestored(store, { height: 1 });
      store.close();
    },
  ],
  ["came back with its key alone", () => {}],
];

for (const [way, prepare] of ways) {
  test(`a member that ${way} says nothing that binds until it has passed all it may have voted on`, (t) => {
    comesBack(t, prepare);
  });
}

function comesBack(t: TestContext, prepare: (member: RealMember) => void): void {
  fed = 0;
  const cluster = setup(t);
  record(cluster, 4);
  const member = cluster.member("member-d");
  // What it voted on is forgotten.
  member.wipe();
  const heights: number[] = [];
  cluster.onSend = (from, bytes) => {
    const decoded = decodeLinkMessage(bytes);
    if (from !== "member-d" || !decoded.ok) return;
    const { name } = decoded.message;
    if (!["status", "fetch-blocks", "fetch-proposal", "block", "frames"].includes(name)) {
      heights.push(member.life.store.height);
    }
  };
  prepare(member);
  member.start();
  record(cluster, 2);
  const { store } = member.life;
  assert.equal(store.height, 6, "it follows the others");
  const until = restoredOf(store)?.until;
  assert.ok(until !== undefined && until >= 4 + windowSize, `silent until ${until}`);
  record(cluster, windowSize + 4);
  assert.equal(restoredOf(store), undefined);
  assert.ok(heights.length > 0, "it takes part again");
  assert.ok(Math.min(...heights) >= until, `it spoke at ${Math.min(...heights)}`);
  // A block needs it when another is away.
  cluster.member("member-b").crash();
  record(cluster, 2);
  assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  // Killed and started again it has all its votes, and does not fall silent a second time.
  member.crash();
  member.start();
  assert.equal(restoredOf(member.life.store), undefined);
}

test("members that all start for the first time vote at once", (t) => {
  fed = 0;
  const cluster = setup(t);
  record(cluster, 1);
  for (const { life } of cluster.members) assert.equal(restoredOf(life.store), undefined);
});

/** Lets a store say that it stands at a height. */
const stand = (store: Store, value: number) =>
  Object.defineProperty(store, "height", { value, configurable: true });

test("where others come to vote, they are asked anew how far votes may have gone", () => {
  const store = new Store(":memory:");
  const silence = new Silence(store, "d");
  const council = (epoch: number, ids: readonly string[]) => ({
    epoch,
    since: 1,
    voters: ids.map((id) => ({ id, key: new Uint8Array(32) })),
  });
  const hear = (from: string, height: number, at: ReturnType<typeof council>) =>
    silence.hear(from, { name: "status", body: { epoch: 0, view: 0, height, from } }, at);
  const [old, now] = [council(0, ["a", "b", "c", "d"]), council(1, ["d", "e", "f", "g"])];
  // Those who left stopped at 5; the chain went on without them.
  for (const id of ["a", "b", "c"]) hear(id, 5, old);
  assert.equal(silence.ends(old), false);
  assert.equal(restoredOf(store)?.until, 5 + windowSize + 1);
  stand(store, 90);
  assert.equal(silence.ends(now), false, "past what they knew, but others vote by now");
  for (const id of ["e", "f", "g"]) hear(id, 100, now);
  assert.equal(silence.ends(now), false);
  assert.equal(restoredOf(store)?.until, 100 + windowSize + 1);
  stand(store, 100 + windowSize + 2);
  assert.equal(silence.ends(now), true);
  assert.equal(new Silence(store, "d").holds, false);
  store.close();
});

test("only a member whose ledger has no blocks can say that it never voted", () => {
  const store = new Store(":memory:");
  assert.ok(new Silence(store, "d").holds, "nobody said what became of its votes");
  beginVoting(store);
  assert.equal(new Silence(store, "d").holds, false);
  noteRestored(store, { height: 3 });
  stand(store, 3);
  assert.throws(() => beginVoting(store), { code: "store.has-voted" });
  assert.ok(new Silence(store, "d").holds);
  store.close();
});

test("too few words are not enough to know where one may have voted", () => {
  const at = (heights: readonly number[], members: number) =>
    silentUntil(new Map(heights.map((height, i) => [`m${i}`, height])), { members, window: 8 });
  assert.deepEqual([4, 5, 6, 7, 10].map(reportsNeeded), [3, 3, 4, 5, 7]);
  assert.equal(at([5, 9], 4), undefined);
  assert.equal(at([5, 9, 7], 4), 18);
  assert.equal(at([5, 9, 7, 7], 7), undefined);
});
