import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Wire } from "../../edge/framing/s0/test-support/wire.ts";
import { openDlt645Bus } from "../../hardware/virtual-site/meters/dlt645/open.ts";
import { openDsmrMeter } from "../../hardware/virtual-site/meters/dsmr/open.ts";
import { openIecMeter } from "../../hardware/virtual-site/meters/iec62056-21/open.ts";
import type { OpenBus } from "../../hardware/virtual-site/meters/listen.ts";
import { openMbus } from "../../hardware/virtual-site/meters/mbus/open.ts";
import { openSmlMeter } from "../../hardware/virtual-site/meters/sml/open.ts";
import { Counters } from "../../hardware/virtual-site/physics/counters.ts";
import { defaultPlace, makeSite } from "../../hardware/virtual-site/physics/site.ts";
import { FakeAggregator } from "../support/fake-aggregator.ts";
import { testSigner } from "../support/memory-registry.ts";
import { program } from "../support/programs.ts";

const cli = fileURLToPath(new URL("../../edge/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "busbar-protocols-"));
const file = (name: string) => join(folder, name);
const host = new FakeAggregator("demo", testSigner(1));
const socat = program("socat", "socat");
const wire = new Wire(folder);
const head = file("head");
const buses: OpenBus[] = [];
let unit: ChildProcess | undefined;

const measured = new Map([
  ["energy.import.total", 1_234_560],
  ["energy.export.total", 7_654_320],
  ["power.total", -3457],
]);
const at = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

/** A meter of each protocol, and two on the lines that can carry two. Gives the lines' ports. */
async function openMeters(): Promise<number[]> {
  const counters = new Counters(makeSite(1, defaultPlace), Date.UTC(2026, 0, 1));
  const site = { seed: 1, now: () => Date.now(), read: counters.read.bind(counters) };
  const onLost = assert.fail;
  const chinese = { meterNumber: "1", model: "DTS1", phases: 3, measure: () => measured } as const;
  const heat = { manufacturer: "BUS", version: 3, measure: () => measured };
  const pushed = { source: "user.1", everyMs: 500, at } as const;
  const text = { ...pushed, mode: "C", parity: true, reactionMs: 20 } as const;
  buses.push(
    await openSmlMeter(
      { ...pushed, manufacturer: "ISK", serialNumber: 12_345, checksum: "x25" },
      site,
      onLost,
    ),
    await openDsmrMeter({ ...pushed, kind: "nl", serialNumber: "E0047000007630817" }, site, onLost),
    await openDlt645Bus({
      place: at,
      devices: [
        { ...chinese, address: "201000000012" },
        { ...chinese, address: "201000000013" },
      ],
      onLost,
    }),
    await openMbus({
      place: at,
      devices: [
        { ...heat, address: 7, id: "12345678" },
        { ...heat, address: 8, id: "12345679" },
      ],
      onLost,
    }),
    await openIecMeter({ ...text, serialNumber: "10067967", parity: false }, site, onLost),
    await openIecMeter({ ...text, serialNumber: "10067968", mode: "D" }, site, onLost),
  );
  if (!("skip" in socat)) {
    const terminal = { kind: "pty", link: head } as const;
    buses.push(
      await openIecMeter({ ...text, serialNumber: "10067969", at: terminal }, site, onLost),
    );
  }
  return buses.map((bus) => Number(bus.at));
}

before(async () => {
  await host.start();
  await wire.open();
  wire.program("1.6.3", "gpiomon");
  const [sml, dsmr, dlt645, mbus, asked, pushing] = await openMeters();
  const key = Buffer.from(host.member.publicKey).toString("base64url");
  const membership = { chain: "demo", site: "demo", brokers: [host.url] };
  const members = [{ id: "m1", key, voting: true }];
  writeFileSync(file("membership.json"), JSON.stringify({ ...membership, members }));
  const place = (port: number | undefined) =>
    `connection: { kind: rtu-over-tcp, host: 127.0.0.1, port: ${port} }`;
  writeFileSync(
    file("edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: sunny, key: owner.key }
status: { host: 127.0.0.1, port: 0 }
sampling: { everySeconds: 1 }
batch: { entries: 1 }
meters:
  - { id: sml-grid, profile: sml, ${place(sml)} }
  - { id: p1-grid, profile: dsmr, ${place(dsmr)} }
  - { id: dlt-1, profile: dlt645-2007, address: "201000000012", ${place(dlt645)} }
  - { id: dlt-2, profile: dlt645-2007, address: "201000000013", ${place(dlt645)} }
  - { id: mbus-1, profile: mbus, address: "7", ${place(mbus)} }
  - { id: mbus-2, profile: mbus, address: "12345679", ${place(mbus)} }
  - { id: iec-asked, profile: iec62056-21, address: "10067967", ${place(asked)} }
  - { id: iec-push, profile: iec62056-21-push, ${place(pushing)} }
  - { id: pulses, profile: s0, pulsesPerKwh: 1000, initialWh: 5000, connection: { kind: gpio, offset: 17 } }
${"skip" in socat ? "" : `  - { id: iec-head, profile: iec62056-21, connection: { kind: rtu, path: ${head} } }`}
`,
  );
});

after(async () => {
  unit?.kill("SIGKILL");
  wire.close();
  await host.stop();
  await Promise.all(buses.map((bus) => bus.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** The stand-in comes first where programs are looked for. */
const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
const run = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder, env })).stdout;

const lines = [
  "sml-grid",
  "p1-grid",
  "dlt-1",
  "dlt-2",
  "mbus-1",
  "mbus-2",
  "iec-asked",
  "iec-push",
];
const ids = [...lines, "pulses", ...("skip" in socat ? [] : ["iec-head"])];

test("one unit records meters of six protocols in its journal, and its readings are taken", async () => {
  await run("enrol");
  const { device } = JSON.parse(readFileSync(file("request.json"), "utf8"));
  host.devices.set("unit-1", new Uint8Array(Buffer.from(device.key, "base64url")));
  unit = spawn(process.execPath, [cli, "run"], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", process.env.BUSBAR_LOG === undefined ? "ignore" : "inherit"],
  });
  await wire.listener();
  wire.pulses(7, 100);
  while (ids.some((id) => host.committed(id) < 2)) await once(host, "frame");
  unit.kill("SIGTERM");
  assert.deepEqual(await once(unit, "exit"), [0, null]);

  const { meters } = JSON.parse(await run("journal", "list", "--json"));
  for (const id of ids) {
    const { taken } = meters.find(({ meter }: { meter: string }) => meter === id);
    assert.ok(taken >= 2, `${id}: ${taken} readings`);
    const csv = await run("journal", "export", "--meter", id);
    assert.match(csv, id === "p1-grid" ? /1-0:1\.8\.1/ : /1-0:1\.8\.0/);
    if (/dlt|mbus/.test(id)) assert.match(csv, /1-0:1\.8\.0,1234560/);
    if (id === "pulses") assert.match(csv, /1-0:1\.8\.0,5007/);
  }
});

test("read shows a meter of another protocol at a place that is named", async () => {
  const [, , , mbus] = buses;
  const where = ["--at", `tcp://127.0.0.1:${mbus?.at}`, "--profile", "mbus", "--address", "7"];
  const { ok, identity, values } = JSON.parse(await run("read", ...where, "--json"));
  assert.equal(ok, true);
  assert.deepEqual(identity, {
    profile: "mbus",
    serialNumber: "12345678",
    model: "BUS version 3",
  });
  const energy = values.find(({ obis }: { obis: string }) => obis === "1-0:1.8.0");
  assert.deepEqual([energy.mantissa, energy.exponent, energy.unit], [1_234_560, 0, "Wh"]);
});

test("read tries a line with pulses without keeping a count", async () => {
  const where = ["--at", "gpio://gpiochip0/17", "--profile", "s0", "--pulses-per-kwh", "800"];
  const { identity, values } = JSON.parse(await run("read", ...where, "--json"));
  assert.deepEqual(identity, { profile: "s0" });
  assert.deepEqual(
    values.map(({ obis, mantissa }: { obis: string; mantissa: number }) => [obis, mantissa]),
    [["1-0:1.8.0", 0]],
  );
});
