import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, openFrame } from "@busbar/protocol";
import { MemoryPool } from "../../test/support/memory-pool.ts";
import { signers } from "../../test/support/test-broker.ts";
import { readingsFrame } from "../../test/support/test-messages.ts";
import { ingestLimits } from "./limits.ts";
import { WaitingLine } from "./waiting-line.ts";

const frames = Array.from({ length: 200 }, (_, i) => {
  const opened = openFrame(readingsFrame("d1", signers.d1, { first: i + 1 }));
  assert.ok(opened.ok);
  return opened.frame;
});

/** A line whose clock and whose pauses are the test's own: each `step` ends one pause. */
function lineBefore(pool: MemoryPool) {
  let now = 0;
  let wake = (): void => undefined;
  let paused = Promise.withResolvers<void>();
  const line = new WaitingLine(
    pool,
    { ...ingestLimits, poolWaitMs: 100, waitingMax: 150 },
    {
      now: () => now,
      delay: () => {
        paused.resolve();
        return new Promise<void>((resolve) => {
          wake = resolve;
        });
      },
    },
  );
  return {
    line,
    submit: (frame: Frame) => line.submit(frame, Buffer.from(`${frames.indexOf(frame)}`)),
    pause: () => paused.promise,
    step(ms: number) {
      now += ms;
      paused = Promise.withResolvers();
      wake();
      return paused.promise;
    },
  };
}

test("frames that wait enter in the order in which they came", async () => {
  const pool = new MemoryPool();
  pool.room = 10;
  const { submit, pause, step } = lineBefore(pool);
  const all = Promise.all(frames.slice(0, 100).map(submit));
  await pause();
  pool.room = 50;
  await step(50);
  assert.equal(pool.frames.length, 50);
  pool.room = 1_000;
  void step(40);
  assert.ok((await all).every(({ ok }) => ok));
  assert.deepEqual(pool.frames, frames.slice(0, 100));
});

test("a frame that waited its time is refused, one that came later still waits", async () => {
  const pool = new MemoryPool();
  pool.room = 0;
  const { line, submit, pause, step } = lineBefore(pool);
  const [first, second] = frames;
  assert.ok(first !== undefined && second !== undefined);
  const early = submit(first);
  await pause();
  await step(60);
  const late = submit(second);
  await step(40);
  const refused = await early;
  assert.equal(refused.ok ? "" : refused.code, "pool.full");
  assert.equal(line.length, 1);
  pool.room = 1;
  void step(10);
  assert.deepEqual(await late, { ok: true, state: "stored" });
});

test("the line itself is bounded: who comes to a full one is refused at once", async () => {
  const pool = new MemoryPool();
  pool.room = 0;
  const { line, submit, pause, step } = lineBefore(pool);
  const all = frames.map(submit);
  await pause();
  assert.equal(line.length, 150);
  const refused = await Promise.all(all.slice(150));
  assert.ok(refused.every((submitted) => !submitted.ok && submitted.code === "pool.full"));
  void step(100);
  await Promise.all(all);
  assert.equal(line.length, 0);
});

test("a pool that throws rejects the frame that met it, and the line goes on", async () => {
  const pool = new MemoryPool();
  pool.room = 0;
  const { submit, pause, step } = lineBefore(pool);
  const [first, second] = frames;
  assert.ok(first !== undefined && second !== undefined);
  const waiting = submit(first);
  await pause();
  pool.failure = new Error("disk full");
  const failed = assert.rejects(waiting, /disk full/);
  void step(10);
  await failed;
  pool.failure = undefined;
  pool.room = 1;
  assert.deepEqual(await submit(second), { ok: true, state: "stored" });
});
