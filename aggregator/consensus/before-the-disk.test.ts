import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Failure, openFrame, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "../ledger/application.ts";
import type { BlockRule } from "../ledger/rule.ts";
import { rules } from "../ledger/rules/index.ts";
import { sha256 } from "../ledger/sha256.ts";
import { Store } from "../ledger/store.ts";
import {
  chain,
  entry,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../ledger/test-site.ts";
import { rememberingVerify } from "../ledger/verified.ts";
import { BlockWork } from "./block-work.ts";
import { DurablePool } from "./durable-pool.ts";
import { MemberKeys } from "./member-keys.ts";
import type { Proposal } from "./pbft/messages.ts";

/** What is done while a disk writes or words are on their way, and promises nobody anything. */

function setup(t: TestContext, block: readonly BlockRule[] = []) {
  const store = new Store(":memory:");
  t.after(() => store.close());
  const own = { ...rules, block };
  const application = new Application({ genesis: testGenesis(), store, verify, rules: own });
  application.initChain();
  const turns: (() => void)[] = [];
  const timers = { now: () => 0, soon: (call: () => void) => void turns.push(call) };
  const pool = new DurablePool(store, { frames: 2, bytes: 100_000 }, timers);
  const arrived: Uint8Array[] = [];
  pool.onArrived((frame) => void arrived.push(frame));
  const settled: string[] = [];
  return {
    store,
    application,
    pool,
    arrived,
    settled,
    work: new BlockWork({ application, store, pool }),
    /** The end of this turn of the event loop. */
    turn: () => {
      for (const call of turns.splice(0)) call();
    },
    /** What becomes of it stands in `settled`. */
    submit(frame: Uint8Array): Promise<void> {
      const opened = openFrame(frame);
      assert.ok(opened.ok);
      return pool.submit(opened.frame, sha256(frame)).then(
        (answer) => void settled.push(answer.ok ? answer.state : answer.code),
        (error) => void settled.push((error as Failure).code),
      );
    },
  };
}

function readings(count: number): [Uint8Array, ...Uint8Array[]] {
  const meter = new MeterChain("user-a");
  const frames = Array.from({ length: count }, (_, n) => meter.frame(entry(startTime + n, n)));
  return frames as [Uint8Array, ...Uint8Array[]];
}

const proposalOf = (frames: readonly Uint8Array[], time = startTime): Proposal => ({
  height: 1,
  time: utcMs(time),
  proposer: "member-a",
  view: 0,
  frames,
});

test("a frame may be told and proposed at once; its sender hears when it is on disk", async (t) => {
  const { pool, store, arrived, settled, submit, turn } = setup(t);
  const [frame] = readings(1);
  const answer = submit(frame);
  await Promise.resolve();
  assert.deepEqual(
    [arrived, pool.oldest(9), pool.isKnown(sha256(frame))],
    [[frame], [frame], true],
  );
  assert.deepEqual([store.pending().length, settled], [0, []]);
  turn();
  assert.equal(store.pending().length, 1);
  await answer;
  assert.deepEqual(settled, ["stored"]);
});

for (const how of ["committed", "refused"] as const) {
  test(`a frame that is ${how} before it is on disk leaves nothing there that waits`, async (t) => {
    const { pool, store, settled, submit, turn } = setup(t);
    const [frame] = readings(1);
    const answer = submit(frame);
    await Promise.resolve();
    pool[how]([sha256(frame)]);
    turn();
    await answer;
    assert.deepEqual([pool.size, store.pending().length, settled], [0, 0, ["stored"]]);
  });
}

test("who brings what the disk did not take is told so each time, and then it is taken", async (t) => {
  const { pool, store, settled, submit, turn } = setup(t);
  const [frame, other, third] = readings(3);
  assert.ok(other && third);
  const { addPending } = store;
  store.addPending = () => {
    throw new Failure("store.write", "no space", { retry: "later" });
  };
  const first = [submit(frame), submit(frame), submit(other), submit(third)];
  await Promise.resolve();
  turn();
  await Promise.all(first);
  assert.deepEqual(settled.splice(0).sort(), [
    "pool.full",
    "store.write",
    "store.write",
    "store.write",
  ]);
  assert.equal(pool.size, 0);
  store.addPending = addPending;
  const again = submit(frame);
  turn();
  await again;
  assert.deepEqual([settled, store.pending().length], [["stored"], 1]);
});

test("what is run before it is ordered comes to the same block", (t) => {
  const [frame] = readings(1);
  const plain = setup(t).work.run(proposalOf([frame]));
  assert.deepEqual(setup(t).work.foresee(proposalOf([frame])), plain);
});

test("what was run in vain is no block: another proposal of the height is run by itself", (t) => {
  const [frame, other] = readings(2);
  assert.ok(other);
  const plain = setup(t).work.run(proposalOf([frame, other], utcMs(startTime + 5)));
  const { work } = setup(t);
  work.foresee(proposalOf([frame]));
  const early = work.foresee({ ...proposalOf([frame]), height: 2 });
  assert.deepEqual(early, { kind: "ran", height: 2, result: undefined });
  assert.deepEqual(work.run(proposalOf([frame, other], utcMs(startTime + 5))), plain);
});

test("a member's own signature over a block is not checked in the certificate; of others each is", () => {
  let checks = 0;
  const counted = rememberingVerify((...signed) => {
    checks += 1;
    return verify(...signed);
  });
  const keysOf = (id: string) => {
    const keys = new MemberKeys({ chain, signer: signerOfName(id), verify: counted });
    const voters = ["member-a", "member-b"].map((of) => ({
      id: of,
      key: signerOfName(of).publicKey,
    }));
    keys.learn({ epoch: 0, since: 1, voters });
    return keys;
  };
  const keys = keysOf("member-a");
  const header = Uint8Array.of(1);
  const own = keys.sign("block", header);
  assert.deepEqual([keys.verify("member-a", "block", header, own), checks], [true, 0]);
  const others = keysOf("member-b").sign("block", Uint8Array.of(2));
  assert.deepEqual([keys.verify("member-b", "block", header, others), checks], [false, 1]);
});

test("what fails when it is run ends nothing before it is ordered", (t) => {
  const rule: BlockRule = {
    name: "test",
    due: () => false,
    run: () => {
      throw new Failure("contract.unknown-version", "upgrade", { retry: "never" });
    },
  };
  const { work } = setup(t, [rule]);
  const proposal = proposalOf(readings(1));
  assert.equal(work.foresee(proposal).result, undefined);
  assert.throws(() => work.run(proposal), { code: "contract.unknown-version" });
});
