import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { pino } from "pino";
import { closed, connect } from "../../test/support/mqtt-client.ts";
import { testBroker } from "../../test/support/test-broker.ts";
import { Takeovers } from "./takeovers.ts";

const minute = 60_000;

test("three takeovers in ten minutes are a fight, told of once while it lasts", () => {
  const takeovers = new Takeovers();
  const told = Array.from({ length: 9 }, (_, n) => takeovers.take("d1", n * minute));
  assert.deepEqual(told, [false, false, true, ...Array(6).fill(false)]);
  assert.deepEqual(
    [100, 101, 102].map((at) => takeovers.take("d1", at * minute)),
    [false, false, true],
  );
});

test("a unit that comes back now and then is no fight, whatever the others do", () => {
  const takeovers = new Takeovers();
  for (let n = 0; n < 50; n++) {
    assert.equal(takeovers.take("d1", n * 6 * minute), false);
    assert.equal(takeovers.take(`other-${n}`, n * 6 * minute), false);
  }
  // Many ids, each of them once: the oldest are forgotten.
  for (let n = 0; n < 5_000; n++) assert.equal(takeovers.take(`x${n}`, 0), false);
});

test("two units that throw each other out stand in the log with both addresses and what to do", async (context) => {
  const lines: Record<string, unknown>[] = [];
  const write = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  const broker = await testBroker({ log: pino({}, write) });
  context.after(() => broker.stop());
  let held = await connect(broker.port, "d1");
  for (let n = 0; n < 4; n++) {
    const end = closed(held);
    held = await connect(broker.port, "d1");
    await end;
  }
  await held.endAsync();
  const told = lines.filter(({ event }) => event === "duplicate-client");
  assert.equal(told.length, 1);
  const [{ older, newer, message } = {}] = told;
  assert.deepEqual([older, newer], ["127.0.0.1", "127.0.0.1"]);
  assert.match(
    String(message),
    /two units sign in as d1, from 127\.0\.0\.1 and 127\.0\.0\.1; switch one off/,
  );
  assert.equal(broker.counters.of("login.duplicate-client"), 1);
});
