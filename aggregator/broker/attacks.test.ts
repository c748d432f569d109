import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { topicsOf } from "@busbar/protocol";
import fc from "fast-check";
import { connect, messages } from "../../test/support/mqtt-client.ts";
import {
  connackBytes,
  connectPacket,
  dial,
  packet,
  subackBytes,
  subscribePacket,
  untilClosed,
  untilReceived,
} from "../../test/support/raw-mqtt.ts";
import { site, testBroker } from "../../test/support/test-broker.ts";
import type { Broker } from "./broker.ts";
import type { BrokerLimits } from "./limits.ts";

const topics = topicsOf(site);
let broker: Broker;

before(async () => {
  const limits = { connectBurst: 10_000, connectionsPerIdentity: 1_000 };
  broker = await testBroker({ limits });
});
after(() => broker.stop());

/** The broker is well: a login and a round trip work. */
async function isWell(port = broker.port): Promise<void> {
  const client = await connect(port, "o1", { clientId: "o1:check" });
  await client.subscribeAsync(topics.prices);
  await client.endAsync();
}

async function ownBroker(t: TestContext, limits: Partial<BrokerLimits>): Promise<Broker> {
  const own = await testBroker({ limits });
  t.after(() => own.stop());
  return own;
}

test("a header that announces 256 MB closes the connection at once", async () => {
  for (const start of [Buffer.alloc(0), connectPacket("d1")]) {
    const socket = await dial(broker.port);
    const closed = untilClosed(socket);
    socket.write(
      Buffer.concat([start, Buffer.of(start.length > 0 ? 0x30 : 0x10, 255, 255, 255, 127)]),
    );
    await closed;
  }
  assert.equal(broker.counters.of("guard.packet-too-large"), 2);
});

test("a malformed remaining length closes the connection at once", async () => {
  const socket = await dial(broker.port);
  const closed = untilClosed(socket);
  socket.write(Buffer.concat([connectPacket("d1"), Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80, 1)]));
  await closed;
  assert.equal(broker.counters.of("guard.malformed"), 1);
});

test("a web browser is turned away at its first byte", async () => {
  const socket = await dial(broker.port);
  const closed = untilClosed(socket);
  socket.write("GET / HTTP/1.1\r\n\r\n");
  assert.equal((await closed).length, 0);
  assert.equal(broker.counters.of("guard.not-connect"), 1);
});

test("any bytes instead of CONNECT leave the broker well", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const socket = await dial(broker.port);
      const closed = untilClosed(socket);
      socket.end(packet(0x10, bytes));
      await closed;
    }),
    { numRuns: 150 },
  );
  await isWell();
});

test("any packet bodies after a login leave the broker well", async () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    // A plausible topic first, so that more than the first check is reached.
    fc
      .tuple(
        fc.constantFrom(topics.readings("d1"), topics.quotes, topics.state("d1"), "__proto__"),
        fc.uint8Array({ maxLength: 60 }),
      )
      .map(([topic, rest]) => Uint8Array.from([0, topic.length, ...Buffer.from(topic), ...rest])),
    fc
      .tuple(
        fc.constantFrom("#", "$share/a/b", "a/#/b", "constructor", topics.receipts("d1")),
        fc.uint8Array({ maxLength: 60 }),
      )
      .map(([topic, rest]) =>
        Uint8Array.from([0, 1, 0, topic.length, ...Buffer.from(topic), ...rest]),
      ),
  );
  const wild = fc.array(fc.tuple(fc.integer({ min: 0x10, max: 0xef }), body), {
    minLength: 1,
    maxLength: 4,
  });
  let n = 0;
  await fc.assert(
    fc.asyncProperty(wild, async (packets) => {
      const socket = await dial(broker.port);
      socket.write(connectPacket("d1", `d1:${n++}`));
      await untilReceived(socket, connackBytes);
      const closed = untilClosed(socket);
      socket.end(Buffer.concat(packets.map(([first, content]) => packet(first, content))));
      await closed;
    }),
    { numRuns: 200 },
  );
  await isWell();
});

