import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import type { RealMember } from "../../test/simulation/real-member.ts";
import { hashOf, motionOf } from "../ledger/rules/members/test-consortium.ts";
import { manifestOf, type Snapshot, snapshotOf } from "../ledger/snapshots/format.ts";
import { frameOf } from "../ledger/test-site.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { decodeLinkMessage, encodeLinkMessage, type LinkMessage } from "./link-messages.ts";
import { windowSize } from "./pbft/limits.ts";

const snapshots = { snapshotEvery: 16, snapshotGap: 12, chunkBytes: 1_024 };

/** A hundred blocks, and the snapshots of their time: one is made at a time, so each has to be done
 * before the next is due. */
function hundred(cluster: RealCluster): void {
  cluster.record(90);
  cluster.live(2_000);
  cluster.record(10);
  cluster.live(2_000);
}

/** Four members with a hundred blocks and snapshots up to the 96th; one has lost its disk. */
function setup(t: TestContext): { cluster: RealCluster; lost: RealMember } {
  const cluster = new RealCluster({ random: new Random(4), snapshots });
  t.after(() => cluster.end());
  hundred(cluster);
  for (const { life } of cluster.members) {
    const [newest] = life.application.listSnapshots();
    assert.equal(newest?.height, Math.floor(life.store.height / 16) * 16);
    assert.ok((newest?.chunks ?? 0) > 3);
  }
  const lost = cluster.member("member-d");
  lost.wipe();
  return { cluster, lost };
}

type Body<N extends LinkMessage["name"]> = Extract<LinkMessage, { name: N }>["body"];

/** Changes messages of one name on their way. */
function alter<N extends LinkMessage["name"]>(
  cluster: RealCluster,
  name: N,
  change: (from: string, body: Body<N>) => object,
): void {
  cluster.alter = (from, bytes) => {
    const decoded = decodeLinkMessage(bytes);
    assert.ok(decoded.ok);
    const { message } = decoded;
    if (message.name !== name) return bytes;
    const body = change(from, message.body as unknown as Body<N>);
    return encodeLinkMessage({ name, body } as unknown as LinkMessage);
  };
}

function assertCameBack(cluster: RealCluster, lost: RealMember): void {
  assert.ok(
    cluster.until(() => cluster.isQuiet && lost.isUp, 60_000),
    cluster.standing,
  );
  const hashes = cluster.members.map(({ life }) => life.application.info().appHash);
  for (const hash of hashes) assert.deepEqual(hash, hashes[0]);
  // It votes again, once it has passed all it may have voted on: with one of the others away a block
  // needs it.
  cluster.record(windowSize + 4);
  cluster.member("member-b").crash();
  cluster.record(3);
  const { store } = lost.life;
  assert.equal(store.header(store.height)?.certificate.length, 3);
}

test("a member that lost its disk goes on from a snapshot, and from the blocks after it", (t) => {
  const { cluster, lost } = setup(t);
  lost.start();
  assertCameBack(cluster, lost);
  assert.equal(lost.life.store.base % 16, 0);
  assert.ok(lost.life.store.base >= 96, "the newest snapshot");
});

test("killed before and after each write of the fetching, it goes on where it was", (t) => {
  const { cluster, lost } = setup(t);
  // No block before the snapshot: the fetching is all there is.
  alter(cluster, "block", (_, body) =>
    lost.height < 96 ? { ...body, header: new Uint8Array(1) } : body,
  );
  const deathsMax = 24;
  let deaths = 0;
  const live = () => {
    if (!lost.isUp) lost.start();
    lost.dieAt({ write: Math.floor(deaths / 2) % 6, side: deaths % 2 ? "after" : "before" });
  };
  const watch = () => {
    if (!lost.isUp) {
      deaths += 1;
      live();
    }
    if (deaths < deathsMax && lost.height < 96) cluster.agenda.at(cluster.agenda.now + 5, watch);
    else lost.live();
  };
  live();
  watch();
  assertCameBack(cluster, lost);
  assert.ok(lost.life.store.base >= 96 && deaths > 4, `${deaths} deaths`);
});

