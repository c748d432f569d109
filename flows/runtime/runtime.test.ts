import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { freshPalette } from "../build.ts";
import { rollbackCommand } from "../commands/rollback.ts";
import { TestBroker } from "../testing/broker.ts";
import { FlowsProcess } from "../testing/flows-process.ts";
import { type FlowNode, Probe } from "../testing/probe.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-flows-"));
const userDir = join(folder, "user");
const keyFile = join(folder, "house.json");
const password = "a long enough one";
const site = "demo";
const topic = (name: string) => `busbar/v1/${site}/${name}`;
const topics = [topic("unit-1/live"), topic("market/prices"), topic("owners/house/trades")];

const prices = (clearing: number | null) => ({
  slot: 1_760_000_400_000,
  start: 1_760_000_400_000,
  end: 1_760_004_000_000,
  horizon: "hour-ahead",
  prices: { gu: { micro: 687_799 }, cu: { micro: 555_435 }, gc: null, cg: null },
  clearing,
  feedIn: 400_000,
  retail: 700_000,
  gate: 1_760_000_300_000,
  revealUntil: 1_760_000_350_000,
});
const beforeSlot = 1_760_000_000_000;
const inSlot = 1_760_002_000_000;
const live = (watts: number, time: number) => ({
  meter: "m-1",
  device: "unit-1",
  time,
  seq: 1,
  quality: 0,
  values: { "1-0:16.7.0": watts },
  quantities: { "power.total": watts },
});

let broker: TestBroker;
let probe: Probe;
let flows: FlowsProcess;
let options: string[];

before(async () => {
  await freshPalette();
  const { publicKey } = signerOf(openKeyFile(keyFile));
  broker = await TestBroker.start({ site, identity: "house", key: publicKey });
  probe = await Probe.start();
  const example = readFileSync(
    join(import.meta.dirname, "..", "examples", "boiler-follows-price.json"),
    "utf8",
  );
  const names = ["house", "price", "only changes", "my trades"];
  const flow = join(folder, "flow.json");
  writeFileSync(flow, JSON.stringify(probe.tap(JSON.parse(example), names)));
  const config = join(folder, "flows.yaml");
  writeFileSync(
    config,
    `port: 0
userDir: user
flow: flow.json
environment:
  BUSBAR_BROKER: ${broker.url}
  BUSBAR_SITE: ${site}
  BUSBAR_IDENTITY: house
  BUSBAR_DEVICE: unit-1
`,
  );
  options = ["--config", config, "--env", `BUSBAR_KEY_FILE=${keyFile}`];
  const subscribed = broker.subscribed(...topics);
  flows = await FlowsProcess.start(options, { BUSBAR_FLOWS_PASSWORD: password });
  await subscribed;
});
after(async () => {
  await flows?.stop();
  probe?.stop();
  await broker?.stop();
  rmSync(folder, { recursive: true });
});

test("the ready line is all that stands on stdout", () => {
  assert.equal(flows.lines.length, 1);
  assert.match(flows.lines[0] ?? "", /^\{"event":"ready","url":"http:\/\/127\.0\.0\.1:\d+\/"\}$/);
});

test("the example heats in a cheap slot and from surplus, and stops again", async () => {
  const decision = async (watts: number, time: number) => {
    await broker.publish(topics[0] ?? "", live(watts, time));
    const { payload, reason } = await probe.next("only changes");
    return [payload, reason];
  };
  await broker.publish(topics[1] ?? "", prices(500_000), true);
  const price = await probe.next("price");
  assert.equal(price.topic, "price/clearing");
  assert.equal(price.payload, 0.5);
  assert.deepEqual(price.reference, { gu: 0.687799, cu: 0.555435, gc: null, cg: null });

  // Told for a slot that has not begun, the low price does not hold yet.
  assert.deepEqual(await decision(300, beforeSlot), [false, "dear"]);
  const reading = await probe.next("house");
  assert.deepEqual([reading.topic, reading.payload, reading.seq], ["unit-1/m-1", 300, 1]);
  assert.deepEqual(await decision(300, inSlot), [true, "cheap"]);
  assert.deepEqual(await decision(300, inSlot + 3_600_000), [false, "dear"]);
  assert.deepEqual(await decision(-2_500, inSlot + 3_600_000), [true, "surplus"]);
  assert.deepEqual(await decision(100, inSlot + 3_600_000), [false, "dear"]);
});

test("each trade event is one message with all its data", async () => {
  const signed = { type: "contract-signed", contract: "c1", quantity: 1_200, price: 601_000 };
  await broker.publish(topics[2] ?? "", signed);
  const first = await probe.next("my trades");
  assert.deepEqual(first.payload, signed);
  assert.equal(first.topic, "contract-signed");
  await broker.publish(topics[2] ?? "", { type: "contract-settled", contract: "c1" });
  assert.equal((await probe.next("my trades")).topic, "contract-settled");
});

