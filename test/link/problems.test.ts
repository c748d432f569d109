import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { type TestContext, test } from "node:test";
import { Aedes } from "aedes";
import { backOffMs } from "../../edge/link/back-off.ts";
import { Connection } from "../../edge/link/connection.ts";
import { explain, remedies } from "../../edge/link/problem.ts";
import { codeOf, oneAttempt } from "../support/one-attempt.ts";
import { freePort, listening } from "../support/sockets.ts";
import { seededRandom } from "../support/virtual-site.ts";

/** A server whose connections end with the test. */
async function serve(
  context: TestContext,
  onSocket: (socket: Socket) => void,
  server: Server = createServer(),
): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return listening(server);
}

/** Answers a sign-in and the subscription that follows, and then does what it is told to. */
function letIn(socket: Socket, then: (socket: Socket) => void): void {
  socket.once("data", () => {
    socket.write(Buffer.from([0x20, 2, 0, 0]));
    socket.once("data", (bytes: Buffer) => {
      socket.write(Buffer.from([0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, 1]));
      then(socket);
    });
  });
}

const at = (port: number) => ({ url: `mqtt://127.0.0.1:${port}` });

test("a port where nothing listens, a web server, other bytes, silence and a closed door are told apart", async (context) => {
  assert.equal(await codeOf(at(await freePort())), "link.refused");
  const web = await serve(context, () => {}, createHttpServer());
  const outcome = await oneAttempt(at(web));
  assert.ok(outcome !== "up");
  assert.equal(outcome.code, "link.not-mqtt");
  assert.match(outcome.message, /web server/);
  const ssh = await serve(context, (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"));
  assert.equal(await codeOf(at(ssh)), "link.not-mqtt");
  const alert = await serve(context, (socket) =>
    socket.write(Buffer.from("15030300020246", "hex")),
  );
  assert.equal(await codeOf(at(alert)), "link.needs-tls");
  const silent = await serve(context, () => {});
  assert.equal(await codeOf(at(silent), { connectMsMax: 50 }), "link.timeout");
  assert.equal(
    await codeOf({ url: `mqtts://127.0.0.1:${silent}` }, { connectMsMax: 50 }),
    "link.timeout",
  );
  const shut = await serve(context, (socket) => socket.destroy());
  assert.equal(await codeOf(at(shut)), "link.closed-plain");
  assert.equal(await codeOf({ url: `ws://127.0.0.1:${await freePort()}` }), "link.refused");
});

for (const [returnCode, code] of [
  [1, "link.protocol"],
  [2, "link.client-id"],
  [3, "link.busy"],
  [4, "link.login"],
  [5, "link.login"],
  [99, "link.closed"],
] as const) {
  test(`a sign-in that is refused with ${returnCode} is ${code}`, async (context) => {
    const port = await serve(context, (socket) =>
      socket.once("data", () => socket.end(Buffer.from([0x20, 2, 0, returnCode]))),
    );
    assert.equal(await codeOf(at(port)), code);
  });
}

test("a name without an address, and other errors of the system, have a sentence and a remedy", () => {
  const broker = { url: "mqtts://broker.example", allowPlainText: false };
  const cases = {
    ENOTFOUND: "link.dns",
    EAI_AGAIN: "link.dns",
    EHOSTUNREACH: "link.unreachable",
    ENETUNREACH: "link.unreachable",
    ETIMEDOUT: "link.timeout",
    CERT_NOT_YET_VALID: "link.certificate-not-yet",
    SELF_SIGNED_CERT_IN_CHAIN: "link.ca",
    ERR_SSL_WRONG_VERSION_NUMBER: "link.no-tls",
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "link.client-certificate",
  };
  for (const [name, code] of Object.entries(cases)) {
    const found = explain(Object.assign(new Error(`of ${name}`), { code: name }), { broker });
    assert.equal(found.code, code, name);
    assert.equal(found.remedy, remedies[found.code]);
  }
  for (const odd of [undefined, null, "text", 7, {}, new AggregateError([]), new Error("")]) {
    const { code, message } = explain(odd, { broker });
    assert.equal(code, "link.closed");
    assert.ok(message.length > 0);
  }
});

test("a broker is reached by IPv6", async (context) => {
  const inner = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  if (!inner.some(({ address }) => address === "::1")) return context.skip("no IPv6 here");
  const broker = await Aedes.createBroker();
  const server = createServer(broker.handle).listen(0, "::1");
  await new Promise((resolve) => server.once("listening", resolve));
  context.after(() => {
    broker.close();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  assert.equal(await codeOf({ url: `mqtt://[::1]:${port}` }), "up");
});

test("garbage after the sign-in ends the connection at once, and the next attempt comes", async (context) => {
  let connections = 0;
  const port = await serve(context, (socket) => {
    connections += 1;
    // A packet of type 15, and a length without end.
    letIn(socket, () => socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])));
  });
  const backOff = () => ({ msMin: 1, msMax: 2 });
  const downs: string[] = [];
  await new Promise<void>((resolve) => {
    const connection = new Connection({
      brokers: [{ ...at(port), allowPlainText: false }],
      client: "d1",
      username: "d1",
      password: () => "",
      will: () => undefined,
      subscriptions: ["a"],
      onUp: () => {},
      onDown: ({ code }) => {
        downs.push(code);
        if (downs.length === 2) resolve(connection.stop());
      },
      onMessage: () => {},
      backOff,
    });
    connection.start();
  });
  assert.ok(connections >= 2);
});

test("a packet without end is cut off before it fills the memory", async (context) => {
  const port = await serve(context, (socket) =>
    letIn(socket, () => {
      // PUBLISH of 256 MB.
      socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on("drain", more);
      more();
    }),
  );
  assert.equal(await codeOf(at(port), { onUp: () => {} }), "link.not-mqtt");
});

test("units that lost one broker do not come back in step", () => {
  const random = seededRandom(7);
  const bounds = { msMin: 250, msMax: 15_000 };
  const returns = Array.from({ length: 200 }, () => {
    let at = 0;
    for (let failures = 1; failures <= 8; failures++) at += backOffMs(failures, bounds, random);
    return at;
  });
  const busiest = new Map<number, number>();
  for (const ms of returns) {
    const second = Math.floor(ms / 1000);
    busiest.set(second, (busiest.get(second) ?? 0) + 1);
  }
  // 200 units over some 20 s: less in any second than one address may open at once.
  assert.ok(Math.max(...busiest.values()) < 60, [...busiest].join(" "));
});

for (const [name, behave] of [
  ["accepts and closes at once", (socket: Socket) => socket.destroy()],
  ["lets the unit in and closes at once", (socket: Socket) => letIn(socket, () => socket.end())],
] as const) {
  test(`a broker that ${name} is not hammered`, async (context) => {
    const begun: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const port = await serve(context, (socket) => {
      begun.push(performance.now());
      behave(socket);
      if (begun.length === 6) resolve();
    });
    let ups = 0;
    const connection = new Connection({
      brokers: [{ ...at(port), allowPlainText: false }],
      client: "d1",
      username: "d1",
      password: () => "",
      will: () => undefined,
      subscriptions: ["a"],
      onUp: () => {
        ups += 1;
      },
      onDown: () => {},
      onMessage: () => {},
      backOff: () => ({ msMin: 20, msMax: 100_000 }),
    });
    connection.start();
    await promise;
    await connection.stop();
    assert.equal(ups > 0, name.startsWith("lets"));
    // Each wait is at least half of twice the one before it: 10 + 20 + 40 + 80 + 160 ms.
    assert.ok((begun.at(-1) ?? 0) - (begun[0] ?? 0) >= 305);
  });
}
