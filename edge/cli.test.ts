import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { EventEmitter, on, once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connectAsync } from "mqtt";
import { FakeAggregator } from "../test/support/fake-aggregator.ts";
import { testSigner } from "../test/support/memory-registry.ts";
import { sagemcomNl } from "./framing/dsmr/test-support/vectors.ts";
import { withCrc } from "./framing/modbus/crc16.ts";
import { startMeter, type TestMeter } from "./test-support/modbus-meter.ts";

const cli = fileURLToPath(new URL("./cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-edge-"));
const file = (name: string) => join(folder, name);
let meter: TestMeter;
let host: FakeAggregator;

before(async () => {
  meter = await startMeter();
  host = new FakeAggregator("demo", testSigner(1));
  await host.start();
  const key = Buffer.from(host.member.publicKey).toString("base64url");
  const members = [{ id: "m1", key, voting: true }];
  writeFileSync(
    file("membership.json"),
    JSON.stringify({ chain: "demo", site: "demo", members, brokers: [host.url] }),
  );
  const clock = { originWallMs: Date.now(), originSiteMs: 1_750_000_000_000, speed: 360 };
  writeFileSync(file("clock.json"), JSON.stringify(clock));
  writeFileSync(file("edge.yaml"), config());
});

after(async () => {
  await host.stop();
  await meter.close();
  rmSync(folder, { recursive: true, force: true });
});

function config(more = ""): string {
  return `site: demo
device: { id: unit-1 }
owner: { id: sunny, party: company, name: Sunny Ltd, key: owner.key }
clock: { kind: file, path: clock.json }
status: { host: 127.0.0.1, port: 0 }
sampling: { everySeconds: 60 }
agent: { enabled: true, form: solar, limits: { askWhMax: 100000, askMicroPerKwhMin: 400000 } }
meters:
  - id: sunny-grid
    profile: eastron-sdm630
    connection: { kind: tcp, host: 127.0.0.1, port: ${meter.port} }
${more}`;
}

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