test("a CONNECT with any one byte changed leaves the broker well", async () => {
  const good = connectPacket("d1", "d1:bent");
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, bend) => {
        const bytes = Uint8Array.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ bend;
        const socket = await dial(broker.port);
        const closed = untilClosed(socket);
        socket.end(bytes);
        await closed;
      },
    ),
    { numRuns: 150 },
  );
  await isWell();
});

test("client ids and user names of an object's own leave the broker well", async () => {
  for (const name of ["__proto__", "constructor", "toString", ""]) {
    await assert.rejects(connect(broker.port, "d1", { clientId: name, username: name }));
  }
  await isWell();
});

test("a connection that never says CONNECT is closed", async (t) => {
  const impatient = await ownBroker(t, { connectTimeoutMs: 100 });
  const socket = await dial(impatient.port);
  socket.write(connectPacket("d1").subarray(0, 10));
  await untilClosed(socket);
});

test("one address opens connections no faster than its allowance", async (t) => {
  const strict = await ownBroker(t, { connectBurst: 3, connectsPerSecond: 0 });
  const sockets = await Promise.all([1, 2, 3].map(() => dial(strict.port)));
  await untilClosed(await dial(strict.port));
  assert.equal(strict.counters.of("guard.too-fast"), 1);
  assert.ok(sockets.every((socket) => !socket.destroyed));
});

test("beyond the most connections a new one is dropped", async (t) => {
  const small = await ownBroker(t, { connectionsMax: 2 });
  const held = await Promise.all([1, 2].map(() => dial(small.port)));
  await untilClosed(await dial(small.port));
  assert.equal(small.counters.of("guard.connections-full"), 1);
  for (const socket of held) socket.destroy();
});

test("a reader that stops is closed, and the others go on", async (t) => {
  const hasty = await ownBroker(t, { drainTimeoutMs: 200 });
  const stopped = await dial(hasty.port);
  stopped.write(Buffer.concat([connectPacket("op"), subscribePacket(topics.live("d1"))]));
  await untilReceived(stopped, connackBytes + subackBytes);
  stopped.pause();

  const reader = await connect(hasty.port, "o1");
  await reader.subscribeAsync(topics.live("d1"));
  const device = await connect(hasty.port, "d1");
  const payload = Buffer.alloc(12_000);
  const count = 2_500;
  const heard = messages(reader, count);
  for (let n = 0; n < count; n++) device.publish(topics.live("d1"), payload);
  assert.equal((await heard).length, count);
  assert.deepEqual(
    hasty
      .clients()
      .map(({ client }) => client)
      .sort(),
    ["d1", "o1"],
  );
  stopped.destroy();
  await Promise.all([device.endAsync(), reader.endAsync()]);
});

test("a reader is closed when too much waits for it, before its time is over", async (t) => {
  const tight = await ownBroker(t, { unsentBytesMax: 100_000, drainTimeoutMs: 60_000 });
  const stopped = await dial(tight.port);
  stopped.write(Buffer.concat([connectPacket("d2"), subscribePacket(topics.receipts("d2"))]));
  await untilReceived(stopped, connackBytes + subackBytes);
  stopped.pause();
  const payload = new Uint8Array(14_000);
  // A burst is queued whole before the first of it is written; the bound is checked at the next.
  for (let burst = 0; burst < 10; burst++) {
    const sent = Array.from({ length: 200 }, () => tight.publish(topics.receipts("d2"), payload));
    await Promise.race([Promise.all(sent), setImmediate()]);
    await setImmediate();
  }
  assert.equal(tight.counters.of("guard.slow-reader") > 0, true);
  assert.deepEqual(tight.clients(), []);
  stopped.destroy();
});

test("a connection holds no more filters than allowed, a member's worker more", async (t) => {
  const small = await ownBroker(t, { filtersPerConnection: 2, filtersPerMember: 4 });
  for (const [who, most] of [
    ["op", 2],
    ["m1", 4],
  ] as const) {
    const client = await connect(small.port, who);
    for (let n = 0; n < most; n++) await client.subscribeAsync(topics.live(`d${n}`));
    await assert.rejects(client.subscribeAsync(topics.live(`d${most}`)));
    await client.endAsync();
  }
  assert.equal(small.counters.of("rights.too-many-filters"), 2);
});
