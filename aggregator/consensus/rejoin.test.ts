import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { decodeLinkMessage, encodeLinkMessage } from "./link-messages.ts";
import { blocksPerAnswer, windowSize } from "./pbft/limits.ts";

function setup(t: TestContext): RealCluster {
  const cluster = new RealCluster({ random: new Random(2) });
  t.after(() => cluster.end());
  return cluster;
}

test("a member that lost its disk comes back by blocks, at the pace of its links", (t) => {
  const cluster = setup(t);
  cluster.record(80);
  const member = cluster.member("member-d");
  member.wipe();
  member.start();
  const began = cluster.agenda.now;
  assert.ok(
    cluster.until(() => cluster.isQuiet, 5_000),
    cluster.standing,
  );
  // Half a second until somebody says where it stands, then two answers.
  const took = cluster.agenda.now - began;
  assert.ok(took < 700, `${took} ms`);
  const { store } = member.life;
  assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  // It votes again, once it has passed all it may have voted on: with one of the others away a block
  // needs it.
  cluster.record(windowSize + 4);
  cluster.member("member-b").crash();
  cluster.record(3);
  assert.ok(store.header(store.height)?.certificate.length === 3);
});

test("one request over and over is answered at a measured pace, and going on is not held up", (t) => {
  const cluster = setup(t);
  cluster.record(blocksPerAnswer + 8);
  let blocks = 0;
  cluster.onSend = (_, bytes) => {
    const decoded = decodeLinkMessage(bytes);
    if (decoded.ok && decoded.message.name === "block") blocks += 1;
  };
  const [first] = cluster.members;
  const ask = (above: number) => {
    const body = { above, from: "member-d" };
    first?.hear("member-d", encodeLinkMessage({ name: "fetch-blocks", body }));
  };
  for (let n = 0; n < 100; n += 1) ask(0);
  cluster.live(20);
  assert.equal(blocks, blocksPerAnswer);
  for (const more of [0, 8, 16]) ask(blocksPerAnswer + more);
  cluster.live(20);
  assert.equal(blocks, blocksPerAnswer + 8);
});
