import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import type { Tear } from "../../test/simulation/real-member.ts";
import { Application } from "../ledger/application.ts";
import { Store } from "../ledger/store.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { usualTiming } from "./pbft/limits.ts";

const hurried = { ...usualTiming, requestMs: 200, censorMs: 1_000, resendMs: 100, statusMs: 100 };

function setup(t: TestContext): RealCluster {
  const cluster = new RealCluster({ random: new Random(3), timing: hurried });
  t.after(() => cluster.end());
  return cluster;
}

/** What a power cut may leave of the last write, which no fsync had confirmed. */
function tears(random: Random): readonly Tear[] {
  /** A place in what the write changed. */
  const place = (before: Buffer, after: Buffer): number => {
    let first = 0;
    while (first < before.length && before[first] === after[first]) first += 1;
    return random.int(first, after.length - 1);
  };
  return [
    (before, after) => after.subarray(0, place(before, after)),
    (before, after) => {
      const torn = Buffer.from(after);
      const at = place(before, after);
      torn[at] = (torn[at] ?? 0) ^ (1 << random.int(0, 7));
      return torn;
    },
    // Whole sectors that were never written read as zeros, with later ones in place.
    (before, after) => {
      const torn = Buffer.from(after);
      const at = place(before, after);
      return torn.fill(0, at - (at % 512), Math.min(at - (at % 512) + 512, torn.length));
    },
  ];
}

for (const victim of ["member-a", "member-c"]) {
  test(`${victim}: a power cut in the middle of each of its writes makes it contradict nothing`, (t) => {
    const cluster = setup(t);
    const member = cluster.member(victim);
    const kinds = tears(new Random(5));
    const deathsMax = kinds.length * 6;
    let deaths = 0;
    const live = () => {
      if (!member.isUp) member.start();
      const side = kinds[deaths % kinds.length];
      if (deaths === deathsMax || side === undefined) return;
      member.dieAt({ write: Math.floor(deaths / kinds.length), side });
    };
    const watch = () => {
      if (!member.isUp) {
        deaths += 1;
        live();
      }
      if (deaths < deathsMax) cluster.agenda.at(cluster.agenda.now + 50, watch);
    };
    live();
    cluster.agenda.at(0, watch);
    for (let n = 0; n < 60; n += 1) {
      cluster.agenda.at(n * 100, () => cluster.read(n, cluster.up.slice(n % 3, (n % 3) + 1)));
    }
    assert.ok(
      cluster.until(() => deaths === deathsMax, 60_000),
      `${deaths} deaths; ${cluster.standing}`,
    );
    const isWell = () => cluster.frames.length === 60 && cluster.isQuiet && member.isUp;
    assert.ok(cluster.until(isWell, 60_000), cluster.standing);
    const { store } = member.life;
    for (const hash of member.acknowledged) {
      assert.ok(store.placeOf(Buffer.from(hash, "hex")), `${hash} was acknowledged and is lost`);
    }
    assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  });
}

test("a log that decayed anywhere leaves an earlier state, whole, or is refused by name", (t) => {
  const cluster = setup(t);
  const [member] = cluster.members;
  assert.ok(member);
  for (let n = 0; n < 8; n += 1) {
    cluster.read(n, [member]);
    assert.ok(cluster.until(() => cluster.isQuiet, 5_000));
  }
  const hashes = [1, 2, 3, 4, 5, 6, 7, 8].map((height) => member.life.store.header(height)?.hash);
  const { main, log } = member.files();
  const folder = mkdtempSync(join(tmpdir(), "busbar-decay-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const random = new Random(9);
  const heights = new Set<number>();
  for (let n = 0; n < 60; n += 1) {
    const path = join(folder, `${n}.sqlite`);
    const decayed = Buffer.from(log);
    const at = random.int(0, log.length - 1);
    decayed[at] = (decayed[at] ?? 0) ^ random.int(1, 255);
    writeFileSync(path, main);
    writeFileSync(`${path}-wal`, random.chance(0.5) ? decayed : log.subarray(0, at));
    const height = open(path);
    if (height !== undefined) heights.add(height);
  }
  assert.ok(heights.size > 4, `${[...heights]}`);

  function open(path: string): number | undefined {
    let store: Store | undefined;
    try {
      store = new Store(path);
      const { genesis } = cluster;
      const application = new Application({ genesis, store, verify });
      if (!application.info().begun) return 0;
      const { height } = store;
      const found = hashes.slice(0, height);
      assert.deepEqual(
        found,
        found.map((_, i) => store?.header(i + 1)?.hash),
      );
      assert.ok(verifyLedger({ store, genesis, verify }).ok);
      return height;
    } catch (error) {
      if (error instanceof Failure && error.code.startsWith("store.")) return undefined;
      throw error;
    } finally {
      store?.close();
    }
  }
});
