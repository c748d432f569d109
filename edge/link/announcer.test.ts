import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { Counters } from "../status/counters.ts";
import { Announcer } from "./announcer.ts";

/** An announcer, what it published, and acknowledgements to give or withhold. */
function setUp(first: Record<string, string>, before: readonly string[] = []) {
  const state = { wanted: first, announced: before };
  const published: string[] = [];
  const acknowledge: (() => void)[] = [];
  const counters = new Counters();
  const announcer = new Announcer({
    wanted: () => Object.entries(state.wanted).map(([topic, payload]) => ({ topic, payload })),
    announced: {
      read: () => state.announced,
      write: (topics) => {
        state.announced = topics;
      },
    },
    publish: ({ topic, payload, qos, retain }, acknowledged) => {
      assert.deepEqual([qos, retain], [1, true]);
      published.push(`${topic}=${payload}`);
      acknowledge.push(acknowledged);
      return true;
    },
    counters,
    log: pino({ level: "silent" }),
  });
  const answer = () => {
    for (const done of acknowledge.splice(0)) done();
  };
  return { announcer, state, published, answer, counters };
}

test("each connection is told once, and then only what changed", () => {
  const { announcer, state, published, answer } = setUp({ a: "1", b: "1" });
  announcer.say();
  assert.deepEqual(published, []);
  announcer.up("x");
  assert.equal(announcer.taken, false);
  answer();
  assert.equal(announcer.taken, true);
  announcer.say();
  state.wanted = { a: "1", b: "2" };
  announcer.say();
  answer();
  announcer.down(true);
  announcer.up("x");
  assert.deepEqual(published, ["a=1", "b=1", "b=2", "a=1", "b=2"]);
});

test("what is gone, or all when it is turned off, is taken back on each broker", () => {
  const { announcer, state, published, answer } = setUp({ a: "1", b: "1" });
  announcer.up("x");
  answer();
  state.wanted = { b: "1" };
  announcer.say();
  assert.deepEqual(published.splice(0), ["a=1", "b=1", "a="]);
  answer();
  announcer.down(true);
  state.wanted = {};
  announcer.up("y");
  assert.deepEqual(published.splice(0).sort(), ["a=", "b="]);
  answer();
  assert.equal(announcer.taken, false);
});

test("a topic is noted before it is announced", () => {
  const { announcer, state, published } = setUp({ a: "1" });
  Object.defineProperty(state, "announced", {
    get: () => [],
    set: () => {
      throw new Error("disk full");
    },
  });
  assert.throws(() => announcer.up("x"), /disk full/);
  assert.deepEqual(published, []);
});

test("a broker that ends the connection over it twice is told no more; another one is", () => {
  const { announcer, published, answer, counters } = setUp({ a: "1" });
  for (let i = 0; i < 4; i++) {
    announcer.up("x");
    announcer.down(true);
  }
  assert.deepEqual(published.splice(0), ["a=1", "a=1"]);
  assert.equal(counters.of("link.announcement-refused"), 1);
  announcer.up("y");
  answer();
  announcer.down(true);
  announcer.up("y");
  assert.deepEqual(published, ["a=1", "a=1"]);
});

test("a link that breaks now and then, or for a reason of its own, is no refusal", () => {
  const { announcer, published, answer } = setUp({ a: "1" });
  for (let i = 0; i < 5; i++) {
    announcer.up("x");
    announcer.down(false);
  }
  assert.equal(published.splice(0).length, 5);
  for (let i = 0; i < 5; i++) {
    announcer.up("x");
    announcer.down(true);
    announcer.up("x");
    answer();
    announcer.down(true);
  }
  assert.equal(published.length, 10);
});
