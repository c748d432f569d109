import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls, createServer } from "node:tls";
import { Authority, opensslMissing } from "../../../test/support/certificates.ts";
import { listening } from "../../../test/support/sockets.ts";
import { until } from "../../../test/support/virtual-site.ts";
import { framed } from "./frames.ts";
import type { LinkLimits } from "./limits.ts";
import { identityOf } from "./pinned.ts";
import { dialRaw, keysOf, peerOf, startLinks, testChain } from "./test-members.ts";
import type { TlsLinks } from "./tls-links.ts";

/** A member that waits for one other, which nobody has started. */
async function alone(t: TestContext, limits: Partial<LinkLimits> = {}) {
  const a = await startLinks("a", [peerOf("b")], { limits });
  t.after(() => a.links.stop());
  return a;
}

const count = (links: TlsLinks, code: string) => new Map(links.counts()).get(code) ?? 0;
const hello = framed(Buffer.from("hello"));

function counted(links: TlsLinks, code: string, times = 1): Promise<true> {
  return until(`${code} is counted ${times} times`, () =>
    count(links, code) >= times ? true : undefined,
  );
}

/** Resolves when the other end has closed a connection. */
function closed(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

test("a stranger's key gets nobody in, and a wrong one at a member's address gets nothing", async (t) => {
  const { links, heard } = await alone(t);
  const stranger = await dialRaw(t, links.port, { name: "c" });
  stranger.write(hello);
  await closed(stranger);
  assert.equal(count(links, "links.stranger"), 1);

  const impostor = await startLinks("c", [peerOf("a", links.port)]);
  t.after(() => impostor.links.stop());
  links.setPeers([peerOf("b", impostor.links.port)]);
  await counted(links, "links.wrong-key");
  links.send("b", Buffer.from("secret"));
  await counted(links, "links.wrong-key", 3);
  assert.equal(links.peers()[0]?.reached, false);
  assert.deepEqual([heard, impostor.heard], [[], []]);
});

test("without TLS 1.3, a certificate, an Ed25519 key and the chain's protocol nobody gets in", async (t) => {
  const { links, heard } = await alone(t);
  const member = identityOf(keysOf("b"), testChain);
  const { cert: _, key: __, ...nameless } = member;
  const wrong: readonly (readonly [string, ConnectionOptions, string])[] = [
    ["TLS 1.2", { ...member, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" }, "links.handshake"],
    ["no certificate", nameless, "links.no-key"],
    ["no protocol", { ...member, ALPNProtocols: undefined }, "links.other-protocol"],
    ["another chain", identityOf(keysOf("b"), "oak"), "links.handshake"],
    ["another protocol", { ...member, ALPNProtocols: ["h2"] }, "links.handshake"],
  ];
  for (const [what, options, code] of wrong) {
    const before = count(links, code);
    const socket = connectTls({ host: "127.0.0.1", port: links.port, ...options });
    const end = closed(socket);
    socket.write(hello);
    await end;
    assert.equal(count(links, code), before + 1, what);
  }
  assert.deepEqual(heard, []);
});

test("an RSA or ECDSA certificate gets nobody in", { skip: opensslMissing }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-links-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const { links } = await alone(t);
  const { cert, key } = new Authority(folder, "some").issue("b");
  const { sigalgs: _, ...rest } = identityOf(keysOf("b"), testChain);
  const other = { ...rest, cert: readFileSync(cert), key: readFileSync(key) };
  const socket = connectTls({ host: "127.0.0.1", port: links.port, ...other });
  await closed(socket);
  assert.equal(count(links, "links.handshake") + count(links, "links.no-key"), 1);
});

test("no session is resumed: each connection proves its key", async (t) => {
  const { links } = await alone(t);
  const member = { host: "127.0.0.1", port: links.port, ...identityOf(keysOf("b"), testChain) };
  const first = connectTls(member);
  const [session] = (await once(first, "session")) as [Buffer];
  first.destroy();
  const second = connectTls({ ...member, session });
  await once(second, "secureConnect");
  assert.equal(second.isSessionReused(), false);
  second.destroy();
});

test("plain text and garbage end before anybody is heard, and a member still gets in", async (t) => {
  const { links, heard } = await alone(t);
  for (const data of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), hello, randomBytes(4096)]) {
    const socket = connect(links.port, "127.0.0.1");
    const end = closed(socket);
    socket.write(data);
    await end;
  }
  const member = await dialRaw(t, links.port, { name: "b" });
  member.write(hello);
  await until("the member is heard", () => heard[0]);
  member.destroy();
});

