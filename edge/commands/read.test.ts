import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { program } from "../../test/support/programs.ts";
import { decodeCapture } from "../framing/decode-capture.ts";
import { keys, Terminal } from "../setup/test-support/terminal.ts";
import { startMeter, type TestMeter } from "../test-support/modbus-meter.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-read-"));
const file = (name: string) => join(folder, name);
let meter: TestMeter;

before(async () => {
  meter = await startMeter();
});

after(async () => {
  await meter.close();
  rmSync(folder, { recursive: true, force: true });
});

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

const place = () => ["--at", `tcp://127.0.0.1:${meter.port}`, "--profile", "eastron-sdm630"];

function read(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, "read", ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

test("frames are shown with time, direction and words, in lines that fit a terminal", async () => {
  const { code, out, err } = await read(...place(), "--raw");
  assert.equal(code, 0, err);
  assert.match(err, /^\d\d:\d\d:\d\d\.\d{3} > 00 01 00 00/m);
  assert.match(err, /^ +read \d+ input registers from 0 of unit 1$/m);
  assert.match(err, /^ +unit 1 answers \d+ input registers from 0$/m);
  for (const line of `${out}${err}`.split("\n")) assert.ok(line.length <= 80, line);
});

test("a recording is read back by decode, and never written over another file", async () => {
  const { code, err } = await read(...place(), "--capture", "report.txt");
  assert.equal(code, 0, err);
  const text = readFileSync(file("report.txt"), "utf8");
  assert.match(
    text,
    /^# busbar-edge capture, .* UTC\n# meter .*eastron-sdm630.*\n# read it back: /,
  );
  const entries = [...decodeCapture({ protocol: "modbus-tcp", bytes: Buffer.from(text) })];
  assert.ok(entries.length > 2);
  assert.ok(entries.every(({ ok }) => ok));
  const again = await read(...place(), "--capture", "report.txt");
  assert.deepEqual([again.code, readFileSync(file("report.txt"), "utf8")], [2, text]);
  assert.match(again.err, /report\.txt is there already/);
  assert.equal((await read(...place(), "--capture", "no/such/folder.txt")).code, 1);
});

test("a killed reader leaves a recording of whole lines", async () => {
  const args = [cli, "read", ...place(), "--watch", "--every", "0.01", "--capture", "killed.txt"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  if (child.stdout === null) throw new Error("no output");
  await once(createInterface({ input: child.stdout }), "line");
  child.kill("SIGKILL");
  await once(child, "exit");
  const text = readFileSync(file("killed.txt"), "utf8");
  assert.ok(text.endsWith("\n"));
  const entries = [...decodeCapture({ protocol: "modbus-tcp", bytes: Buffer.from(text) })];
  assert.ok(entries.length > 0 && entries.every(({ ok }) => ok));
});

test("watched without a terminal it appends a line a value, and Ctrl-C ends it with 130", async () => {
  const args = [cli, "read", ...place(), "--watch", "--every", "0.01", "--only", "1-0:1.8.0"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  if (child.stdout === null) throw new Error("no output");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === 3) child.kill("SIGINT");
  }
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
  assert.equal(code, 130);
  for (const line of lines)
    assert.match(line, /^\S+Z tcp:\S+ 1-0:1\.8\.0 energy\.import\.total 12500 Wh$/);
});

test("a reader that has had enough ends a command without a word", async () => {
  const args = [cli, "read", ...place(), "--watch", "--every", "0.01"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let err = "";
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal(err, "");
});

test("what cannot be read is told with its code, and wrong use is exit code 2", async () => {
  const nobody = ["--at", "tcp://127.0.0.1:1", "--profile", "eastron-sdm630"];
  const away = await read(...nobody);
  assert.deepEqual([away.code, /\[meter\.unreachable\]/.test(away.out)], [1, true]);
  const json = await read(...nobody, "--json");
  assert.deepEqual([json.code, JSON.parse(json.out).code], [1, "meter.unreachable"]);
  const wrong: readonly string[][] = [
    ["--at", "tcp://h:99999", "--profile", "x"],
    ["--at", "tcp://127.0.0.1"],
    [...nobody, "--every", "soon"],
    [...nobody, "--unit", "one"],
    [...nobody, "--baud", "9601"],
    [...nobody, "--wach"],
  ];
  for (const args of wrong) assert.equal((await read(...args)).code, 2, args.join(" "));
  assert.match((await read("--wach")).err, /did you mean --watch/i);
  writeFileSync(file("edge.yaml"), "site: [\n");
  assert.equal((await read()).code, 1);
});

const script = program("script", "bsdutils");

test("watched on a terminal it draws over its table, and marks what changed", {
  skip: "skip" in script && script.skip,
}, async () => {
  const path = "path" in script ? script.path : "";
  const command = [process.execPath, cli, "read", ...place(), "--watch", "--every", "0.05"];
  const terminal = new Terminal(path, command, { cwd: folder });
  try {
    await terminal.expect(/energy\.import\.total +12500 {2}Wh\b.*more lines.*errors: none/s);
    meter.values.set(0x0048, 13.5);
    // Up to the first line of what was drawn, which is then written over.
    await terminal.expect(/\[\d+A\r.*energy\.import\.total +13500 {2}Wh \*/s);
    terminal.type(keys.ctrlC);
    assert.equal(await terminal.code(), 130);
  } finally {
    terminal.end();
    meter.values.set(0x0048, 12.5);
  }
});

test("in a window of another size it begins anew, with nothing of the old one left", {
  skip: "skip" in script && script.skip,
}, async () => {
  const path = "path" in script ? script.path : "";
  const node = [process.execPath, cli, "read", ...place(), "--watch", "--every", "0.05"];
  const command = ["sh", "-c", 'tty; exec "$@"', "sh", ...node];
  const terminal = new Terminal(path, command, { cwd: folder });
  try {
    await terminal.expect(/\/dev\/pts\/\d+\r/);
    const [tty] = /\/dev\/pts\/\d+/.exec(terminal.said) ?? [];
    assert.ok(tty !== undefined);
    await terminal.expect(/errors: none.*\[\d+A\r/s);
    execFileSync("stty", ["-F", tty, "cols", "100", "rows", "60"]);
    await terminal.expect(/\[H.\[2J.*errors: none.*\[\d+A\r/s);
    assert.equal(terminal.said.split("[2J").length, 2);
    terminal.type(keys.ctrlC);
    assert.equal(await terminal.code(), 130);
  } finally {
    terminal.end();
  }
});
