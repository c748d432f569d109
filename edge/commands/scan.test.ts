import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../test-support/free-port.ts";
import { startMeter, type TestMeter } from "../test-support/modbus-meter.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
let meter: TestMeter;
/** Takes connections and says nothing. */
let silent: Server;
let silentPort: number;
const sockets: Socket[] = [];

before(async () => {
  meter = await startMeter();
  silentPort = await freePort();
  silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
  silent.listen(silentPort, "127.0.0.1");
  await once(silent, "listening");
});

after(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await meter.close();
});

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

function scan(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, "scan", ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const found = () => `tcp://127.0.0.1:${meter.port}`;

test("JSON holds results, failures with remedies, and what each bus took", async () => {
  const { code, out } = await scan(found(), "/dev/busbar-none", "--units", "1", "--json");
  assert.equal(code, 0);
  const { results, failures, buses, ms, interrupted } = JSON.parse(out);
  assert.deepEqual([results.length, results[0].unit, interrupted], [1, 1, false]);
  assert.deepEqual([failures.length, failures[0].code], [1, "meter.port-missing"]);
  assert.deepEqual(failures[0].remedies, []);
  assert.ok(buses.length === 2 && buses[0].ms > 0 && ms >= buses[0].ms);
});

test("people get places, results and progress in lines that fit, and 1 where nothing is", async () => {
  const { code, out, err } = await scan(found(), "--units", "1");
  assert.equal(code, 0);
  assert.match(out, /^Looking for meters, .* at most/);
  assert.match(out, /\n {2}unit 1 .*\n.*1 meter found in \d+ s\n/s);
  assert.match(err, /^\[#+\.*\] +\d+ %, at most \d+ s left: 127\.0\.0\.1:\d+ 1$/m);
  for (const line of `${out}${err}`.split("\n")) assert.ok(line.length <= 80, line);
  const nothing = await scan("tcp://127.0.0.1:1", "--units", "1");
  assert.deepEqual([nothing.code, /\[meter\.unreachable\]/.test(nothing.out)], [1, true]);
});

test("Ctrl-C tells what was found so far, at once, and exits with 130", async () => {
  const args = [cli, "scan", found(), `tcp://127.0.0.1:${silentPort}`, "--units", "1"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  for await (const text of child.stdout) {
    out += String(text);
    if (/^ {2}unit 1/m.test(out) && !child.killed) child.kill("SIGINT");
  }
  const code = child.exitCode ?? (await once(child, "exit"))[0];
  assert.equal(code, 130);
  assert.match(out, /^1 meter found when interrupted after \d+ s$/m);
});

test("wrong use is exit code 2, with what was meant", async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/expected \/dev/, "nowhere"],
    [/expected unit ids/, found(), "--units", "1-"],
    [/expected unit ids/, found(), "--units", "300"],
    [/9600/, found(), "--baud", "9601"],
    [/none, even, odd/, found(), "--parity", "mark"],
    [/did you mean --units/i, found(), "--unit", "1"],
  ];
  for (const [message, ...args] of wrong) {
    const { code, out, err } = await scan(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(out + err, message);
  }
});
