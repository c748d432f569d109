import assert from "node:assert/strict";
import { test } from "node:test";
import { openFrame } from "@busbar/protocol";
import type { Proposal } from "./application.ts";
import { sha256 } from "./sha256.ts";
import { Store } from "./store.ts";
import {
  bring,
  type Chapter,
  certify,
  openLedger,
  propose,
  record,
  snapshotOf,
  stateOf,
  story,
  type TestLedger,
} from "./test-ledger.ts";

/*
 * A conformance driver: plays an engine that calls the application in any order which ABCI 2.0 allows,
 * chosen by a seed, and compares every hash with those of a straight run.
 *
 *     start            = clean-start / recovery
 *     clean-start      = ( info init-chain / state-sync ) consensus-exec
 *     state-sync       = *( offer-snapshot *apply-chunk ) offer-snapshot 1*apply-chunk info
 *     recovery         = info [init-chain] consensus-exec
 *     consensus-height = *consensus-round finalize-block commit
 *     consensus-round  = [prepare-proposal [process-proposal]] / [process-proposal]
 *
 * Source: the grammar of the ABCI 2.0 specification ("Requirements for the application, expected
 * behavior of the engine"). check-tx, query, list- and load-snapshot come on other connections, so
 * at any point. Vote extensions are not used.
 */

const blocks = 12;
const snapshotAt = 7;

/** The decided blocks, what they came to, and the ledger that holds them. */
function straightRun() {
  const ledger = openLedger();
  const chapters = story(blocks);
  const decided = chapters.map((chapter) => {
    const proposal = propose(ledger, chapter);
    const { header, hash, nextVoters } = ledger.application.finalizeBlock(proposal);
    const certificate = certify(header);
    ledger.application.commit(certificate);
    if (header.height === snapshotAt) snapshotOf(ledger);
    return { proposal, header, hash, nextVoters, certificate };
  });
  return { ledger, chapters, decided };
}

const straight = straightRun();

/** xorshift32: one seed, one life. */
function dice(seed: number) {
  let x = (seed * 2_654_435_761) >>> 0 || 1;
  return (below: number): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x % below;
  };
}

type Dice = ReturnType<typeof dice>;

/** One life of a node under a seed. */
class Engine {
  readonly #roll: Dice;
  #node: TestLedger;
  readonly calls: string[] = [];

  constructor(seed: number) {
    this.#roll = dice(seed);
    this.#node = { ...openLedger() };
  }

  get node(): TestLedger {
    return this.#node;
  }

