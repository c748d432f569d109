import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openFrame, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "../ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
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
import { DurablePool, type PoolLimits } from "./durable-pool.ts";
import { Recorder } from "./recorder.ts";

/** Wall time that the test owns. */
class TestTimers {
  #now = 0;
  #armed = new Map<object, { at: number; call: () => void }>();
  now = () => this.#now;
  after = (ms: number, call: () => void) => {
    const name = {};
    this.#armed.set(name, { at: this.#now + ms, call });
    return () => void this.#armed.delete(name);
  };
  get armed(): number {
    return this.#armed.size;
  }
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#armed].sort((a, b) => a[1].at - b[1].at);
      if (next === undefined || next[1].at > until) break;
      this.#armed.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].call();
    }
    this.#now = until;
  }
}

function setup(
  t: TestContext,
  options: { limits?: PoolLimits; block?: BlockRule[]; path?: string } = {},
) {
  const store = new Store(options.path ?? ":memory:");
  t.after(() => store.close());
  const own = { ...rules, block: options.block ?? [] };
  const application = new Application({ genesis: testGenesis(), store, verify, rules: own });
  if (!application.info().begun) application.initChain();
  const pool = new DurablePool(store, options.limits);
  const timers = new TestTimers();
  const recorder = new Recorder({
    application,
    pool,
    timers,
    blockIntervalMs: 100,
    clock: {
      speed: 60,
      now: () => utcMs(startTime + timers.now() * 60),
      delay: (siteMs) => Math.ceil(siteMs / 60),
    },
    member: { id: "member-a", chain, signer: signerOfName("member-a") },
  });
  const blocks: CommittedBlock[] = [];
  const refused: RefusedFrame[] = [];
  recorder.onCommit((block) => void blocks.push(block));
  recorder.onRefused((frame) => void refused.push(frame));
  return { store, application, pool, timers, recorder, blocks, refused };
}

function submit(pool: DurablePool, bytes: Uint8Array) {
  const opened = openFrame(bytes);
  assert.ok(opened.ok);
  return pool.submit(opened.frame, sha256(bytes));
}

test("frames that arrived become a block, and the block's listeners hear of it", async (t) => {
  const { pool, timers, recorder, blocks, application } = setup(t);
  recorder.start();
  const meter = new MeterChain("user-a");
  const frames = [1, 2, 3].map((n) => meter.frame(entry(startTime + n, n)));
  const answers = await Promise.all(frames.map((frame) => submit(pool, frame)));
  assert.deepEqual(answers, Array(3).fill({ ok: true, state: "stored" }));
  timers.advance(0);
  assert.deepEqual(
    blocks.map(({ frames: list }) => list),
    [frames],
  );
  assert.deepEqual(blocks[0]?.signers, Array(3).fill("user-a-unit"));
  assert.equal(pool.size, 0);
  assert.equal(application.info().height, 1);
  assert.deepEqual(await submit(pool, frames[0] ?? new Uint8Array()), {
    ok: true,
    state: "committed",
  });
});

test("blocks keep their distance on the wall clock, and none is made for nothing", async (t) => {
  const { pool, timers, recorder, blocks } = setup(t);
  recorder.start();
  timers.advance(10_000);
  assert.equal(blocks.length, 0);
  assert.equal(timers.armed, 1, "one timer, and no more");
  const meter = new MeterChain("user-a");
  await submit(pool, meter.frame(entry(startTime, 1)));
  timers.advance(0);
  assert.equal(blocks.length, 1, "the first comes at once");
  await submit(pool, meter.frame(entry(startTime + 1, 1)));
  timers.advance(99);
  assert.equal(blocks.length, 1);
  await submit(pool, meter.frame(entry(startTime + 2, 1)));
  timers.advance(1);
  assert.deepEqual(
    blocks.map(({ frames }) => frames.length),
    [1, 2],
  );
});

test("a rule that is due gets its block in its minute, without any frame", (t) => {
  const ran: number[] = [];
  const rule: BlockRule = {
    name: "test",
    due: (state, time) => time >= startTime + 120_000 && state.get("test/done") === undefined,
    run: ({ state, time }) => {
      ran.push(time - startTime);
      state.set("test/done", Uint8Array.of(1));
    },
  };
  const { timers, recorder, blocks } = setup(t, { block: [rule] });
  recorder.start();
  timers.advance(1999);
  assert.deepEqual(ran, []);
  timers.advance(1);
  assert.deepEqual(ran, [120_000]);
  timers.advance(60_000);
  assert.equal(blocks.length, 1);
});

test("what the rules refuse leaves the pool, on disk too, and its sender hears of it", async (t) => {
  const { pool, timers, recorder, blocks, refused, store } = setup(t);
  recorder.start();
  const meter = new MeterChain("user-a");
  const good = meter.frame(entry(startTime, 1));
  meter.frame(entry(startTime + 1, 1));
  const gap = meter.frame(entry(startTime + 2, 1));
  await Promise.all([submit(pool, gap), submit(pool, good)]);
  timers.advance(0);
  assert.deepEqual(
    blocks.map(({ frames }) => frames),
    [[good]],
  );
  assert.deepEqual(
    refused.map(({ hash, signer, refusal }) => [hash, signer, refusal.code]),
    [[sha256(gap), "user-a-unit", "readings.gap"]],
  );
  assert.equal(store.pending().length, 0);
  assert.deepEqual(await submit(pool, gap), { ok: true, state: "stored" }, "it may come again");
});

test("equal bytes wait once, and a full pool says so", async (t) => {
  const { pool } = setup(t, { limits: { frames: 2, bytes: 1_000_000 } });
  const meter = new MeterChain("user-a");
  const frames = [1, 2, 3].map((n) => meter.frame(entry(startTime + n, n)));
  const [one, two, three] = frames;
  assert.ok(one && two && three);
  const states = await Promise.all([one, one, two, three].map((frame) => submit(pool, frame)));
  assert.deepEqual(
    states.map((answer) => (answer.ok ? answer.state : answer.code)),
    ["stored", "pending", "stored", "pool.full"],
  );
  assert.deepEqual(await submit(pool, one), { ok: true, state: "pending" });
});

test("frames that were stored wait through a restart, in their order", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-pool-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ledger.sqlite");
  const first = setup(t, { path });
  const meter = new MeterChain("user-a");
  const frames = [1, 2, 3].map((n) => meter.frame(entry(startTime + n, n)));
  for (const frame of frames) await submit(first.pool, frame);
  const second = setup(t, { path });
  assert.deepEqual(second.pool.oldest(10), frames);
  second.recorder.start();
  second.timers.advance(0);
  assert.deepEqual(
    second.blocks.map((block) => block.frames),
    [frames],
  );
});

test("a stopped recorder makes no more blocks", async (t) => {
  const { pool, timers, recorder, blocks } = setup(t);
  recorder.start();
  await recorder.stop();
  await submit(pool, new MeterChain("user-a").frame(entry(startTime, 1)));
  timers.advance(10_000);
  assert.deepEqual([blocks.length, timers.armed], [0, 0]);
});
