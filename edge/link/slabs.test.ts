import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { cutFromSmallSlabs } from "@busbar/protocol/node";
import { listening } from "../../test/support/sockets.ts";
import { Connection } from "./connection.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** A broker that lets everybody in and reads all that comes. */
async function broker(context: TestContext): Promise<{ url: string; heard: () => number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const answers = [(_: Buffer) => [0x20, 2, 0, 0], (id: Buffer) => [0x90, 3, ...id, 1]];
    socket.on("data", (bytes) => {
      const answer = answers.shift();
      if (answer !== undefined) socket.write(Buffer.from(answer(bytes.subarray(2, 4))));
    });
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const url = `mqtt://127.0.0.1:${await listening(server)}`;
  return { url, heard: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0) };
}

async function connected(url: string, context: TestContext): Promise<Connection> {
  const up = Promise.withResolvers<void>();
  const connection = new Connection({
    brokers: [{ url, allowPlainText: false }],
    client: "unit",
    username: "unit",
    password: () => "",
    will: () => undefined,
    subscriptions: ["prices"],
    onUp: () => up.resolve(),
    onDown: () => {},
    onMessage: () => {},
  });
  context.after(() => connection.stop());
  connection.start();
  await up.promise;
  return connection;
}

test("packets of many lengths leave no more behind than their lengths", async (context) => {
  cutFromSmallSlabs();
  const { url, heard } = await broker(context);
  const connection = await connected(url, context);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const lengths = 300;
  let sent = 0;
  for (let length = 1; length <= lengths; length++) {
    const payload = new Uint8Array(length);
    assert.ok(connection.publish({ topic: "live", payload, qos: 0, retain: false }));
    sent += length;
    // Whatever else a unit does meanwhile: more small buffers than one of Node's own slabs holds.
    for (let i = 0; i < 70; i++) Buffer.from("0".repeat(1000));
  }
  while (heard() < sent) await new Promise(setImmediate);
  const keptNow = () => {
    collect();
    return process.memoryUsage().arrayBuffers - before;
  };
  let kept = keptNow();
  // What the other end has read may still be held by the write that is not yet told of it.
  for (let turns = 0; kept >= lengths * 1024 && turns < 100; turns++) {
    await sleep(20);
    kept = keptNow();
  }
  assert.ok(kept < lengths * 1024, `${kept} bytes are kept for ${lengths} lengths`);
});
