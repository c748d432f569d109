import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { noteRestored, reportsNeeded, restoredOf, silentUntil } from "../ledger/restored.ts";
import { Store } from "../ledger/store.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { decodeLinkMessage } from "./link-messages.ts";
import { windowSize } from "./pbft/limits.ts";

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

test("a restored member says nothing that binds until it has passed all it may have voted on", (t) => {
  fed = 0;
  const cluster = setup(t);
  record(cluster, 4);
  const member = cluster.member("member-d");
  // As a backup of the first block would leave it: what it voted on afterwards is forgotten.
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
  const restored = new Store(member.path);
  noteRestored(restored, { height: 1 });
  restored.close();
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
});

test("too few words are not enough to know where one may have voted", () => {
  const at = (heights: readonly number[], members: number) =>
    silentUntil(new Map(heights.map((height, i) => [`m${i}`, height])), { members, window: 8 });
  assert.deepEqual([4, 5, 6, 7, 10].map(reportsNeeded), [3, 3, 4, 5, 7]);
  assert.equal(at([5, 9], 4), undefined);
  assert.equal(at([5, 9, 7], 4), 18);
  assert.equal(at([5, 9, 7, 7], 7), undefined);
});
