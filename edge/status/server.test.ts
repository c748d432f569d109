import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { languageOf } from "./page-words.ts";
import { problemsOf } from "./problems.ts";
import { serveStatus } from "./server.ts";
import type { Status } from "./status.ts";
import { systemNote } from "./system-note.ts";
import { statusOfTest } from "./test-support/status.ts";
import { isLocalPeer, isNeighbour, isOwnHost } from "./visitors.ts";

async function serve(t: TestContext, status: () => Status = statusOfTest, names: string[] = []) {
  const server = await serveStatus({ host: "127.0.0.1", port: 0, names }, status);
  t.after(() => server.close());
  return server;
}

/** Sends a request as it is and gives the head of the answer. */
async function ask(port: number, line: string, host = "unit"): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const [first] = (await once(socket, "data")) as [string];
  socket.destroy();
  return first;
}

const codeOf = async (port: number, line: string, host?: string) =>
  (await ask(port, line, host)).split(" ")[1];

test("no request ends the unit, whatever its path is or its journal says", async (t) => {
  const { port } = await serve(t, () => {
    throw new Error("disk I/O error");
  });
  for (const target of ["//", "///x", "*", "http://[", "/nothing", "/%zz", "/..//?a=http://["]) {
    assert.match((await codeOf(port, `GET ${target}`)) ?? "", /^4\d\d$/, target);
  }
  for (const target of ["/", "/status?x=1", "/metrics"]) {
    assert.equal(await codeOf(port, `GET ${target}`), "500", target);
  }
  const stream = await ask(port, "GET /events");
  assert.match(stream, /^HTTP\/1\.1 200 /);
});

test("the status is read only, and nothing on it comes from elsewhere", async (t) => {
  const { port } = await serve(t);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    assert.equal(await codeOf(port, `${method} /`), "405", method);
  }
  const head = await ask(port, "HEAD /");
  assert.match(head, /200 OK/);
  assert.match(head, /content-security-policy: default-src 'none'; style-src 'sha256-/);
  assert.doesNotMatch(head, /unsafe/);
  assert.equal(await codeOf(port, "HEAD /events"), "503");
});

test("a page of a stranger that is turned to the unit's address learns nothing", async (t) => {
  const { port } = await serve(t, statusOfTest, ["unit.example.org"]);
  for (const host of ["evil.example", "127.0.0.1.evil.example", "unit.local.evil.example", ""]) {
    assert.match((await codeOf(port, "GET /status", host)) ?? "", /^4(21|00)$/, host);
  }
  for (const host of [
    "unit",
    `unit:${port}`,
    "unit.local",
    "192.168.1.5:8080",
    "[::1]:8080",
    "unit.example.org",
  ]) {
    assert.equal(await codeOf(port, "GET /status", host), "200", host);
  }
});

test("only so many pages are open at once, and one that closes makes room", async (t) => {
  const { port } = await serve(t);
  const sockets: Socket[] = [];
  const open = async () => {
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    sockets.push(socket);
    socket.write("GET /events HTTP/1.1\r\nHost: unit\r\n\r\n");
    return String((await once(socket, "data"))[0]).split(" ")[1];
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let i = 0; i < 8; i++) assert.equal(await open(), "200");
  assert.equal(await open(), "503");
  const first = sockets[0];
  first?.destroy();
  let code: string | undefined;
  do code = await open();
  while (code !== "200");
});

test("a visitor who sends half a request is cut off", async (t) => {
  const { port } = await serve(t);
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  socket.write("GET / HTTP/1.1\r\nHost: un");
  const [answer] = (await once(socket, "data")) as [string];
  assert.match(answer, /^HTTP\/1\.1 408/);
  socket.destroy();
});

/** Whether the kernel still holds the server's end of a connection open (proc_net(5), state 01). */
function isHeld(port: number, peerPort = 0): boolean {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`:${hex(port)} \\w+:${hex(peerPort)} 01 `);
  return line.test(readFileSync("/proc/net/tcp", "utf8"));
}

test("a visitor who asks and reads nothing is cut off", async (t) => {
  const counts = Object.fromEntries(Array.from({ length: 400_000 }, (_, i) => [`reason-${i}`, i]));
  const place = { host: "127.0.0.1", port: 0, stillMsMax: 100 };
  const server = await serveStatus(place, () => ({ ...statusOfTest(), counts }));
  const socket = connect(server.port, "127.0.0.1");
  t.after(async () => {
    socket.destroy();
    await server.close();
  });
  socket.pause();
  socket.write("GET /status HTTP/1.1\r\nHost: unit\r\n\r\n");
  await once(socket, "connect");
  while (!isHeld(server.port, socket.localPort)) await setImmediate();
  while (isHeld(server.port, socket.localPort)) await setImmediate();
});

