import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";

/** A simulated SML head on a free port, started with this standard input, and where it listens. */
async function start(t: TestContext, input: "ignore" | "pipe") {
  const program = join(import.meta.dirname, "sml/main.ts");
  const child = spawn(process.execPath, [program, "--port", "0"], {
    stdio: [input, "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  assert.ok(child.stdout !== null);
  const [line] = await once(createInterface(child.stdout), "line");
  return { child, ended, port: Number(JSON.parse(line).at) };
}

test("a meter in the background, which nobody's input holds, goes on", async (t) => {
  const { child, ended, port } = await start(t, "ignore");
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "data");
  socket.destroy();
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("a meter ends when its parent closes a piped input", async (t) => {
  const { child, ended } = await start(t, "pipe");
  child.stdin?.end();
  assert.deepEqual(await ended, [0, null]);
});