/** Starts the unit and waits for its ready line. `logged`: the next line of its log like that. */
async function startUnit(): Promise<{
  child: ChildProcess;
  statusPort: number;
  logged: (pattern: RegExp) => Promise<void>;
}> {
  const child = spawn(process.execPath, [cli, "run"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.stdout === null || child.stderr === null) throw new Error("no output");
  const log = createInterface({ input: child.stderr });
  log.on("line", (line) => process.env.BUSBAR_LOG !== undefined && console.error(line));
  const logged = async (pattern: RegExp) => {
    for await (const [line] of on(log, "line")) if (pattern.test(String(line))) return;
  };
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const { event, statusPort } = JSON.parse(String(line));
  assert.equal(event, "ready");
  return { child, statusPort, logged };
}

test("enrol makes keys of mode 0600 and the request a member admits, and may be run again", async () => {
  const first = await run("enrol", "--json");
  assert.equal(first.code, 0, first.err);
  assert.equal(statSync(file("device.key")).mode & 0o777, 0o600);
  assert.equal(statSync(file("owner.key")).mode & 0o777, 0o600);
  const request = JSON.parse(readFileSync(file("request.json"), "utf8"));
  assert.deepEqual(Object.keys(request), ["owner", "device"]);
  assert.equal(request.owner.name, "Sunny Ltd");
  assert.match(request.owner.boxKey, /^[\w-]{43}$/);
  const meters = [{ id: "sunny-grid", role: "connection", feeder: "main" }];
  assert.deepEqual(
    { ...request.device, key: "" },
    { id: "unit-1", owner: "sunny", key: "", meters },
  );
  assert.ok(existsSync(file("mandate.frame")));
  host.devices.set("unit-1", new Uint8Array(Buffer.from(request.device.key, "base64url")));
  await run("enrol");
  assert.deepEqual(JSON.parse(readFileSync(file("request.json"), "utf8")), request);
});

test("read shows every value with its code, unit and registers", async () => {
  const { code, out, err } = await run("read", "--raw");
  assert.equal(code, 0, err);
  assert.match(out, /1-0:1\.8\.0 +energy\.import\.total +12500 +Wh +4148 0000/);
  assert.match(err, /^[\d:.]+ > [0-9a-f ]+$/m);
  const at = await run(
    "read",
    "--at",
    `tcp://127.0.0.1:${meter.port}`,
    "--profile",
    "eastron-sdm630",
    "--json",
  );
  const { values } = JSON.parse(at.out);
  const taken = values.find(({ obis }: { obis: string }) => obis === "1-0:1.8.0");
  assert.deepEqual([taken.mantissa, taken.exponent, taken.unit], [12_500, 0, "Wh"]);
});

test("a unit reads, signs, sends and gets receipts; killed at any moment it goes on where it was", async () => {
  const events = new EventEmitter();
  host.on("frame", () => events.emit("frame"));
  for (let round = 0; round < 4; round++) {
    const { child } = await startUnit();
    const target = host.committed("sunny-grid") + 4;
    while (host.committed("sunny-grid") < target) await once(events, "frame");
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  const { child, statusPort } = await startUnit();
  await once(events, "frame");
  const status = await (await fetch(`http://127.0.0.1:${statusPort}/status`)).json();
  assert.equal(status.link.connected, true);
  const metrics = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
  assert.match(metrics, /busbar_edge_readings_total\{meter="sunny-grid"\} \d+/);
  const page = await (await fetch(`http://127.0.0.1:${statusPort}/`)).text();
  assert.match(page, /<h2>sunny-grid<\/h2>/);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);

  const { meters } = JSON.parse((await run("journal", "list", "--json")).out);
  assert.equal(meters[0].taken, host.committed("sunny-grid"));
  assert.equal(meters[0].committed, meters[0].taken);
  const verified = JSON.parse((await run("journal", "verify", "--json")).out);
  assert.equal(verified.ok, true);
  assert.equal(verified.readings, meters[0].taken);
  assert.ok(verified.receipts > 0);
  const csv = (await run("journal", "export", "--meter", "sunny-grid")).out.trim().split("\n");
  assert.ok(csv.length > meters[0].taken);
  assert.ok(host.frames.every(({ kind }) => kind === "readings" || kind === "mandate"));
});

test("a SIGHUP takes a new configuration, and a wrong one disturbs nothing", async () => {
  const { child, logged } = await startUnit();
  if (child.stdout === null) throw new Error("no output");
  for (const [wrong, code] of [
    [config("nonsense: 1\n"), /config\.invalid/],
    [config().replace("eastron-sdm630", "no-such-meter"), /meter\.profile-unknown/],
    [config("membership: edge.yaml\n"), /config\.invalid/],
  ] as const) {
    writeFileSync(file("edge.yaml"), wrong);
    const told = logged(code);
    child.kill("SIGHUP");
    await told;
  }
  const frames = host.frames.length;
  while (host.frames.length < frames + 2) await once(host, "frame");
  writeFileSync(file("edge.yaml"), config());
  child.kill("SIGHUP");
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  assert.match(String(line), /"ready"/);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("a SIGHUP whose configuration no unit can be started with goes on with the old one", async () => {
  const { child, statusPort } = await startUnit();
  if (child.stdout === null) throw new Error("no output");
  const lines = createInterface({ input: child.stdout });
  writeFileSync(
    file("edge.yaml"),
    config().replace("{ host: 127.0.0.1, port: 0 }", `{ host: 127.0.0.1, port: ${meter.port} }`),
  );
  child.kill("SIGHUP");
  const [line] = await once(lines, "line");
  assert.match(String(line), /"ready"/);
  writeFileSync(file("edge.yaml"), config());
  assert.ok(statusPort > 0);
  const frames = host.frames.length;
  while (host.frames.length < frames + 2) await once(host, "frame");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("a unit that waits for its site's clock says so, and ends when it is told to", async () => {
  writeFileSync(file("clockless.yaml"), config().replace("clock.json", "none.json"));
  const args = [cli, "run", "--config", "clockless.yaml"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  if (child.stderr === null) throw new Error("no output");
  const [line] = await once(createInterface({ input: child.stderr }), "line");
  assert.match(String(line), /none\.json.*waits for the site's clock/);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("a second unit on the same journal, and a wrong configuration, end with one message", async () => {
  const { child } = await startUnit();
  const second = await run("run");
  assert.equal(second.code, 1);
  assert.match(second.err, /a busbar-edge that runs writes here.*\[journal\.in-use\]/);
  child.kill("SIGTERM");
  await once(child, "exit");
  writeFileSync(file("wrong.yaml"), config("brokers: [{ url: mqqt://127.0.0.1 }]\n"));
  const wrong = await run("run", "--config", "wrong.yaml");
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /wrong\.yaml:12: brokers\.0\.url: expected one of mqtt, mqtts, ws, wss/);
  assert.equal((await run("read", "--at", "nowhere", "--profile", "x")).code, 2);
  assert.equal((await run("journal", "list", "--config", "none.yaml", "--json")).code, 1);
});

test("doctor names each fault with its remedy", async () => {
  const well = JSON.parse((await run("doctor", "--json")).out);
  const states = well.findings.map(
    ({ check, state }: { check: string; state: string }) => `${check}: ${state}`,
  );
  // Whether systemd starts it is the machine's affair, and so is the disk below a test's folder.
  const ofMachine = /^(service|disk): warning$/;
  assert.deepEqual(
    states.filter((line: string) => !line.endsWith("ok") && !ofMachine.test(line)),
    [],
  );
  assert.ok(states.some((line: string) => line.startsWith("broker mqtt://")));
  chmodSync(file("device.key"), 0o644);
  writeFileSync(file("sick.yaml"), config().replace(/port: \d+ \}\n$/, "port: 1 }\n"));
  host.sayReady(false);
  const sick = await run("doctor", "--config", "sick.yaml");
  host.sayReady(true);
  chmodSync(file("device.key"), 0o600);
  assert.equal(sick.code, 1);
  const out = sick.out.replace(/\n {9,}(?!→)/g, " ");
  assert.match(out, /FAULT {4}device key: .*0644.*\n +→ chmod 600/);
  assert.match(out, /FAULT {4}meter sunny-grid: .*127\.0\.0\.1:1.*refused/i);
  assert.match(out, /warning {2}broker .*no aggregator is ready/);
});

test("a token signs another client in, under the unit's name with a label", async () => {
  const { out } = await run("token", "--label", "look", "--json");
  const { username, clientId, password } = JSON.parse(out);
  assert.deepEqual([username, clientId], ["unit-1", "unit-1:look"]);
  const client = await connectAsync(host.url, { username, clientId, password, reconnectPeriod: 0 });
  assert.equal(client.connected, true);
  await client.endAsync();
});

test("decode turns captured bytes into readings, and says what is none", async () => {
  const hex = (bytes: number[]) => Buffer.from(withCrc(Uint8Array.from(bytes))).toString("hex");
  const request = hex([1, 4, 0, 0x48, 0, 2]);
  const reply = hex([1, 4, 4, 0x41, 0x48, 0, 0]);
  writeFileSync(file("capture.hex"), `${request} ${reply} ffff`);
  const how = ["decode", "--protocol", "modbus-rtu", "--profile", "eastron-sdm630"];
  const { code, out } = await run(...how, "--json", "capture.hex");
  assert.equal(code, 0);
  const entries = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map(({ kind, ok }) => kind ?? ok),
    ["request", "response", false],
  );
  assert.equal(entries[1].readings[0].value, "12500");
  assert.match(
    (await run(...how, "capture.hex")).out,
    /1-0:1\.8\.0 energy\.import\.total 12500 Wh/,
  );
  assert.equal((await run("decode", "--protocol", "morse", "capture.hex")).code, 1);
});

test("decode shows what a telegram without a profile says, and its help names the protocols", async () => {
  writeFileSync(file("meter.hex"), "68610100000000689108333334335933 33338a16");
  assert.equal(
    (await run("decode", "--protocol", "dlt645", "meter.hex")).out,
    "0: dlt645 meter 000000000161\n    1-0:1.8.0 energy.import.total 0.26 kWh\n",
  );
  writeFileSync(file("p1.txt"), sagemcomNl);
  const { out } = await run("decode", "--protocol", "dsmr", "p1.txt");
  assert.match(out, /^0: dsmr meter E0047000007630817 at 2017-11-05T20:13:24\+01:00\n/);
  assert.match(out, /1-0:1\.8\.1 energy\.import\.t1 51\.775 kWh/);
  assert.match((await run("decode", "--help")).out, /dlt645, mbus, sml, dsmr/);
});

test("scan finds the meter at a place that is named", async () => {
  const { out } = await run("scan", `tcp://127.0.0.1:${meter.port}`, "--units", "1", "--json");
  const { results } = JSON.parse(out);
  assert.equal(results.length, 1);
});

test("decode of what it cannot read says what it may be, in the exit code too", async () => {
  writeFileSync(file("empty.bin"), "");
  const empty = await run("decode", "--protocol", "sml", "empty.bin");
  assert.equal(empty.code, 1);
  assert.match(empty.err, /empty\.bin is empty/);
  writeFileSync(file("meter.hex"), "68610100000000689108333334335933 33338a16");
  const other = await run("decode", "--protocol", "sml", "meter.hex", "--json");
  assert.equal(other.code, 1);
  assert.match(other.err, /there are telegrams of dlt645 in it/);
  const missing = await run("decode", "--protocol", "sml", "no-such-file");
  assert.equal(missing.code, 1);
  assert.match(missing.err, /no-such-file: cannot be read \(ENOENT/);
});
