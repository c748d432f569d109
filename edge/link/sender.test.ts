import assert from "node:assert/strict";
import { test } from "node:test";
import type { Refused } from "@busbar/protocol";
import fc from "fast-check";
import type { Outbox, Outgoing } from "../journal/outbox.ts";
import { Sender } from "./sender.ts";

/** Frames of one lane in memory; `1` is batch 1, which holds reading 1. */
class Lane implements Outbox {
  readonly topic = "readings";
  waiting: number[];

  constructor(count: number) {
    this.waiting = Array.from({ length: count }, (_, i) => i + 1);
  }

  lanes() {
    return this.waiting.length === 0 ? [] : ["m"];
  }

  pending(_lane: string, limit: number): Outgoing[] {
    return this.waiting.slice(0, limit).map(outgoing);
  }

  sent() {}

  committed(ref: string) {
    if (!this.waiting.includes(Number(ref))) return undefined;
    this.waiting = this.waiting.filter((n) => n !== Number(ref));
    return "m";
  }

  refused(ref: string) {
    return { lane: "m", frame: outgoing(Number(ref)) };
  }
}

const outgoing = (n: number): Outgoing => ({
  ref: String(n),
  frame: Uint8Array.of(n),
  range: { first: n, last: n },
});
const refusal = (code: string, expected?: number): Refused => ({
  ref: new Uint8Array(32),
  code,
  message: code,
  ...(expected === undefined ? {} : { expected }),
});

function setUp(count: number) {
  let time = 0;
  const lane = new Lane(count);
  const sender = new Sender({
    outboxes: [lane],
    now: () => time,
    random: () => 0.5,
  });
  const sends = () => sender.next().map(({ frame }) => Number(frame.ref));
  return { lane, sender, sends, wait: (ms: number) => (time += ms), now: () => time };
}

test("a window of 64 goes out, and one more with each receipt", () => {
  const { sender, sends } = setUp(100);
  assert.equal(sends().length, 64);
  assert.deepEqual(sends(), []);
  sender.committed("1", new Uint8Array());
  assert.deepEqual(sends(), [65]);
});

test("after a refusal the lane waits, longer each time, and goes on from the oldest frame", () => {
  const { sender, sends, wait } = setUp(3);
  assert.deepEqual(sends(), [1, 2, 3]);
  const waits: number[] = [];
  for (let round = 0; round < 14; round++) {
    sender.refused("1", refusal("pool.full"));
    sender.refused("2", refusal("readings.sequence", 1));
    sender.refused("3", refusal("readings.sequence", 1));
    assert.deepEqual(sends(), []);
    const at = sender.wakeAt();
    assert.ok(at !== undefined);
    const before = wait(0);
    waits.push(at - before);
    wait(at - before);
    assert.deepEqual(sends(), [1, 2, 3]);
  }
  assert.ok(
    waits.every((ms, i) => ms >= (waits[i - 1] ?? 0)),
    waits.join(),
  );
  assert.ok((waits.at(-1) ?? 0) <= 300_000);
  assert.deepEqual(sender.blocked, [
    { lane: "readings/m", code: "readings.sequence", message: "readings.sequence" },
  ]);
  sender.committed("1", new Uint8Array());
  assert.deepEqual(sender.blocked, []);
});

test("a frame that the ledger misses is sent again, frames it has are not", () => {
  const { sender, sends, wait } = setUp(5);
  sends();
  sender.refused("4", refusal("readings.sequence", 3));
  sender.refused("5", refusal("readings.sequence", 3));
  wait(1000);
  assert.deepEqual(sends(), [3, 4, 5]);
});

test("without any answer all of the lane is sent again after a time, and after a lost connection at once", () => {
  const { sender, sends, wait } = setUp(2);
  sends();
  wait(29_999);
  assert.deepEqual(sends(), []);
  wait(1);
  assert.deepEqual(sends(), [1, 2]);
  sender.connectionLost();
  assert.deepEqual(sends(), [1, 2]);
});

test("over a link that loses, delays and refuses, every frame arrives, in order, once", () => {
  const fate = fc.constantFrom("ok", "lose", "lose-answer", "full", "cut");
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 90 }),
      fc.array(fate, { maxLength: 200 }),
      (count, fates) => {
        const { lane, sender, sends, wait, now } = setUp(count);
        const ledger: number[] = [];
        let i = 0;
        for (let round = 0; lane.waiting.length > 0; round++) {
          assert.ok(round < 2000, "no end");
          for (const n of sends()) {
            const what = fates[i++] ?? "ok";
            if (what === "lose") continue;
            if (what === "cut") {
              sender.connectionLost();
              break;
            }
            if (what === "full") {
              sender.refused(String(n), refusal("pool.full"));
            } else if (n <= ledger.length) {
              sender.committed(String(n), new Uint8Array());
            } else if (n > ledger.length + 1) {
              sender.refused(String(n), refusal("readings.sequence", ledger.length + 1));
            } else {
              ledger.push(n);
              if (what === "ok") sender.committed(String(n), new Uint8Array());
            }
          }
          const at = sender.wakeAt();
          if (at !== undefined) wait(Math.max(0, at - now()));
        }
        assert.deepEqual(
          ledger,
          Array.from({ length: count }, (_, k) => k + 1),
        );
        assert.equal(sender.inFlight, 0);
      },
    ),
    { numRuns: 200 },
  );
});