test("without signing in, the admin API tells and takes nothing", async () => {
  for (const path of ["flows", "nodes", "settings", "credentials/busbar-site/b05bar0000000002"]) {
    assert.equal((await flows.admin(path)).status, 401, path);
  }
  assert.equal((await flows.admin("flows", { method: "POST", body: [] })).status, 401);
  assert.equal(await flows.signIn("admin", "a wrong one"), 403);
  assert.equal(await flows.signIn("admin", password), 200);
  assert.equal((await flows.admin("flows")).status, 200);
});

test("the palette is loaded; exec, file, watch, TCP and UDP are not there", async () => {
  const sets = (await (await flows.admin("nodes")).json()) as { types: string[]; err?: string }[];
  const types = sets.filter(({ err }) => err === undefined).flatMap((set) => set.types);
  for (const type of ["busbar-site", "busbar-unit", "busbar-price", "busbar-trade", "function"]) {
    assert.ok(types.includes(type), type);
  }
  for (const type of ["exec", "file", "file in", "watch", "tcp in", "tcp out", "udp in"]) {
    assert.ok(!types.includes(type), type);
  }
});

test("nothing can be installed from the editor, and telemetry cannot be switched on", async () => {
  const install = { method: "POST", body: { module: "node-red-node-random" } };
  assert.ok((await flows.admin("nodes", install)).status >= 400);
  const consent = { method: "POST", body: { telemetryEnabled: true } };
  assert.ok((await flows.admin("settings/user", consent)).status >= 400);
  const settings = await (await flows.admin("settings")).json();
  assert.equal(settings.telemetryEnabled, false);
  assert.equal(settings.externalModules.palette.allowInstall, false);
});

test("the editor's pages may load from this host alone", async () => {
  const policy = (await fetch(flows.url)).headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.ok(!/https?:/.test(policy));
});

test("the example stands in the editor's import menu, and help in both languages", async () => {
  const list = await flows.admin("library/examples/flows/@busbar/node-red-busbar");
  const names = (await list.json()).map(({ fn }: { fn: string }) => fn);
  assert.ok(names.length >= 7 && names.includes("boiler-follows-price"));
  for (const [language, word] of [
    ["en-US", "drawn from the grid"],
    ["zh-CN", "从电网取电"],
  ] as const) {
    const headers = { accept: "text/html", "accept-language": language };
    const page = await (await flows.admin("nodes", { headers })).text();
    assert.ok(page.includes(word), language);
  }
});

test("a deployed key works, and neither the flow nor the files show it", async () => {
  const key = readFileSync(keyFile, "utf8");
  const { seed } = JSON.parse(key) as { seed: string };
  const nodes = await deployed();
  const pasted = nodes.map((node) =>
    node.type === "busbar-site" ? { ...node, keyFile: "", credentials: { key } } : node,
  );
  const subscribed = broker.subscribed(...topics);
  assert.ok((await flows.admin("flows", { method: "POST", body: pasted })).ok);
  await subscribed;
  const exported = await (await flows.admin("flows")).text();
  assert.ok(exported.includes("busbar-site") && !exported.includes(seed));
  const shown = await flows.admin("credentials/busbar-site/b05bar0000000002");
  assert.deepEqual(await shown.json(), { has_key: true });
  for (const file of ["flows.json", "flows_cred.json"]) {
    assert.ok(!readFileSync(join(userDir, file), "utf8").includes(seed), file);
    assert.equal(statSync(join(userDir, file)).mode & 0o077, 0, file);
  }
});

test("five deploys leave one connection, each ended cleanly and made with a new token", async () => {
  const earlier = { logins: broker.logins.length, ends: broker.ends.length };
  for (let i = 0; i < 5; i++) {
    const subscribed = broker.subscribed(...topics);
    assert.ok((await flows.admin("flows", { method: "POST", body: await deployed() })).ok);
    await subscribed;
    assert.equal(broker.connected, 1);
  }
  assert.equal(broker.logins.length, earlier.logins + 5);
  assert.deepEqual(broker.ends.slice(earlier.ends), Array(5).fill("clean"));
  assert.equal(new Set(broker.tokens).size, broker.tokens.length);
  assert.ok(broker.logins.every(({ client }) => client === "house:flows"));
});

