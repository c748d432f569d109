import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { ledgerEntries } from "../support/stores.ts";
import {
  finish,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";

/** Two units with one meter each, 360 times faster: a reading every 170 ms, a batch every 0.8 s. */
const [siteMs, speed] = [Date.UTC(2026, 5, 21, 2), 360];
const site = "later";

const scene = await Scene.open();
const ports = { broker: scene.portBase, portal: scene.portBase + 1 };
const meterPort = scene.portBase + 2;
const clock = { kind: "file", path: scene.file("clock.json") } as const;
const home = scene.file("home");
const [first, second] = [unitOf("house-1", 3), unitOf("house-2", 4)];
let aggregator: Running;

before(async () => {
  writeFiles();
  for (const { config } of [first, second]) {
    await finish(programs.edge, ["enrol", "--config", config]);
  }
  await init(home, first.request);
});
after(() => scene.end());

test("without an aggregator nobody is admitted, and a later try may help", async () => {
  const { code, message } = await refused(3, [second.request]);
  assert.equal(code, "submit.no-aggregator");
  assert.match(message, /no aggregator answers at 127\.0\.0\.1 port \d+ \(.*ECONNREFUSED/);
});

test("a unit that was not there at genesis waits outside, is admitted, and its readings count", async () => {
  await ready(start(programs.meters, ["--config", scene.file("meters.json")]));
  aggregator = start(programs.aggregator, ["run", "--config", join(home, "aggregator.yaml")]);
  await ready(aggregator);
  const edge = start(programs.edge, ["run", "--config", second.config]);
  await ready(edge);
  await until("the unit is turned away", () =>
    aggregator.errors().includes("login.unknown-identity") ? true : undefined,
  );

  const tried = await admit([second.request, "--dry-run"]);
  assert.deepEqual([tried.code, JSON.parse(tried.out).result], [0, "dry-run"]);
  const admitted = await admit([second.request]);
  assert.equal(admitted.code, 0, admitted.errors + admitted.out);
  const { ok, result, height, owners, devices } = JSON.parse(admitted.out);
  assert.deepEqual([ok, result], [true, "admitted"]);
  assert.ok(Number.isSafeInteger(height) && height > 0);
  assert.deepEqual([owners, devices], [["house-2"], ["house-2-unit"]]);
  await until("its readings stand in blocks", () =>
    ledgerEntries(join(home, "ledger.sqlite")).has("house-2-net 1") ? true : undefined,
  );
  await until("it was told where the members' brokers are", async () => {
    const response = await fetch(`http://127.0.0.1:${second.statusPort}/status`);
    const { counts } = (await response.json()) as { counts: Record<string, number> };
    return counts["link.member-learned"] === 1 ? true : undefined;
  });
  edge.process.kill("SIGTERM");
  assert.equal((await edge.ended).code, 0, edge.errors());
});

test("what is admitted already is answered with exists", async () => {
  const again = await admit([second.request]);
  assert.equal(again.code, 0, again.out);
  assert.equal(JSON.parse(again.out).result, "exists");
  const said = await busbar(["admit", "--request", second.request, "--config", configOf(home)]);
  assert.match(said.out, /^nothing to do.*\(exists\): house-2, house-2-unit\n$/);
});

test("a request that says it is a known owner's with another key needs the member's own word", async () => {
  const request = JSON.parse(readFileSync(second.request, "utf8"));
  const key = JSON.parse(readFileSync(first.request, "utf8")).device.key;
  const taken = write("taken.json", { ...request, owner: { ...request.owner, key } });
  const { code, message } = await refused(1, [taken]);
  assert.equal(code, "admit.would-replace");
  assert.match(message, /owner house-2 \(key\).*--replace/);
  // With it the ledger itself judges: this key is another identity's.
  const judged = await refused(1, [taken, "--replace"]);
  assert.equal(judged.code, "admission.key-taken");
  assert.match(judged.message, /^refused: .*house-1-unit; let the unit or owner make a key file/);

  const renamed = write("renamed.json", { ...request, owner: { ...request.owner, name: "New" } });
  const replaced = await admit([renamed, "--replace"]);
  assert.deepEqual([replaced.code, JSON.parse(replaced.out).result], [0, "admitted"]);
});

test("who is no member here is refused, by its own ledger or by the broker", async () => {
  const foreign = scene.file("foreign");
  await init(foreign, first.request);
  const stranger = await refused(1, [second.request], foreign);
  assert.equal(stranger.code, "submit.login");
  assert.match(aggregator.errors(), /login\.wrong-key/);

  cpSync(join(home, "genesis.json"), join(foreign, "genesis.json"));
  rmSync(join(foreign, "ledger.sqlite"));
  assert.equal((await refused(1, [second.request], foreign)).code, "member.other-key");
});

test("files that say nothing end with a message that names them, and with no stack", async () => {
  const garbage = scene.file("garbage.json");
  writeFileSync(garbage, Buffer.from([0, 255, 1, 2, 123]));
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["--request", garbage, "--config", configOf(home)], /garbage\.json:1: /],
    [["--request", scene.file("none.json"), "--config", configOf(home)], /cannot read the unit's/],
    [["--request", second.request, "--config", "none.yaml"], /none\.yaml: cannot read the conf/],
    [["--config", configOf(home)], /expected either --request or --member/],
  ];
  for (const [args, message] of wrong) {
    const { code, errors } = await busbar(["admit", ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.match(errors, message);
    assert.doesNotMatch(errors, /\n\s+at /);
  }
});

test("the ledger with all that happened replays to the same end", async () => {
  aggregator.process.kill("SIGTERM");
  assert.equal((await aggregator.ended).code, 0, aggregator.errors());
  const verified = JSON.parse(
    await finish(programs.aggregator, ["verify", "--config", configOf(home), "--json"]),
  );
  assert.deepEqual([verified.ok, verified.moneySum], [true, 0]);
  assert.ok(verified.readings["house-2-net"] > 0);
});

function busbar(args: readonly string[]) {
  return start(programs.aggregator, args).ended;
}

function admit(request: readonly string[], at = home) {
  return busbar(["admit", "--request", ...request, "--config", configOf(at), "--json"]);
}

async function refused(exitCode: number, request: readonly string[], at = home) {
  const { code, out, errors } = await admit(request, at);
  assert.equal(code, exitCode, out + errors);
  const answer = JSON.parse(out) as { ok: boolean; code: string; message: string };
  assert.equal(answer.ok, false);
  return answer;
}

function configOf(folder: string): string {
  return join(folder, "aggregator.yaml");
}

function write(name: string, value: object): string {
  writeFileSync(scene.file(name), JSON.stringify(value));
  return scene.file(name);
}

function init(folder: string, request: string): Promise<string> {
  return finish(programs.aggregator, [
    "init",
    ...["--home", folder, "--site", site, "--clock", clock.path],
    ...["--time", new Date(siteMs).toISOString()],
    ...["--broker-port", String(ports.broker), "--portal-port", String(ports.portal)],
    ...["--admit", request],
  ]);
}

function unitOf(owner: string, port: number) {
  const folder = scene.file(owner);
  return {
    owner,
    folder,
    config: join(folder, "edge.yaml"),
    request: join(folder, "request.json"),
    statusPort: scene.portBase + port,
  };
}

function writeFiles(): void {
  const now = { originWallMs: Date.now(), originSiteMs: siteMs, speed };
  writeFileSync(clock.path, JSON.stringify(now));
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 7, source: "user.1" };
  const bus = { kind: "tcp", port: meterPort, devices: [device] };
  const commissionedMs = siteMs - 3_600_000;
  write("meters.json", { clock, commissionedMs, buses: [bus] });
  const connection = { kind: "tcp", host: "127.0.0.1", port: meterPort };
  for (const { owner, folder, config, statusPort } of [first, second]) {
    mkdirSync(folder);
    const unit = {
      site,
      membership: join(home, "membership.json"),
      device: { id: `${owner}-unit` },
      owner: { id: owner, party: "user", name: owner, key: "owner.key" },
      clock,
      // The second one finds its broker in the membership file.
      brokers: owner === "house-1" ? [{ url: `mqtt://127.0.0.1:${ports.broker}` }] : [],
      status: { port: statusPort },
      meters: [{ id: `${owner}-net`, profile: device.profile, connection, unit: 1 }],
      sampling: { everySeconds: 60 },
      batch: { minutes: 5 },
    };
    writeFileSync(config, stringify(unit));
  }
}
