import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { NearerBroker } from "./nearer-broker.ts";

const minute = 60_000;

function setUp(isReady: (index: number) => boolean) {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const looks: number[] = [];
  const found: number[] = [];
  const nearer = new NearerBroker({
    isReady: async (index) => {
      if (index === 0) looks.push(now);
      return isReady(index);
    },
    onFound: (index) => found.push(index),
    now: () => now,
    random: () => 0.999_999,
    bounds: { msMin: minute, msMax: 8 * minute },
  });
  /** Lets minutes pass, with what they set off. */
  const pass = async (minutes: number) => {
    for (let i = 0; i < minutes; i++) {
      now += minute;
      mock.timers.tick(minute);
      await new Promise(setImmediate);
    }
  };
  return { nearer, looks, found, pass };
}

test("nearer ones are looked for ever more rarely while none is there", async () => {
  const { nearer, looks, found, pass } = setUp(() => false);
  nearer.watch(2);
  await pass(40);
  assert.deepEqual(
    looks.map((at) => at / minute),
    [1, 3, 7, 15, 23, 31, 39],
  );
  assert.deepEqual(found, []);
  nearer.stop();
  await pass(20);
  assert.equal(looks.length, 7);
});

test("the nearest that is ready is taken; from the nearest nobody looks further", async () => {
  const { nearer, looks, found, pass } = setUp((index) => index >= 1);
  nearer.watch(3);
  await pass(1);
  assert.deepEqual(found, [1]);
  nearer.watch(0);
  await pass(30);
  assert.equal(looks.length, 1);
});

test("one that does not hold after it was found is looked for more rarely, one that held is not", async () => {
  const { nearer, looks, pass } = setUp((index) => index === 0);
  nearer.watch(1);
  await pass(1);
  nearer.watch(1);
  await pass(2);
  nearer.watch(1);
  await pass(4);
  assert.deepEqual(
    looks.map((at) => at / minute),
    [1, 3, 7],
  );
  nearer.watch(0);
  await pass(6);
  nearer.watch(1);
  await pass(1);
  assert.deepEqual(
    looks.map((at) => at / minute),
    [1, 3, 7, 14],
  );
});

test("a look that ends after the connection did says nothing any more", async () => {
  const answer = Promise.withResolvers<boolean>();
  const found: number[] = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  const nearer = new NearerBroker({
    isReady: () => answer.promise,
    onFound: (index) => found.push(index),
    now: () => 0,
    random: () => 0,
    bounds: { msMin: 10, msMax: 10 },
  });
  nearer.watch(1);
  mock.timers.tick(10);
  nearer.stop();
  answer.resolve(true);
  await new Promise(setImmediate);
  assert.deepEqual(found, []);
});
