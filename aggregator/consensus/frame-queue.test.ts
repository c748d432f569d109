import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../ledger/sha256.ts";
import { nameOf } from "./frame-name.ts";
import { FrameQueue } from "./frame-queue.ts";

const frames = Array.from({ length: 12 }, (_, n) => new Uint8Array(n + 1).fill(n));
const most = { frames: 100, bytes: 10_000 };

function add(queue: FrameQueue, n: number, from?: string): void {
  const frame = frames[n];
  assert.ok(frame);
  const hash = sha256(frame);
  queue.add({ name: nameOf(hash), hash, frame, since: n, from });
}

const nameAt = (n: number) => nameOf(sha256(frames[n] ?? new Uint8Array()));

test("free frames come by age, as many as fit", () => {
  const queue = new FrameQueue();
  for (const n of [3, 1, 2]) add(queue, n);
  assert.deepEqual(queue.free(most), [frames[3], frames[1], frames[2]]);
  assert.deepEqual(queue.free({ frames: 2, bytes: 100 }), [frames[3], frames[1]]);
  assert.deepEqual(queue.free({ frames: 9, bytes: 6 }), [frames[3], frames[1]]);
  assert.deepEqual(
    [queue.fills({ frames: 3, bytes: 100 }), queue.fills({ frames: 4, bytes: 10 })],
    [true, false],
  );
});

test("what came to this member too, after another told of it, keeps its place and age", () => {
  const queue = new FrameQueue();
  add(queue, 1, "b");
  add(queue, 2, "b");
  const hash = sha256(frames[1] ?? new Uint8Array());
  const entry = { name: nameAt(1), hash, frame: frames[1] ?? hash, since: 50, from: undefined };
  queue.add(entry);
  assert.deepEqual(queue.free(most), [frames[1], frames[2]]);
  assert.equal(queue.get(nameAt(1))?.since, 1);
  assert.deepEqual(
    [queue.amount("b"), queue.amount(undefined)],
    [
      { frames: 1, bytes: 3 },
      { frames: 1, bytes: 2 },
    ],
  );
});

test("free is what waits and stands in no proposal under way, whatever happens in between", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), n: fc.nat(11) }),
    fc.record({ do: fc.constant("delete" as const), n: fc.nat(11) }),
    fc.record({
      do: fc.constant("way" as const),
      lists: fc.array(fc.uniqueArray(fc.nat(11)), { maxLength: 3 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new FrameQueue();
      let waiting: number[] = [];
      let taken: number[] = [];
      for (const one of steps) {
        if (one.do === "add") {
          add(queue, one.n);
          if (!waiting.includes(one.n)) waiting.push(one.n);
        } else if (one.do === "delete") {
          queue.delete(nameAt(one.n));
          waiting = waiting.filter((n) => n !== one.n);
        } else {
          taken = one.lists.flat();
          queue.setUnderWay(
            one.lists.map((list) => ({ frames: list.flatMap((n) => frames[n] ?? []) })),
          );
        }
        const free = waiting.filter((n) => !taken.includes(n));
        assert.deepEqual(new Set(queue.free(most).map((frame) => frame[0])), new Set(free));
        const bytes = free.reduce((sum, n) => sum + n + 1, 0);
        assert.deepEqual(
          [queue.fills({ frames: 99, bytes }), queue.fills({ frames: 99, bytes: bytes + 1 })],
          [true, false],
        );
        assert.equal(queue.size, waiting.length);
      }
    }),
  );
});