test("a rollback is loaded by the runtime that runs; a broken file is told, and what runs goes on", async () => {
  const first = await deployed();
  const info = async () => (await deployed()).find(({ type }) => type === "tab")?.info;
  const write = (line: string) => void lines.push(line);
  const lines: string[] = [];
  const [was, changed] = [await info(), "changed by mistake"];
  const mistaken = first.map((node) => (node.type === "tab" ? { ...node, info: changed } : node));
  assert.ok((await flows.admin("flows", { method: "POST", body: mistaken })).ok);
  assert.equal(await info(), changed);

  let from = flows.errors.length;
  // Nodes and connection are made anew with the flow, with the credentials that they had.
  const subscribed = broker.subscribed(...topics);
  rollbackCommand({ userDir, json: true }, write);
  assert.equal(JSON.parse(lines[0] ?? "").running, true);
  await flows.said(/"reloaded"/, from);
  await subscribed;
  assert.equal(await info(), was);
  const shown = await flows.admin("credentials/busbar-site/b05bar0000000002");
  assert.deepEqual(await shown.json(), { has_key: true });

  const file = join(userDir, "flows.json");
  const kept = readFileSync(file, "utf8");
  for (const broken of ["[{", "{}", ""]) {
    from = flows.errors.length;
    writeFileSync(file, broken);
    process.kill(flows.pid, "SIGHUP");
    await flows.said(/"not-reloaded".*expected a (flow|list)/, from);
    assert.equal(await info(), was);
  }
  // What somebody wrote by hand is a version, too.
  from = flows.errors.length;
  writeFileSync(file, kept.replace(JSON.stringify(was), '"by hand"'));
  process.kill(flows.pid, "SIGHUP");
  await flows.said(/"reloaded"/, from);
  assert.equal(await info(), "by hand");
  rollbackCommand({ userDir, list: true, json: true }, write);
  const { versions } = JSON.parse(lines.at(-1) ?? "") as { versions: { user: string }[] };
  const [back, byHand] = versions.slice(-2).map(({ user }) => user);
  assert.match(back ?? "", /\(rollback to \d+\)$/);
  assert.equal(byHand, "reload");
});

test("a broker that comes back is found, and its retained price is news", async () => {
  await broker.publish(topics[1] ?? "", prices(610_000), true);
  await untilPrice(0.61);
  broker.drop();
  await untilPrice(0.61);
});

test("SIGTERM ends it cleanly; the next start keeps flow and password", async () => {
  const { code } = await flows.stop();
  assert.equal(code, 0);
  assert.equal(broker.connected, 0);
  assert.equal(broker.ends.at(-1), "clean");
  assert.equal(flows.lines.length, 1);
  for (const secret of ["admin-password", "credential-secret"]) {
    assert.equal(statSync(join(userDir, secret)).mode & 0o777, 0o600);
  }
  assert.match(readFileSync(join(userDir, "admin-password"), "utf8"), /^\$2[aby]\$10\$/);

  const subscribed = broker.subscribed(...topics);
  flows = await FlowsProcess.start(options);
  await subscribed;
  assert.equal(await flows.signIn("admin", password), 200);
  assert.ok(!flows.errors.includes("Sign in"));
});

test("a first start without a chosen password shows a random one, once", async () => {
  const fresh = join(folder, "fresh");
  const options = ["--port", "0", "--user-dir", fresh, "--admin-user", "ada"];
  const first = await FlowsProcess.start(options);
  const shown = /as ada with the password (\S+)/.exec(first.errors)?.[1] ?? "";
  assert.equal(await first.signIn("ada", shown), 200);
  assert.equal((await first.stop()).code, 0);
  assert.ok(!readFileSync(join(fresh, "admin-password"), "utf8").includes(shown));
});

test("a taken port, a mistyped key and a broken flow are told plainly", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const taken = await FlowsProcess.run(["--port", String(port), "-u", join(folder, "taken")]);
  assert.equal(taken.code, 1);
  assert.match(taken.errors, /port \d+ on 127\.0\.0\.1 is taken.*--port \(flows\.port-taken\)/);
  server.close();

  const config = join(folder, "wrong.yaml");
  writeFileSync(config, "port: 0\nuserdir: x\n");
  const mistyped = await FlowsProcess.run(["--config", config]);
  assert.match(mistyped.errors, /wrong\.yaml:2: unknown key userdir; did you mean userDir\?/);

  mkdirSync(join(folder, "empty"));
  const broken = await FlowsProcess.run(["-u", join(folder, "empty"), "--flow", config]);
  assert.match(broken.errors, /expected a flow as Node-RED exports it \(flows\.flow-file\)/);
});

async function deployed(): Promise<FlowNode[]> {
  return (await (await flows.admin("flows")).json()) as FlowNode[];
}

/** Takes the price node's messages up to the first with this price. */
async function untilPrice(price: number): Promise<void> {
  while ((await probe.next("price")).payload !== price);
}