test("a chunk that is not the snapshot's is taken of another member", (t) => {
  const { cluster, lost } = setup(t);
  alter(cluster, "chunk", (from, body) =>
    from === "member-c" ? body : { ...body, chunk: body.chunk.map((byte) => byte ^ 1) },
  );
  lost.start();
  assertCameBack(cluster, lost);
  assert.ok(lost.life.store.base >= 96);
});

test("chunks that never come end the fetching, and blocks do it", (t) => {
  const { cluster, lost } = setup(t);
  alter(cluster, "fetch-chunk", (_, body) => ({ ...body, height: 1 }));
  lost.start();
  assertCameBack(cluster, lost);
  assert.equal(lost.life.store.base, 0);
  assert.ok((lost.life.engine.status()?.counts["consensus.transfer-given-up"] ?? 0) > 0);
  assert.ok(verifyLedger({ store: lost.life.store, genesis: cluster.genesis, verify }).ok);
});

test("a snapshot whose block too few have signed is not fetched", (t) => {
  const { cluster, lost } = setup(t);
  alter(cluster, "snapshots", (_, body) => ({ snapshots: body.snapshots.map(halfSigned) }));
  lost.start();
  assertCameBack(cluster, lost);
  assert.equal(lost.life.store.base, 0);
  assert.ok((lost.life.engine.status()?.counts["snapshot.certificate"] ?? 0) > 0);
});

test("a snapshot of other voters than this member knows is not fetched", (t) => {
  const { cluster, lost } = setup(t);
  alter(cluster, "snapshots", (_, body) => ({
    snapshots: body.snapshots.map((snapshot) => {
      const { header, ...rest } = manifest(snapshot);
      return snapshotOf({ ...rest, header: { ...header, validatorsHash: header.appHash } });
    }),
  }));
  lost.start();
  assertCameBack(cluster, lost);
  assert.equal(lost.life.store.base, 0);
  assert.ok((lost.life.engine.status()?.counts["snapshot.council"] ?? 0) > 0);
});

test("after a change of voters the genesis is enough to trust a snapshot", (t) => {
  const cluster = new RealCluster({ random: new Random(5), count: 5, snapshots });
  t.after(() => cluster.end());
  const [first, ...others] = cluster.members;
  assert.ok(first);
  const motion = motionOf("member-a", "remove", "member-e");
  first.submit(frameOf("member-a", "member-motion", motion));
  for (const { id } of others.slice(0, 3)) {
    first.submit(frameOf(id, "ballot", { motion: hashOf(motion), member: id, accept: true }));
  }
  hundred(cluster);
  assert.equal(first.life.application.council().epoch, 1);
  const lost = cluster.member("member-d");
  lost.wipe();
  lost.start();
  assert.ok(
    cluster.until(() => cluster.isQuiet && lost.height > 96, 60_000),
    cluster.standing,
  );
  const { store, application } = lost.life;
  assert.ok(store.base >= 96, "by a snapshot, not by blocks");
  assert.deepEqual(application.council(), first.life.application.council());
  assert.equal(store.councilSteps.after(0).length, 1);
  assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  cluster.record(windowSize + 4);
  cluster.member("member-b").crash();
  cluster.record(3);
  assert.equal(store.header(store.height)?.certificate.length, 3);
});

test("who asks for chunks without end gets no more than its share", (t) => {
  const { cluster } = setup(t);
  const [first] = cluster.members;
  let chunks = 0;
  cluster.onSend = (_, bytes) => {
    const decoded = decodeLinkMessage(bytes);
    if (decoded.ok && decoded.message.name === "chunk") chunks += 1;
  };
  for (let n = 0; n < 300; n += 1) {
    const body = { height: 96, chunk: n % 3 };
    first?.hear("member-c", encodeLinkMessage({ name: "fetch-chunk", body }));
  }
  cluster.live(20);
  assert.ok(chunks > 0 && chunks <= 100, `${chunks}`);
  assert.ok((first?.life.engine.status()?.counts["consensus.flood"] ?? 0) >= 200);
});

function manifest(snapshot: Snapshot) {
  const read = manifestOf(snapshot);
  assert.ok(read.ok);
  return read.manifest;
}

function halfSigned(snapshot: Snapshot): Snapshot {
  const { certificate, ...rest } = manifest(snapshot);
  return snapshotOf({ ...rest, certificate: certificate.slice(0, 2) });
}
