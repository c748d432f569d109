import assert from "node:assert/strict";
import { test } from "node:test";
import { toBeSigned, voteBytes } from "@busbar/protocol";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { equivocations } from "../ledger/rules/members/evidence.ts";
import { chain, signerOfName } from "../ledger/test-site.ts";
import { encodeLinkMessage } from "./link-messages.ts";
import type { Vote } from "./pbft/messages.ts";

function vote(from: string, height: number, word: number): Vote {
  const digest = new Uint8Array(32).fill(word);
  const body = { phase: "commit", epoch: 0, view: 0, height, digest, from } as const;
  const { kid, sign } = signerOfName(from);
  const signature = sign(toBeSigned(voteBytes(body), kid, { chain, kind: "commit" }));
  return { ...body, signature };
}

test("a member that says two things is on the ledger of all for it, once", (t) => {
  const cluster = new RealCluster({ random: new Random(6) });
  t.after(() => cluster.end());
  const told: string[] = [];
  for (const { id, life } of cluster.members) {
    life.engine.onEvidence(({ member }) => told.push(`${id}: ${member}`));
  }
  // Its process is somebody else's now, and speaks with its key.
  cluster.member("member-d").crash();
  for (const [i, id] of ["member-a", "member-b"].entries()) {
    for (const word of [1, 2, 1, 2]) {
      const message = encodeLinkMessage({ name: "vote", body: vote("member-d", 2 + i, word) });
      cluster.member(id).hear("member-d", message);
    }
  }
  const found = () =>
    cluster.up.map(({ life }) => [...equivocations.scan(life.store.state, "")].map(([key]) => key));
  const all = ["member-d/0/2/0-commit", "member-d/0/3/0-commit"];
  assert.ok(
    cluster.until(() => found().every((keys) => keys.length === all.length), 10_000),
    cluster.standing,
  );
  for (const keys of found()) assert.deepEqual(keys.toSorted(), all);
  assert.deepEqual(told.toSorted(), ["member-a: member-d", "member-b: member-d"]);
});

test("evidence that was seen is on disk before anything else happens, and survives a kill", (t) => {
  const cluster = new RealCluster({ random: new Random(6) });
  t.after(() => cluster.end());
  cluster.member("member-d").crash();
  const witness = cluster.member("member-a");
  for (const word of [1, 2]) {
    const message = encodeLinkMessage({ name: "vote", body: vote("member-d", 2, word) });
    witness.hear("member-d", message);
  }
  assert.ok(cluster.until(() => witness.life.engine.status()?.evidence.length === 1, 1_000));
  // In the very moment in which it knows, and the liar says it to nobody else.
  witness.crash();
  witness.start();
  assert.equal(witness.life.store.pending().length, 1);
  const keys = () =>
    cluster.up.map(({ life }) => [...equivocations.scan(life.store.state, "")].map(([key]) => key));
  const all = () => keys().every(([key]) => key === "member-d/0/2/0-commit");
  assert.ok(cluster.until(all, 10_000), cluster.standing);
  assert.deepEqual(witness.life.store.pending(), []);
});

test("a pool that is full keeps evidence all the same", (t) => {
  const poolLimits = { frames: 2, bytes: 1_000_000 };
  const cluster = new RealCluster({ random: new Random(6), poolLimits });
  t.after(() => cluster.end());
  for (const id of ["member-b", "member-c", "member-d"]) cluster.member(id).crash();
  const witness = cluster.member("member-a");
  for (let n = 0; n < 4; n += 1) cluster.read(n, [witness]);
  cluster.live(20);
  assert.equal(witness.life.pool.size, 2);
  for (const word of [1, 2]) {
    const message = encodeLinkMessage({ name: "vote", body: vote("member-d", 2, word) });
    witness.hear("member-d", message);
  }
  cluster.live(20);
  assert.equal(witness.life.store.pending().length, 3);
});
