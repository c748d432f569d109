import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { program } from "../../test/support/programs.ts";
import { SerialLine } from "./serial-line.ts";

const socat = program("socat", "socat");
const needsSocat = { skip: "skip" in socat && socat.skip };
const folder = mkdtempSync(join(tmpdir(), "busbar-serial-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const settings = { baud: 19_200, parity: "none", stopBits: 1 } as const;
let cables = 0;

/** Two terminals with a cable between them, and what pulls it. */
async function cable(context: TestContext) {
  assert.ok("path" in socat);
  cables += 1;
  const ends = ["a", "b"].map((end) => join(folder, `${cables}${end}`));
  const child = spawn(
    socat.path,
    ends.map((link) => `pty,raw,echo=0,link=${link}`),
  );
  const pull = async () => {
    if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
  };
  context.after(pull);
  while (!ends.every((link) => existsSync(link))) await new Promise(setImmediate);
  const [a = "", b = ""] = ends;
  return { a, b, pull };
}

/** An open port, what it brought, and a wait for more of that. */
async function openPort(context: TestContext, path: string) {
  const line = new SerialLine(path, settings);
  context.after(() => line.close());
  const got: Uint8Array[] = [];
  const lost = Promise.withResolvers<void>();
  let told = () => {};
  const data = (bytes: Uint8Array) => {
    got.push(bytes);
    told();
  };
  await line.open({ data, lost: () => lost.resolve() });
  const bytes = async (count: number) => {
    for (;;) {
      const all = Buffer.concat(got);
      if (all.length >= count) return all;
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
  };
  return { line, lost: lost.promise, bytes };
}

test("questions and answers take no trip through a worker thread", needsSocat, async (context) => {
  const { a, b } = await cable(context);
  const [master, meter] = [await openPort(context, a), await openPort(context, b)];
  let trips = 0;
  const hook = createHook({
    init: (_, type) => {
      if (type === "FSREQCALLBACK") trips += 1;
    },
  });
  hook.enable();
  context.after(() => hook.disable());
  for (let n = 1; n <= 20; n++) {
    master.line.write(Uint8Array.of(1, n));
    assert.deepEqual([...(await meter.bytes(2 * n)).subarray(-2)], [1, n]);
    meter.line.write(Uint8Array.of(2, n, 0));
    assert.deepEqual([...(await master.bytes(3 * n)).subarray(-3)], [2, n, 0]);
  }
  assert.equal(trips, 0);
});

test("more than a port takes at once arrives whole and in order", needsSocat, async (context) => {
  const { a, b } = await cable(context);
  const [sender, receiver] = [await openPort(context, a), await openPort(context, b)];
  const sent = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  for (let at = 0; at < sent.length; at += 50_000) {
    sender.line.write(sent.subarray(at, at + 50_000));
  }
  const arrived = await receiver.bytes(sent.length);
  assert.ok(arrived.equals(sent));
});

test("a port that is pulled, or closed while it waits, ends", needsSocat, async (context) => {
  const { a, b, pull } = await cable(context);
  const [pulled, closed] = [await openPort(context, a), await openPort(context, b)];
  await closed.line.close();
  await pull();
  await pulled.lost;
  pulled.line.write(Uint8Array.of(1));
  await assert.rejects(openPort(context, a), { code: "meter.port-missing" });
});
