import assert from "node:assert/strict";
import { test } from "node:test";
import { freshLine } from "./fresh-line.ts";
import type { LineEvents } from "./line.ts";

/** A line that brings bytes when it is told to, on a clock of its own. */
async function opened() {
  let now = 0;
  let events: LineEvents | undefined;
  const heard: number[] = [];
  const inner = {
    open: async (to: LineEvents) => {
      events = to;
    },
    write: () => {},
    close: async () => {},
  };
  const line = freshLine(inner, () => now);
  const open = () => line.open({ data: (bytes) => heard.push(...bytes), lost: () => {} });
  await open();
  const come = (at: number, byte: number) => {
    now = at;
    events?.data(Uint8Array.of(byte));
  };
  return { heard, come, open };
}

test("what was kept while nobody listened is not taken for what the meter says now", async () => {
  const { heard, come, open } = await opened();
  for (let i = 0; i < 20; i++) come(5 + i * 50, 1);
  come(1_300, 2);
  come(1_301, 3);
  assert.deepEqual(heard, [2, 3]);
  await open();
  come(1_310, 1);
  come(1_800, 4);
  assert.deepEqual(heard, [2, 3, 4]);
});

test("a meter that is silent at first is heard from its first byte", async () => {
  const { heard, come } = await opened();
  come(900, 7);
  assert.deepEqual(heard, [7]);
});

test("a meter that never pauses is heard after a while", async () => {
  const { heard, come } = await opened();
  for (let at = 0; at <= 5_000; at += 100) come(at, at === 5_000 ? 9 : 1);
  assert.deepEqual(heard, [9]);
});
