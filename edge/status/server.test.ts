import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { serveStatus } from "./server.ts";

/** Sends one request line as it is and gives the status code of the answer. */
async function ask(port: number, target: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  socket.write(`GET ${target} HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n\r\n`);
  const [first] = (await once(socket, "data")) as [string];
  socket.destroy();
  return first.split(" ")[1] ?? "";
}

test("no request ends the unit, whatever its path is or its journal says", async (context) => {
  const server = await serveStatus({ host: "127.0.0.1", port: 0 }, () => {
    throw new Error("disk I/O error");
  });
  context.after(() => server.close());
  for (const target of ["//", "///x", "*", "http://[", "/nothing", "/%zz", "/..//?a=http://["]) {
    assert.match(await ask(server.port, target), /^4\d\d$/, target);
  }
  for (const target of ["/", "/status?x=1", "/metrics"]) {
    assert.equal(await ask(server.port, target), "500", target);
  }
});
