import assert from "node:assert/strict";
import { test } from "node:test";
import { Broadcasting } from "./broadcasting.ts";

/** Time that goes by when the test says so. */
function scene(heardOf: (frames: readonly number[]) => number) {
  let now = 0;
  const timers = new Set<{ at: number; call: () => void }>();
  const said: number[][] = [];
  const failed: string[] = [];
  const looked: number[][] = [];
  const broadcasting: Broadcasting = new Broadcasting({
    broadcast: async (frames) => {
      const numbers = frames.map(([number = 0]) => number);
      said.push(numbers);
      return heardOf(numbers);
    },
    stillGood: (frames) => looked.push(frames.map(([number = 0]) => number)),
    onFailed: ({ message }) => failed.push(message),
    timers: {
      now: () => now,
      after(ms, call) {
        const timer = { at: now + ms, call };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
  });
  /** Lets time go by, timer by timer. */
  const pass = async (ms: number) => {
    const end = now + ms;
    for (;;) {
      for (let i = 0; i < 10; i += 1) await Promise.resolve();
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      timers.delete(next);
      now = next.at;
      next.call();
    }
    now = end;
  };
  const add = (number: number) => broadcasting.add(String(number), Uint8Array.of(number));
  return { broadcasting, said, failed, looked, pass, add };
}

test("frames are said in order, a few at once, and again while they stand in no block", async () => {
  const { broadcasting, said, looked, pass, add } = scene((frames) => frames.length);
  broadcasting.start();
  for (let i = 0; i < 25; i += 1) add(i);
  await pass(1000);
  assert.deepEqual(
    said.flat(),
    Array.from({ length: 25 }, (_, i) => i),
  );
  assert.ok(said.every(({ length }) => length <= 10));
  for (let i = 0; i < 24; i += 1) broadcasting.drop(String(i));
  await pass(8000);
  assert.equal(said.flat().length, 25, "not before ten seconds");
  await pass(2000);
  assert.deepEqual([said.flat().length, said.at(-1), looked], [26, [24], [[24]]]);
  broadcasting.drop("24");
  await pass(60_000);
  assert.equal(said.flat().length, 26);
  broadcasting.stop();
});

test("what was not heard is said again from there, behind nothing that it follows", async () => {
  let room = 0;
  const { broadcasting, said, pass, add } = scene((frames) => Math.min(room, frames.length));
  broadcasting.start();
  for (let i = 0; i < 5; i += 1) add(i);
  await pass(2000);
  assert.deepEqual(said.at(-1), [0, 1, 2, 3, 4]);
  room = 3;
  await pass(600);
  assert.deepEqual(said.slice(-2), [
    [0, 1, 2, 3, 4],
    [3, 4],
  ]);
  broadcasting.stop();
});

test("an engine that is away is told of once, and frames wait", async () => {
  let away = true;
  const { broadcasting, said, failed, pass, add } = scene((frames) => {
    if (away) throw new Error("nobody there");
    return frames.length;
  });
  broadcasting.start();
  add(1);
  await pass(10_000);
  assert.deepEqual(failed, ["nobody there"]);
  assert.ok(said.length > 5);
  away = false;
  await pass(1000);
  const { length } = said;
  await pass(5000);
  assert.equal(said.length, length);
  away = true;
  await pass(10_000);
  assert.equal(failed.length, 2);
  broadcasting.stop();
});
