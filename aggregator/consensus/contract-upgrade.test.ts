import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, type Failure, type Message, utcMs } from "@busbar/protocol";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { contractOf } from "../ledger/contract/state.ts";
import { firstContract } from "../ledger/genesis.ts";
import { type Rules, rules } from "../ledger/rules/index.ts";
import { sha256 } from "../ledger/sha256.ts";
import { frameOf, startTime } from "../ledger/test-site.ts";

const second = { version: 2, hash: new Uint8Array(32).fill(2) };
const older: Rules = rules;
const newer: Rules = { ...rules, contracts: [firstContract(), second] };
/** The first slot of the test site, which opens ten minutes after the start: ten virtual seconds. */
const slot = utcMs(startTime + 3_600_000);

/** Members with their programs, which agree that the first slot has the second version. */
class Consortium {
  readonly cluster: RealCluster;
  readonly failures: [member: string, failure: Failure][] = [];
  readonly #programs: Map<string, Rules>;

  constructor(lacking: readonly string[]) {
    const programs = new Map(lacking.map((id) => [id, older]));
    this.#programs = programs;
    this.cluster = new RealCluster({
      random: new Random(8),
      rulesOf: (id) => programs.get(id) ?? newer,
      onFailure: ({ id }, failure) => this.failures.push([id, failure]),
    });
    const motion: Message<"contract-motion"> = {
      nonce: new Uint8Array(16),
      member: "member-a",
      from: slot,
      contract: second,
    };
    const hash = sha256(encodeMessage("contract-motion", motion));
    const frames = [
      frameOf("member-a", "contract-motion", motion),
      ...["member-b", "member-c", "member-d"].map((member) =>
        frameOf(member, "ballot", { motion: hash, member, accept: true }),
      ),
    ];
    for (const frame of frames) {
      this.cluster.member("member-a").submit(frame);
      this.cluster.live(100);
    }
    for (const { life } of this.cluster.members) {
      assert.equal(contractOf(life.store.state, slot).version, 2, "all have agreed on it");
    }
  }

  upgrade(id: string): void {
    this.#programs.set(id, newer);
    this.cluster.member(id).start();
  }

  /** Whether the first slot is open, at those who are up. */
  get isOpen(): boolean {
    const { up } = this.cluster;
    return up.every(({ life }) => life.application.info().time >= slot - 50 * 60_000);
  }

  assertEqual(): void {
    const { members } = this.cluster;
    const ends = () => members.map(({ life }) => life.application.info());
    const all = () => ends().every(({ height }) => height === ends()[0]?.height);
    assert.ok(this.cluster.until(all, 10_000), this.cluster.standing);
    for (const { hash, appHash } of ends()) {
      assert.deepEqual([hash, appHash], [ends()[0]?.hash, ends()[0]?.appHash]);
    }
  }
}

test("a member without a slot's contract stops before that slot, says which, and goes on once upgraded", (t) => {
  const consortium = new Consortium(["member-d"]);
  const { cluster, failures } = consortium;
  t.after(() => cluster.end());
  assert.ok(
    cluster.until(() => failures.length > 0 && consortium.isOpen, 60_000),
    cluster.standing,
  );
  const [[id, failure]] = failures as [[string, Failure]];
  assert.deepEqual(
    [id, failure.code, failure.retry],
    ["member-d", "contract.unknown-version", "never"],
  );
  assert.match(
    failure.message,
    /have version 2 \(020202020202\).*this program has 1 \(.*upgrade it/,
  );
  // The others go on, also with readings.
  cluster.read(0, [cluster.member("member-b")]);
  assert.ok(
    cluster.until(() => cluster.isQuiet, 10_000),
    cluster.standing,
  );
  // Started again as it was it stops again, at the same height.
  const member = cluster.member("member-d");
  member.start();
  const { height } = member;
  assert.ok(
    cluster.until(() => failures.length === 2, 10_000),
    cluster.standing,
  );
  assert.equal(failures[1]?.[1].code, "contract.unknown-version");
  member.start();
  assert.equal(member.height, height);
  member.crash();

  consortium.upgrade("member-d");
  cluster.read(1, [member]);
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  consortium.assertEqual();
  assert.equal(failures.length, 2);
  assert.equal(cluster.said.votes > 0, true);
});

test("where too many lack the contract no slot opens with it, and all go on once enough are upgraded", (t) => {
  const consortium = new Consortium(["member-a", "member-d"]);
  const { cluster, failures } = consortium;
  t.after(() => cluster.end());
  assert.ok(
    cluster.until(() => failures.length === 2, 60_000),
    cluster.standing,
  );
  assert.deepEqual(failures.map(([id]) => id).toSorted(), ["member-a", "member-d"]);
  cluster.live(5_000);
  assert.equal(consortium.isOpen, false, "two of four decide nothing");
  consortium.upgrade("member-a");
  assert.ok(
    cluster.until(() => consortium.isOpen, 60_000),
    cluster.standing,
  );
  consortium.upgrade("member-d");
  cluster.read(0, [cluster.member("member-d")]);
  assert.ok(
    cluster.until(() => cluster.isQuiet, 20_000),
    cluster.standing,
  );
  consortium.assertEqual();
});