test("a member's garbage is its own: a giant frame closes the connection, the rest goes up", async (t) => {
  const { links, heard } = await alone(t);
  const giant = await dialRaw(t, links.port, { name: "b" });
  giant.write(Buffer.from("ffffffff", "hex"));
  await closed(giant);
  assert.equal(count(links, "links.too-long"), 1);
  const member = await dialRaw(t, links.port, { name: "b" });
  const noise = randomBytes(1000);
  for (const byte of framed(noise)) member.write(Buffer.of(byte));
  await until("it came in single bytes", () => heard[0]);
  assert.deepEqual(Buffer.from(heard[0]?.message ?? []), noise);
  member.destroy();
});

test("a giant frame of whoever was dialled ends that connection, and another is made", async (t) => {
  const identity = identityOf(keysOf("b"), testChain);
  let times = 0;
  const giant = createServer({ ...identity, requestCert: true }, (socket) => {
    times += 1;
    socket.on("error", () => {});
    socket.write(framed(Buffer.of()));
    socket.write(Buffer.from("ffffffff", "hex"));
  });
  t.after(() => giant.close());
  const a = await startLinks("a", [peerOf("b", await listening(giant))]);
  t.after(() => a.links.stop());
  await counted(a.links, "links.too-long", 2);
  assert.ok(times >= 2);
  assert.deepEqual(a.heard, []);
});

test("a newer connection of a member takes the older one's place", async (t) => {
  const { links, heard } = await alone(t);
  const older = await dialRaw(t, links.port, { name: "b" });
  older.resume();
  await until("it is heard", () => links.peers()[0]?.heard || undefined);
  const newer = await dialRaw(t, links.port, { name: "b" });
  await closed(older);
  newer.write(hello);
  await until("the newer one is heard", () => heard[0]);
  newer.destroy();
});

test("who does not finish a handshake in time is ended, also when it goes on byte by byte", async (t) => {
  const { links } = await alone(t, { handshakeMsMax: 300 });
  const trickle = connect(links.port, "127.0.0.1");
  // The head of a handshake record that announces more than comes.
  trickle.write(Buffer.from("160301010001", "hex"));
  const drip = setInterval(() => trickle.write(Buffer.of(0)), 20);
  await closed(trickle);
  clearInterval(drip);
  assert.equal(count(links, "links.timeout"), 1);
});

test("a flood of strangers is kept short and keeps no member out", async (t) => {
  const connects = { burst: 40, perSecond: 0.001 };
  const { links, heard } = await alone(t, { unprovenMax: 8, connects });
  const flood: Socket[] = [];
  t.after(() => {
    for (const socket of flood) socket.destroy();
  });
  let open = 0;
  for (let n = 0; n < 100; n++) {
    // Another address than the member's.
    const socket = connect({ port: links.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
    flood.push(socket);
    open += 1;
    socket.on("error", () => {});
    socket.once("close", () => {
      open -= 1;
    });
    socket.resume();
  }
  await counted(links, "links.flood", 60);
  await until("only so many stay", () => (open <= 8 ? true : undefined));
  assert.equal(count(links, "links.unproven"), 32);
  const member = await dialRaw(t, links.port, { name: "b" });
  member.write(hello);
  await until("the member is heard", () => heard[0]);
  member.destroy();
});

test("a port that is taken is named, and what to do", async (t) => {
  const { links } = await alone(t);
  await assert.rejects(startLinks("c", [], { port: links.port }), {
    code: "links.port-taken",
    message: new RegExp(`port ${links.port} .* taken .* consensus\\.listen\\.port`),
  });
});
