import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { type Application, blockLimits } from "../ledger/application.ts";
import { hashOf } from "../ledger/opened-frame.ts";
import { BlockWish, lookAgainAt } from "./block-wish.ts";
import type { DurablePool } from "./durable-pool.ts";
import { nameOf } from "./frame-name.ts";
import { FrameQueue } from "./frame-queue.ts";
import type { Proposal } from "./pbft/messages.ts";

const intervalMs = 5;

/** A wish over a line of frames, at a time that stands still. */
function setup() {
  const waiting = new FrameQueue();
  let now = 1_000;
  const wish = new BlockWish({
    application: {
      due: () => false,
      info: () => ({ time: utcMs(0) }) as ReturnType<Application["info"]>,
    },
    store: { height: 1 },
    pool: { waiting, oldestSince: () => undefined } as unknown as DurablePool,
    clock: { now: () => utcMs(60_000) } as never,
    now: () => now,
    intervalMs,
  });
  const underWay: Proposal[] = [];
  return {
    wish,
    at: (ms: number) => (now = ms),
    arrive(...numbers: number[]) {
      for (const n of numbers) {
        const frame = Uint8Array.of(n >> 8, n);
        const hash = hashOf(frame);
        waiting.add({ name: nameOf(hash), hash, frame, since: now, from: undefined });
      }
    },
    /** What is proposed now, by number; undefined: nothing is. */
    propose() {
      const frames = wish.next([...underWay]);
      if (frames === undefined) return undefined;
      underWay.push({
        height: underWay.length + 2,
        time: utcMs(0),
        proposer: "a",
        view: 0,
        frames,
      });
      return frames.map(([high = 0, low = 0]) => high * 256 + low);
    },
    /** Proposals come to nothing: their frames are free again. */
    drop: () => void underWay.splice(0),
  };
}

test("after a rest a frame is proposed at once, then what comes waits until the interval is over", () => {
  const { wish, at, arrive, propose } = setup();
  assert.deepEqual([propose(), wish.nextAt], [undefined, undefined]);
  arrive(1);
  assert.deepEqual(propose(), [1]);
  at(1_001);
  arrive(2);
  at(1_003);
  arrive(3);
  assert.deepEqual([propose(), wish.nextAt], [undefined, 1_005]);
  at(1_005);
  assert.deepEqual(propose(), [2, 3]);
  at(1_009);
  assert.equal(propose(), undefined);
  at(1_100);
  arrive(4);
  assert.deepEqual(propose(), [4]);
});

test("frames of a proposal that came to nothing wait no longer than an interval in all", () => {
  const { wish, at, arrive, propose, drop } = setup();
  arrive(1);
  assert.deepEqual(propose(), [1]);
  at(1_004);
  drop();
  wish.next([]);
  assert.equal(wish.nextAt, 1_005);
  at(1_005);
  assert.deepEqual(propose(), [1]);
});

test("a full block waits for nothing", () => {
  const { arrive, propose } = setup();
  arrive(0);
  assert.deepEqual(propose(), [0]);
  arrive(...Array.from({ length: blockLimits.transactions }, (_, n) => n + 1));
  assert.equal(propose()?.length, blockLimits.transactions);
});

test("what falls due while the disk writes is looked at before the next tick", () => {
  const times = { steppedAt: 100, tickAt: 150 };
  assert.equal(lookAgainAt({ ...times, wishedAt: undefined }), 150);
  assert.equal(lookAgainAt({ ...times, wishedAt: 102 }), 102, "also where it is 104 by now");
  assert.equal(lookAgainAt({ ...times, wishedAt: 160 }), 150);
  // Else a leader that may propose no more would look again without end.
  assert.equal(lookAgainAt({ ...times, wishedAt: 100 }), 150);
});
