import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { clockSource, decodeMessage } from "@busbar/protocol";
import { stringify } from "yaml";
import { finish, programs, ready, Scene, start, until } from "../support/virtual-site.ts";

/** A unit on the machine's own clock, with a time service that says what the test wants. */
const scene = await Scene.open();
const ports = { meter: scene.portBase, status: scene.portBase + 1 };
const config = scene.file("edge.yaml");
const journal = scene.file("data", "journal.db");

before(async () => {
  const now = { originWallMs: Date.now(), originSiteMs: Date.now(), speed: 1 };
  writeFileSync(scene.file("clock.json"), JSON.stringify(now));
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 7, source: "user.1" };
  const bus = { kind: "tcp", port: ports.meter, devices: [device] };
  const clock = { kind: "file", path: scene.file("clock.json") };
  const commissionedMs = Math.floor(now.originSiteMs / 3_600_000) * 3_600_000;
  const meters = { clock, commissionedMs, buses: [bus] };
  writeFileSync(scene.file("meters.json"), JSON.stringify(meters));
  writeFileSync(
    config,
    stringify({
      site: "clock",
      device: { id: "unit" },
      owner: { id: "house", key: "owner.key" },
      status: { port: ports.status },
      meters: [
        {
          id: "net",
          profile: device.profile,
          connection: { kind: "tcp", host: "127.0.0.1", port: ports.meter },
        },
      ],
      sampling: { everySeconds: 1 },
    }),
  );
  await finish(programs.edge, ["enrol", "--config", config]);
  await ready(start(programs.meters, ["--config", scene.file("meters.json")]));
});
after(() => scene.end());

test("readings of a clock that nobody set wait on the disk, and are signed with true times once it is set", async () => {
  const from = Date.now();
  const first = await run("no");
  const held = await until("three readings wait", async () => {
    const { clock } = await status();
    assert.equal(clock.known, false);
    return clock.held >= 3 ? clock.held : undefined;
  });
  assert.deepEqual(entries(), []);
  first.kill("SIGKILL");
  await once(first, "exit");

  const second = await run("yes");
  const all = await until("they and later ones are entries", () => {
    const list = entries();
    return list.length > held + 2 ? list : undefined;
  });
  assert.deepEqual([(await status()).clock.known, (await status()).clock.source], [true, "NTP"]);
  second.kill("SIGTERM");
  await once(second, "exit");
  assert.ok(all.slice(0, held).every(({ clock }) => clock === clockSource.monotonicOnly));
  assert.equal(all.at(-1)?.clock, clockSource.ntp);
  for (const [i, { time }] of all.entries()) {
    assert.ok(time > (all[i - 1]?.time ?? from - 1), "in their order");
    assert.ok(time <= Date.now());
  }
  const verified = await finish(programs.edge, ["journal", "verify", "--config", config, "--json"]);
  assert.deepEqual(JSON.parse(verified).problems, []);
});

/** Runs the unit beside a time service that says whether the clock is synchronised. */
async function run(synchronised: "yes" | "no") {
  const bin = scene.file(`bin-${synchronised}`);
  mkdirSync(bin);
  for (const [name, line] of [
    ["timedatectl", `echo ${synchronised}`],
    ["chronyc", "exit 1"],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const child = spawn(process.execPath, [programs.edge, "run", "--config", config], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  await until("the unit is up", () => (out.includes('"event":"ready"') ? true : undefined));
  return child;
}

type Clock = { readonly known: boolean; readonly source: string; readonly held: number };

async function status(): Promise<{ readonly clock: Clock }> {
  const response = await fetch(`http://127.0.0.1:${ports.status}/status`);
  return (await response.json()) as { clock: Clock };
}

function entries(): { readonly time: number; readonly clock: number }[] {
  const database = new DatabaseSync(journal, { readOnly: true, timeout: 5_000 });
  const rows = database.prepare("SELECT payload FROM reading ORDER BY seq").all();
  database.close();
  return rows.map(({ payload }) => {
    const decoded = decodeMessage("readings", payload as Uint8Array);
    const entry = decoded.ok ? decoded.message.entries[0] : undefined;
    assert.ok(entry !== undefined);
    return { time: entry.time, clock: entry.clock };
  });
}