test("who enters a code is answered, however long it is reckoned with", async (t) => {
  const [begun, reckoned] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const place = { host: "127.0.0.1", port: 0, stillMsMax: 100 };
  const server = await serveStatus(place, statusOfTest, async () => {
    begun.resolve();
    await reckoned.promise;
    return { files: [] };
  });
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.port}/claim`;
  const answer = fetch(url, { method: "POST", body: new URLSearchParams({ code: "7K3Q" }) });
  await begun.promise;
  // Who came later and says nothing is cut off meanwhile.
  const still = connect(server.port, "127.0.0.1").resume();
  await once(still, "close");
  reckoned.resolve();
  assert.equal((await answer).status, 200);
});

test("the open page's stream is as closed to other pages as the page", async (t) => {
  const { port } = await serve(t);
  const head = await ask(port, "GET /events");
  assert.match(head, /cross-origin-resource-policy: same-origin/);
  assert.match(head, /x-content-type-options: nosniff/);
  assert.match(head, /content-type: text\/event-stream/);
});

test("peers of the unit's own networks are told from others", () => {
  for (const address of [
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.0.9",
    "169.254.1.1",
    "100.64.0.1",
    "::1",
    "fe80::1%eth0",
    "fd12::5",
    "::ffff:192.168.0.9",
  ]) {
    assert.equal(isLocalPeer(address), true, address);
  }
  for (const address of [
    undefined,
    "",
    "8.8.8.8",
    "172.32.0.1",
    "192.169.0.1",
    "100.128.0.1",
    "2001:db8::1",
    "::ffff:8.8.8.8",
    "fec0::1",
    "not an address",
  ]) {
    assert.equal(isLocalPeer(address), false, address);
  }
});

test("a phone with a public IPv6 address of the same house is a neighbour, one elsewhere is not", () => {
  const networks = ["2001:db8:1:2::5/64", "192.0.2.7/24", "2001:db8:ffff::1/32", "::1/128"];
  for (const [address, wanted] of [
    ["2001:db8:1:2:aaaa::9", true],
    ["2001:db8:1:3::9", false],
    ["2001:db8:2::9", false],
    ["192.0.2.9", false],
    ["::ffff:192.0.2.9", false],
    ["nonsense", false],
    [undefined, false],
  ] as const) {
    assert.equal(isNeighbour(address, networks), wanted, address);
  }
});

test("garbage for a host or a language is answered, never thrown at", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      isOwnHost(text);
      assert.ok(["en", "zh"].includes(languageOf(text)));
    }),
  );
  assert.equal(isOwnHost("a".repeat(300)), false);
  assert.equal(isOwnHost("unit\u0000.local"), false);
  assert.equal(languageOf("fr, zh-CN;q=0.8, en;q=0.5"), "zh");
  assert.equal(languageOf("en-GB,zh;q=0.9"), "en");
  assert.equal(languageOf(undefined), "en");
});

test("what the system below has to say stands among the problems, however it is written", (t) => {
  const home = mkdtempSync(join(tmpdir(), "busbar-note-"));
  t.after(() => rmSync(home, { recursive: true }));
  assert.equal(systemNote(home), undefined);
  assert.equal(systemNote(join(home, "nowhere")), undefined);
  const write = (text: string | Uint8Array) => writeFileSync(join(home, "system-note.txt"), text);
  write("Readings are lost,\nand keys.\r\n\r\nChange the card.\nSoon.\n");
  const note = systemNote(home);
  assert.deepEqual(note, {
    message: "Readings are lost, and keys.",
    remedy: "Change the card. Soon.",
  });
  assert.ok(note !== undefined);
  const [problem] = problemsOf(statusOfTest({ note }));
  assert.deepEqual(problem, { state: "warning", subject: "system", ...note });
  write(" \n\n ");
  assert.equal(systemNote(home), undefined);
  write("x".repeat(100_000));
  assert.ok((systemNote(home)?.message.length ?? 0) <= 600);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      write(bytes);
      const { message = "x", remedy = "x" } = systemNote(home) ?? {};
      for (const text of [message, remedy]) assert.match(text, /^\P{C}+$/u);
    }),
    { numRuns: 50 },
  );
});
