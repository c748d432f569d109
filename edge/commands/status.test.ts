import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serveStatus } from "../status/server.ts";
import { now, sickStatus, statusOfTest } from "../status/test-support/status.ts";
import { freePort } from "../test-support/free-port.ts";
import { statusText } from "./status-text.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));

/** Runs `busbar-edge status` for a unit whose page is at a port. */
async function run(t: TestContext, port: number, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "busbar-status-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna }
status: { host: 127.0.0.1, port: ${port} }
meters:
  - { id: anna-grid, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1 } }
`,
  );
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [cli, "status", ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

test("a unit where all is well is shown, with exit code 0", async (t) => {
  const server = await serveStatus({ host: "127.0.0.1", port: 0 }, () => statusOfTest());
  t.after(() => server.close());
  const { code, out, err } = await run(t, server.port);
  assert.equal(code, 0, err);
  assert.match(out, /^unit-1 of anna at demo/);
  assert.match(out, /anna-grid +-1250 +12345\.68 +40\.00/);
  assert.match(out, /All is well\./);
  const json = JSON.parse((await run(t, server.port, "--json")).out);
  assert.deepEqual([json.ok, json.running, json.problems], [true, true, []]);
});

test("what is wrong is named with its remedy, with exit code 1", async (t) => {
  const server = await serveStatus({ host: "127.0.0.1", port: 0 }, () => sickStatus("x"));
  t.after(() => server.close());
  const { code, out } = await run(t, server.port);
  assert.equal(code, 1);
  assert.match(out, /FAULT {2}anna-pv: x did not answer; check A and B\n {2}→ /);
  assert.match(out, /warning {2}clock: the time is not known yet/);
  assert.equal(JSON.parse((await run(t, server.port, "--json")).out).ok, false);
});

test("a unit that does not run is said so, and what its journal says", async (t) => {
  const { code, out } = await run(t, await freePort());
  assert.equal(code, 1);
  assert.match(out, /The unit does not run .*\nIts journal is empty/);
  const json = JSON.parse((await run(t, await freePort(), "--json")).out);
  assert.deepEqual([json.ok, json.running], [false, false]);
});

test("another program on the port is not taken for the unit", async (t) => {
  const answers = [
    "<html>",
    "{}",
    "null",
    '{"device":"unit-2","meters":[],"journal":{},"clock":{}}',
  ];
  const server = createServer((_, response) => response.end(answers.shift())).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const wanted of [/no JSON/, /no unit/, /no unit/, /unit-2 answers/]) {
    const { code, err } = await run(t, port);
    assert.equal(code, 1);
    assert.match(err, wanted);
    assert.match(err, /\[status\.other\]/);
  }
});

test("eighty columns hold it, and nothing in it drives the terminal", () => {
  const text = statusText(sickStatus("\u001b[2J\u0007\u202e long ".repeat(20)), now, 80);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
  const plain = statusText(sickStatus("no answer"), now, 80);
  assert.deepEqual(
    plain.split("\n").filter((line) => line.length > 80),
    [],
  );
});
