import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { Front } from "./front.ts";

const front = new Front();
let port = 0;
before(async () => {
  // As a socket library does that parses what it is given.
  front.inner.on("upgrade", (request, socket) => {
    if (request.url === "/broken") throw new TypeError("Invalid URL");
    socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });
  front.open({
    admin: (request, _response, next) => {
      if (request.url === "/thrown") throw new TypeError("Invalid URL");
      next();
    },
    node: (request, response) => {
      if (request.url === "/broken") throw new TypeError("Invalid URL");
      response.end("page");
    },
    guard: async () => undefined,
    adminGuard: () => undefined,
    onSocket: () => {},
  });
  front.server.listen(0, "127.0.0.1");
  await once(front.server, "listening");
  port = (front.server.address() as AddressInfo).port;
});
after(() => front.close());

/** The status line that a target is answered with; nothing where the connection just ends. */
async function statusOf(target: string, headers = ""): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET ${target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n${headers}\r\n`);
  return (await text(socket)).split(" ")[1] ?? "";
}

test("a request or an upgrade that nobody can parse ends alone, and the next is answered", async () => {
  const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  for (const [target, headers, status] of [
    ["http://[", upgrade, "400"],
    ["http://[", "", "400"],
    ["//[", upgrade, "400"],
    ["//[", "", "400"],
    ["http://here/comms", upgrade, "400"],
    ["/broken", upgrade, ""],
    ["/broken", "", "500"],
    ["/thrown", "", "500"],
    ["/socket", upgrade, "101"],
    ["/page", "", "200"],
  ] as const) {
    assert.equal(await statusOf(target, headers), status, `${target} ${headers}`);
  }
});
