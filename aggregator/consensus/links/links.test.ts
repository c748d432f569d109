import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { createServer } from "node:tls";
import { freePort, listening } from "../../../test/support/sockets.ts";
import { until } from "../../../test/support/virtual-site.ts";
import { framed } from "./frames.ts";
import { usualLimits } from "./limits.ts";
import { identityOf } from "./pinned.ts";
import { dialRaw, keysOf, peerOf, startLinks, testChain } from "./test-members.ts";
import type { TlsLinks } from "./tls-links.ts";

/** Members that know each other; ports are known once all listen. */
async function consortium(t: TestContext, ...names: string[]) {
  const all = await Promise.all(names.map((name) => startLinks(name)));
  t.after(() => Promise.all(all.map(({ links }) => links.stop())));
  const peers = all.map(({ links }, i) => peerOf(names[i] ?? "", links.port));
  for (const [i, { links }] of all.entries()) links.setPeers(peers.toSpliced(i, 1));
  await Promise.all(all.map(({ links }) => allReached(links)));
  return all;
}

function allReached(links: TlsLinks): Promise<true> {
  return until("all peers are reached and heard", () =>
    links.peers().every(({ reached, heard }) => reached && heard) ? true : undefined,
  );
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const count = (links: TlsLinks, code: string) => new Map(links.counts()).get(code) ?? 0;

test("what a member sends to one or to all arrives there, in order and under its name", async (t) => {
  const [a, b, c] = await consortium(t, "a", "b", "c");
  assert.ok(a && b && c);
  for (let i = 0; i < 100; i++) a.links.send(i % 10 === 0 ? "all" : "b", bytes(`${i}`));
  b.links.send("a", bytes("back"));
  await until("all came", () =>
    b.heard.length === 100 && c.heard.length === 10 && a.heard.length === 1 ? true : undefined,
  );
  assert.deepEqual(
    b.heard.map(({ from, message }) => `${from} ${Buffer.from(message)}`),
    Array.from({ length: 100 }, (_, i) => `a ${i}`),
  );
  assert.deepEqual(a.heard, [{ from: "b", message: bytes("back") }]);
});

test("a block of 4 MiB and the longest message pass; a longer one is not sent", async (t) => {
  const [a, b] = await consortium(t, "a", "b");
  assert.ok(a && b);
  const { messageBytesMax } = usualLimits;
  const sizes = [4 * 1024 * 1024 + 50_000, messageBytesMax, 1];
  a.links.send("b", new Uint8Array(messageBytesMax + 1));
  for (const size of sizes) a.links.send("b", new Uint8Array(size).fill(size % 251));
  await until("all came", () => (b.heard.length === 3 ? true : undefined));
  assert.deepEqual(
    b.heard.map(({ message }) => [message.length, message.at(-1)]),
    sizes.map((size) => [size, size % 251]),
  );
  assert.equal(count(a.links, "links.too-long"), 1);
});

test("a member that nobody can dial hears and speaks all the same, on the connections that it makes", async (t) => {
  const [b, c] = await consortium(t, "b", "c");
  assert.ok(b && c);
  const others = [peerOf("b", b.links.port), peerOf("c", c.links.port)];
  const a = await startLinks("a", others);
  t.after(() => a.links.stop());
  const [toB, toC] = others;
  assert.ok(toB && toC);
  b.links.setPeers([peerOf("a"), toC]);
  c.links.setPeers([peerOf("a"), toB]);
  const standing = (links: TlsLinks) => links.peers().find(({ id }) => id === "a");
  // Each end knows of the connection at its own time.
  await until("it has connected", () =>
    standing(b.links)?.heard &&
    standing(c.links)?.heard &&
    a.links.peers().every(({ reached }) => reached)
      ? true
      : undefined,
  );
  assert.deepEqual(
    [standing(b.links)?.reached, standing(b.links)?.problem],
    [false, "links.no-address"],
  );
  for (let i = 0; i < 50; i++) b.links.send(i % 10 === 0 ? "all" : "a", bytes(`b ${i}`));
  c.links.send("a", bytes("c"));
  a.links.send("all", bytes("from a"));
  await until("all came", () =>
    a.heard.length === 51 && b.heard.length === 1 && c.heard.length === 6 ? true : undefined,
  );
  const from = (id: string) => a.heard.filter((one) => one.from === id);
  assert.deepEqual(
    from("b").map(({ message }) => String(Buffer.from(message))),
    Array.from({ length: 50 }, (_, i) => `b ${i}`),
  );
  assert.deepEqual(from("c"), [{ from: "c", message: bytes("c") }]);
  assert.deepEqual(b.heard, [{ from: "a", message: bytes("from a") }]);
  assert.equal(standing(b.links)?.sent, 50);
});

test("while the address of a peer is wrong, what it is sent goes on the connection that it made", async (t) => {
  const b = await startLinks("b", [peerOf("a", await freePort())]);
  const a = await startLinks("a", [peerOf("b", b.links.port)]);
  t.after(() => Promise.all([a.links.stop(), b.links.stop()]));
  await until("a reached b", () => b.links.peers()[0]?.heard || undefined);
  b.links.send("a", bytes("there"));
  await until("it came", () => a.heard[0]);
  // Its address is set right: from then on b's own connection is used.
  b.links.setPeers([peerOf("a", a.links.port)]);
  await until("b reached a", () => b.links.peers()[0]?.reached || undefined);
  b.links.send("a", bytes("again"));
  await until("it came", () => a.heard[1]);
  assert.deepEqual(
    a.heard.map(({ from, message }) => `${from} ${Buffer.from(message)}`),
    ["b there", "b again"],
  );
});

test("a message to whom nobody knows, or who is not there, is dropped and counted", async (t) => {
  const { links } = await startLinks("a", [peerOf("b", 1)]);
  t.after(() => links.stop());
  links.send("nobody", bytes("x"));
  links.send("b", bytes("x"));
  assert.equal(count(links, "links.away"), 1);
  await until("it says why", () => links.peers()[0]?.problem);
  assert.equal(links.peers()[0]?.problem, "links.unreachable");
});

test("a peer that starts again is reached again", async (t) => {
  const [a, b] = await consortium(t, "a", "b");
  assert.ok(a && b);
  const { port } = b.links;
  await b.links.stop();
  await until("it is away", () => (a.links.peers()[0]?.reached === false ? true : undefined));
  const again = await startLinks("b", [peerOf("a", a.links.port)], { port });
  t.after(() => again.links.stop());
  await allReached(a.links);
  a.links.send("b", bytes("again"));
  await until("it hears", () => again.heard[0]);
});

test("a peer that comes back is dialled at once, however long the next attempt is off", async (t) => {
  const limits = { redialMs: { min: 3_600_000, max: 3_600_000 } };
  const port = await freePort();
  const a = await startLinks("a", [peerOf("b", port)], { limits });
  t.after(() => a.links.stop());
  await until("the first attempt failed", () => a.links.peers()[0]?.problem);
  const b = await startLinks("b", [peerOf("a", a.links.port)], { port });
  t.after(() => b.links.stop());
  await allReached(a.links);
});

test("who is a member no more is cut off at once, both ways, and comes in no more", async (t) => {
  const [a, b] = await consortium(t, "a", "b");
  assert.ok(a && b);
  a.links.setPeers([]);
  b.links.send("a", bytes("too late"));
  await until("b knows", () => (b.links.peers()[0]?.reached === false ? true : undefined));
  await until("it was turned away", () => count(a.links, "links.stranger") || undefined);
  assert.deepEqual(a.links.peers(), []);
  assert.deepEqual(a.heard, []);
  assert.equal(count(a.links, "links.removed"), 1);

  a.links.setPeers([peerOf("b", b.links.port)]);
  await allReached(b.links);
});

test("a member with another key in the membership is another one", async (t) => {
  const [a, b] = await consortium(t, "a", "b");
  assert.ok(a && b);
  a.links.setPeers([peerOf("b", b.links.port, "b, replaced")]);
  await until("it is turned away", () => count(a.links, "links.stranger") || undefined);
  await until("its old key is not taken", () => a.links.peers()[0]?.problem);
  assert.deepEqual(
    [a.links.peers()[0]?.problem, a.links.peers()[0]?.heard],
    ["links.wrong-key", false],
  );
});

test("a slow reader costs a bounded queue and nobody else anything", async (t) => {
  const slow = createServer({ ...identityOf(keysOf("slow"), testChain), requestCert: true });
  t.after(() => slow.close());
  slow.on("secureConnection", (socket) => {
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.write(framed(new Uint8Array(0)));
    // And never reads.
    socket.pause();
  });
  const port = await listening(slow);
  const [b] = await consortium(t, "b");
  assert.ok(b);
  const limits = { queueBytesMax: 1_000_000 };
  const a = await startLinks("a", [peerOf("slow", port), peerOf("b", b.links.port)], { limits });
  t.after(() => a.links.stop());
  b.links.setPeers([peerOf("a", a.links.port)]);
  await until("both are reached", () =>
    a.links.peers().every(({ reached }) => reached) ? true : undefined,
  );
  const before = process.memoryUsage().arrayBuffers;
  for (let sent = 0; sent < 300; sent++) {
    a.links.send("all", new Uint8Array(100_000));
    const queued = Math.max(...a.links.peers().map(({ queuedBytes }) => queuedBytes));
    assert.ok(queued <= 1_000_000, `${queued} bytes wait`);
    // Let what the network takes go.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(count(a.links, "links.full") > 100, "most of 30 MB did not fit");
  assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000);
  const already = b.heard.length;
  a.links.send("b", bytes("still here"));
  await until("the other one hears", () => (b.heard.length > already ? true : undefined));
});

test("who says nothing any more is dropped, on both ends", async (t) => {
  const limits = { heartbeatMs: 10, silenceMsMax: 100 };
  const silent = createServer({ ...identityOf(keysOf("b"), testChain), requestCert: true });
  t.after(() => silent.close());
  silent.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    socket.write(framed(new Uint8Array(0)));
    socket.resume();
  });
  const a = await startLinks("a", [peerOf("b", await listening(silent))], { limits });
  t.after(() => a.links.stop());
  await until("it was taken in", () => (a.links.peers()[0]?.reached ? true : undefined));
  await until("the dialled one is given up", () => count(a.links, "links.silent") || undefined);
  const before = count(a.links, "links.silent");
  a.links.setPeers([peerOf("b")]);
  const socket = await dialRaw(t, a.links.port, { name: "b" });
  socket.resume();
  await once(socket, "close");
  assert.equal(count(a.links, "links.silent"), before + 1);
});

test("an idle link stays", async (t) => {
  const limits = { heartbeatMs: 10, silenceMsMax: 200 };
  const b = await startLinks("b", [], { limits });
  const a = await startLinks("a", [peerOf("b", b.links.port)], { limits });
  t.after(() => Promise.all([a.links.stop(), b.links.stop()]));
  b.links.setPeers([peerOf("a", a.links.port)]);
  await allReached(a.links);
  const start = performance.now();
  await until("longer than silence may last", () =>
    performance.now() - start > 600 ? true : undefined,
  );
  assert.deepEqual([count(a.links, "links.silent"), count(b.links, "links.silent")], [0, 0]);
  assert.equal(count(a.links, "links.replaced"), 0);
});