  run(): void {
    if (this.#roll(4) === 0) this.#stateSync();
    for (;;) {
      const { height } = this.#node.application.info();
      if (height === blocks) return;
      this.#height(height + 1);
    }
  }

  #height(height: number): void {
    for (let rounds = this.#roll(4); rounds > 0; rounds--) {
      this.#round(height);
      this.#others();
      if (this.#roll(12) === 0) this.#crash(height - 1);
    }
    // A replay after a crash has no rounds: the block is finalized as it was decided.
    this.#finalize(height);
    if (this.#roll(3) === 0) {
      this.#crash(height - 1);
      this.#finalize(height);
    }
    this.#others();
    this.#commit(height);
    this.#others();
    if (this.#roll(6) === 0) this.#crash(height);
    if (this.#roll(30) === 0) this.#wipe();
  }

  #round(height: number): void {
    const { application } = this.#node;
    this.calls.push("round");
    const chapter = straight.chapters[height - 1];
    assert.ok(chapter);
    if (this.#roll(2) === 0) {
      const own = this.#own(chapter);
      assert.deepEqual(application.processProposal(own), { ok: true }, "its own proposal is good");
      if (this.#roll(2) === 0) {
        assert.deepEqual(application.processProposal(structuredClone(own)), { ok: true });
      }
      return;
    }
    switch (this.#roll(4)) {
      case 0:
        assert.deepEqual(application.processProposal(this.#decided(height)), { ok: true });
        return;
      case 1:
        assert.equal(application.processProposal(this.#spoilt(height)).ok, false);
        return;
      default:
        // Another proposer's, decided by nobody: the same time, other frames.
        assert.deepEqual(application.processProposal(structuredClone(this.#own(chapter))), {
          ok: true,
        });
    }
  }

  /** A proposal of some of the frames that wait, with repetitions, old ones and garbage among them. */
  #own({ minutes, frames }: Chapter): Proposal {
    const waiting = frames.filter(() => this.#roll(3) > 0);
    const noise = [Uint8Array.of(this.#roll(256)), straight.decided[0]?.proposal.frames[0]];
    const list = [
      ...waiting,
      ...waiting.slice(0, 1),
      ...noise.filter((frame) => frame !== undefined),
    ];
    return propose(this.#node, { minutes: minutes + this.#roll(9), frames: list });
  }

  #decided(height: number): Proposal {
    const block = straight.decided[height - 1];
    assert.ok(block);
    return structuredClone(block.proposal);
  }

  #spoilt(height: number): Proposal {
    const good = this.#decided(height);
    const { frames } = good;
    const spoilt: readonly Partial<Proposal>[] = [
      { height: height + 1 },
      { height: height - 1 },
      { time: 0 as never },
      { proposer: "nobody" },
      { frames: [...frames, ...frames.slice(0, 1)] },
      { frames: [...frames, Uint8Array.of(0xff)] },
      { frames: [...frames, new Uint8Array(4 * 1024 * 1024)] },
    ];
    return { ...good, ...spoilt[this.#roll(spoilt.length)] };
  }

  #finalize(height: number): void {
    this.calls.push("finalize");
    const expected = straight.decided[height - 1];
    const finalized = this.#node.application.finalizeBlock(this.#decided(height));
    assert.deepEqual(finalized.header, expected?.header);
    assert.deepEqual(finalized.hash, expected?.hash);
    assert.deepEqual(finalized.nextVoters, expected?.nextVoters);
  }

  #commit(height: number): void {
    this.calls.push("commit");
    const block = this.#node.application.commit(straight.decided[height - 1]?.certificate);
    assert.deepEqual(block, straight.ledger.store.block(height));
    const { height: at, appHash } = this.#node.application.info();
    assert.deepEqual([at, appHash], [height, block.header.appHash]);
  }

  /** What the other connections ask meanwhile; none of it changes anything. */
  #others(): void {
    const { application } = this.#node;
    const frame = straight.decided[this.#roll(blocks)]?.proposal.frames[0];
    const opened = openFrame(frame ?? new Uint8Array());
    if (opened.ok) assert.equal(application.checkTx(opened.frame).ok, true);
    application.query("account/user-a");
    application.query("");
    for (const { height, format } of application.listSnapshots()) {
      application.loadSnapshotChunk({ height, format, chunk: this.#roll(3) });
    }
  }

  /** The process dies; `info` then says the last height that was committed, and all of it. */
  #crash(height: number): void {
    this.calls.push("crash");
    this.#node = openLedger(this.#node.store);
    const info = this.#node.application.info();
    assert.equal(info.height, height);
    if (height === 0) {
      const root = this.#node.application.initChain();
      assert.deepEqual(root, info.appHash, "a chain that has no block yet may be begun again");
      return;
    }
    const expected = straight.decided[height - 1];
    assert.deepEqual([info.hash, info.appHash], [expected?.hash, expected?.header.appHash]);
  }

  #stateSync(): void {
    this.calls.push("state-sync");
    const [snapshot] = straight.ledger.application.listSnapshots();
    assert.ok(snapshot);
    const { application } = this.#node;
    const garbage = { ...snapshot, hash: new Uint8Array(32) };
    assert.notEqual(application.offerSnapshot(garbage, new Uint8Array(32)).result, "accept");
    const result = bring(straight.ledger, this.#node, snapshot);
    assert.deepEqual(result, { result: "accept", done: true });
    assert.equal(application.info().height, snapshotAt);
  }

  /** The disk is lost, and the node comes back by a snapshot or from the first block. */
  #wipe(): void {
    this.calls.push("wipe");
    this.#node = openLedger(new Store(":memory:"));
    if (this.#roll(2) === 0) this.#stateSync();
  }
}

test("every legal order of calls comes to the hashes of a straight run", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const engine = new Engine(seed);
    try {
      engine.run();
      assert.equal(stateOf(engine.node), stateOf(straight.ledger));
    } catch (error) {
      const calls = engine.calls.join(" ");
      throw new Error(`seed ${seed} after: ${calls}`, { cause: error });
    }
    for (const call of engine.calls) seen.add(call);
  }
  assert.deepEqual([...seen].sort(), [
    "commit",
    "crash",
    "finalize",
    "round",
    "state-sync",
    "wipe",
  ]);
});

test("an engine that keeps the proof of its decisions commits without a certificate, to the same hashes", () => {
  const node = openLedger();
  for (const { proposal, header } of straight.decided) {
    const finalized = node.application.finalizeBlock(structuredClone(proposal));
    assert.deepEqual(finalized.header, header);
    assert.deepEqual(node.application.commit().certificate, []);
  }
  const again = openLedger(node.store);
  assert.deepEqual(again.application.info(), straight.ledger.application.info());
  assert.equal(stateOf(node), stateOf(straight.ledger));
  const frame = straight.decided[3]?.proposal.frames[0] ?? new Uint8Array();
  assert.notEqual(node.store.placeOf(sha256(frame)), undefined);
});

test("what the engine must never do is stopped as its mistake, with nothing written", () => {
  const node = openLedger();
  const [first, second] = straight.decided;
  assert.ok(first && second);
  assert.throws(() => node.application.commit(first.certificate), /finalized before/);
  assert.throws(() => node.application.finalizeBlock(second.proposal), /in order/);
  node.application.finalizeBlock(structuredClone(first.proposal));
  assert.throws(() => node.application.commit(second.certificate), /good certificate/);
  assert.equal(node.application.info().height, 0);
  record(node, straight.chapters[0] ?? { minutes: 0, frames: [] });
  assert.throws(() => node.application.initChain(), /before its first block/);
});

test("a block that changes nothing leaves the app hash as it was, so an idle engine may rest", () => {
  const node = openLedger();
  for (const chapter of straight.chapters.slice(0, 2)) record(node, chapter);
  const { appHash } = node.application.info();
  for (const minutes of [10, 11, 12]) record(node, { minutes, frames: [] });
  assert.deepEqual(node.application.info().appHash, appHash);
});
