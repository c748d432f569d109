import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { topicsOf } from "@busbar/protocol";
import { makeViewer } from "../../aggregator/broker/viewer.ts";
import { startMeter } from "../../edge/test-support/modbus-meter.ts";
import { brokerMissing, ExternalBroker } from "../support/external-brokers.ts";
import { testSigner } from "../support/memory-registry.ts";
import { connect, messages } from "../support/mqtt-client.ts";
import { program } from "../support/programs.ts";
import { site, testBroker } from "../support/test-broker.ts";
import { programs } from "../support/virtual-site.ts";

/** A unit and mosquitto_sub, which looks on as Home Assistant does, at real brokers. */

const sub = program("mosquitto_sub", "mosquitto-clients");
const skip = ("skip" in sub && sub.skip) || false;

/** A folder with a unit d1 of the test site that reads one meter. */
async function unitFolder(t: TestContext, broker: string, more = "") {
  const folder = mkdtempSync(join(tmpdir(), "busbar-home-"));
  const meter = await startMeter();
  t.after(async () => {
    await meter.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const key = Buffer.from(testSigner(6).publicKey).toString("base64url");
  const members = [{ id: "m1", key, voting: true }];
  const membership = { chain: site, site, members, brokers: [broker] };
  writeFileSync(join(folder, "membership.json"), JSON.stringify(membership));
  writeFileSync(join(folder, "device.key"), deviceKey(), { mode: 0o600 });
  const write = (lines: string) =>
    writeFileSync(
      join(folder, "edge.yaml"),
      `site: ${site}
device: { id: d1 }
owner: { id: o1 }
status: { host: 127.0.0.1, port: 0 }
sampling: { everySeconds: 1 }
meters:
  - { id: d1-m, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: ${meter.port} } }
${lines}`,
    );
  write(more);
  return { folder, write };
}

/** The key file of `testSigner(1)`, who is d1. */
function deviceKey(): string {
  const seed = Buffer.alloc(32, 7);
  seed.writeUInt16LE(1);
  const text = seed.toString("base64url");
  return JSON.stringify({ seed: text, box: text });
}

async function startUnit(t: TestContext, folder: string): Promise<ChildProcess> {
  const args = [programs.edge, "run", "--config", join(folder, "edge.yaml")];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill("SIGKILL"));
  await once(createInterface({ input: child.stdout }), "line");
  return child;
}

/** Subscribes until `enough` of what was heard. */
async function hear(
  t: TestContext,
  port: number,
  args: readonly string[],
  enough: (heard: ReadonlyMap<string, string>) => boolean,
): Promise<ReadonlyMap<string, string>> {
  assert.ok("path" in sub);
  const all = ["-h", "127.0.0.1", "-p", `${port}`, "-F", "%t %p", ...args];
  const child = spawn(sub.path, all, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const heard = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [topic = "", ...payload] = line.split(" ");
    heard.set(topic, payload.join(" "));
    if (enough(heard)) break;
  }
  child.kill();
  return heard;
}

const topicsWanted = [
  ...["-t", "homeassistant/+/+/config", "-t", "homeassistant/+/+/+/config"],
  ...["-t", `busbar/v1/${site}/d1/live/d1-m`, "-t", `busbar/v1/${site}/d1/state`],
];

/** The value that Home Assistant would show for a component, by its template. */
function shown(heard: ReadonlyMap<string, string>, obis: string): unknown {
  const bundle = JSON.parse(heard.get("homeassistant/device/d1/d1-m/config") ?? "");
  const component = bundle.cmps[obis.replace(/\W/g, "_")];
  assert.equal(component.val_tpl, `{{ value_json['values'].get('${obis}') }}`);
  assert.equal(component.exp_aft, 15);
  assert.equal(JSON.parse(heard.get(bundle.avty[0].t) ?? "").online, true);
  return JSON.parse(heard.get(bundle.stat_t) ?? "").values[obis];
}

test("at Mosquitto: announced, live, and taken back when it is turned off", {
  skip: skip || brokerMissing.mosquitto,
}, async (t) => {
  const disk = mkdtempSync(join(tmpdir(), "busbar-mosquitto-"));
  const broker = await ExternalBroker.start("mosquitto", disk);
  t.after(async () => {
    await broker.kill();
    rmSync(disk, { recursive: true, force: true });
  });
  const { folder, write } = await unitFolder(t, broker.url);
  const unit = await startUnit(t, folder);
  const heard = await hear(t, broker.port, topicsWanted, ({ size }) => size === 4);
  assert.equal(shown(heard, "1-0:1.8.0"), 12_500);
  assert.equal(shown(heard, "1-0:16.7.0"), -1250);

  write("homeAssistant: { enabled: false }\n");
  unit.kill("SIGHUP");
  const all = ["-t", "homeassistant/#"];
  const gone = await hear(t, broker.port, all, (now) =>
    now.size === 2 ? [...now.values()].every((payload) => payload === "") : false,
  );
  assert.deepEqual([...gone.keys()].sort(), [
    "homeassistant/device/d1/config",
    "homeassistant/device/d1/d1-m/config",
  ]);
  // What a new subscriber is told: nothing of it is kept.
  const later = await hear(
    t,
    broker.port,
    ["-t", "homeassistant/#", "-t", `busbar/v1/${site}/d1/state`],
    () => true,
  );
  assert.deepEqual([...later.keys()], [`busbar/v1/${site}/d1/state`]);
});

test("at an aggregator's broker: a viewer with a lasting password sees the same", {
  skip,
}, async (t) => {
  const { password, viewer } = makeViewer("home-assistant", "o1");
  const broker = await testBroker({ viewers: [viewer] });
  t.after(() => broker.stop());
  const { folder } = await unitFolder(t, `mqtt://127.0.0.1:${broker.port}`);
  await startUnit(t, folder);
  const login = ["-u", viewer.id, "-P", password, "-i", "homeassistant-2f"];
  const heard = await hear(t, broker.port, [...login, ...topicsWanted], ({ size }) => size === 4);
  assert.equal(shown(heard, "1-0:1.8.0"), 12_500);
});

test("at a broker that refuses announcements the unit stays connected all the same", async (t) => {
  // Of another prefix our broker knows nothing: it ends the connection.
  const broker = await testBroker();
  t.after(() => broker.stop());
  const { folder } = await unitFolder(
    t,
    `mqtt://127.0.0.1:${broker.port}`,
    "homeAssistant: { prefix: elsewhere }\n",
  );
  await startUnit(t, folder);
  const owner = await connect(broker.port, "o1");
  t.after(() => owner.end(true));
  await owner.subscribeAsync(topicsOf(site).live("d1"));
  while (broker.counters.of("rights.publish") < 2) await messages(owner, 1);
  await messages(owner, 3);
  assert.equal(broker.counters.of("rights.publish"), 2);
});
