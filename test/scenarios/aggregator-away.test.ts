import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { journalEntries, ledgerEntries } from "../support/stores.ts";
import {
  finish,
  kill,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";

/** One unit with one meter, 360 times faster: a reading every 170 ms, a batch every 0.8 s. */
const [siteMs, speed] = [Date.UTC(2026, 5, 21, 2), 360];
const site = "away";
const meter = "house-net";

const scene = await Scene.open();
const ports = { broker: scene.portBase, portal: scene.portBase + 1 };
const [meterPort, statusPort] = [scene.portBase + 2, scene.portBase + 3];
const clock = { kind: "file", path: scene.file("clock.json") } as const;
const config = scene.file("unit", "edge.yaml");
const journal = scene.file("unit", "data", "journal.db");
/** Two aggregators of one site: the one the unit trusts, and one with a key of its own. */
const [real, impostor] = [scene.file("real"), scene.file("impostor")];
let edge: Running;

before(async () => {
  writeFiles();
  await finish(programs.edge, ["enrol", "--config", config]);
  await Promise.all([init(real), init(impostor)]);
  await ready(start(programs.meters, ["--config", scene.file("meters.json")]));
  edge = start(programs.edge, ["run", "--config", config]);
  await ready(edge);
});
after(() => scene.end());

test("a unit records while nobody answers", async () => {
  const { taken } = await unitWith(({ taken }) => taken >= 10);
  const { committed, unsigned, waiting } = await look();
  assert.equal(committed, 0);
  assert.ok(unsigned + waiting >= taken, "nothing is given up");
});

test("a unit believes no receipt of a stranger, even one that runs its broker", async () => {
  const stranger = await run(impostor);
  await until("the stranger has readings on a ledger of its own", () =>
    ledgerEntries(join(impostor, "ledger.sqlite")).size >= 10 ? true : undefined,
  );
  const refused = await until("the unit has refused its receipts", async () => {
    const { counts } = (await status()) ?? {};
    return counts?.["certificate.quorum"];
  });
  assert.ok(refused > 0);
  const { firstSeq, committed } = await look();
  assert.deepEqual([firstSeq, committed], [1, 0], "nothing is deleted, nothing is committed");
  await stop(stranger);
});

test("when the aggregator comes, everything arrives once, in order, with its receipt", async () => {
  const { taken } = await look();
  const aggregator = await run(real);
  await unitWith(({ committed }) => committed >= taken);

  // Away in the worst way: it holds its connections and answers nothing.
  const pid = aggregator.process.pid ?? 0;
  kill(pid, "SIGSTOP");
  const stopped = await look();
  await unitWith((now) => now.taken >= stopped.taken + 10);
  assert.ok((await look()).committed <= stopped.taken);
  kill(pid, "SIGCONT");
  const { taken: target } = await look();
  await unitWith(({ committed }) => committed >= target);

  // Killed, it comes back with all that it has acknowledged.
  kill(pid);
  await aggregator.ended;
  const killed = await look();
  await unitWith((now) => now.taken >= killed.taken + 10);
  const again = await run(real);
  await unitWith(({ committed }) => committed >= killed.taken + 10);

  await stop(edge);
  await stop(again);
  const ledger = [...ledgerEntries(join(real, "ledger.sqlite"))];
  assert.deepEqual(
    ledger.map(([key]) => key),
    ledger.map((_, i) => `${meter} ${i + 1}`),
    "in the order of their numbers, each once",
  );
  assert.deepEqual(ledger, [...journalEntries([journal])]);
  const verified = JSON.parse(
    await finish(programs.edge, ["journal", "verify", "--config", config, "--json"]),
  );
  assert.deepEqual([verified.ok, verified.problems], [true, []]);
  assert.equal(verified.receipts, verified.batches);
});

type UnitMeter = Record<"taken" | "committed" | "unsigned" | "waiting" | "firstSeq", number>;
type UnitStatus = {
  readonly journal: { readonly meters: readonly UnitMeter[] };
  readonly counts: Readonly<Record<string, number>>;
};

async function status(): Promise<UnitStatus | undefined> {
  assert.equal(edge.process.exitCode, null, edge.errors());
  const response = await fetch(`http://127.0.0.1:${statusPort}/status`);
  return (await response.json()) as UnitStatus;
}

function look(): Promise<UnitMeter> {
  return unitWith(() => true);
}

/** The unit's journal as soon as it is so. */
function unitWith(so: (journal: UnitMeter) => boolean): Promise<UnitMeter> {
  return until(`the unit's journal: ${so}`, async () => {
    const [first] = (await status())?.journal.meters ?? [];
    return first !== undefined && so(first) ? first : undefined;
  });
}

async function run(home: string): Promise<Running> {
  const running = start(programs.aggregator, ["run", "--config", join(home, "aggregator.yaml")]);
  await ready(running);
  return running;
}

async function stop(running: Running): Promise<void> {
  running.process.kill("SIGTERM");
  assert.equal((await running.ended).code, 0, running.errors());
}

function init(home: string): Promise<string> {
  return finish(programs.aggregator, [
    "init",
    ...["--home", home, "--site", site, "--clock", clock.path],
    ...["--time", new Date(siteMs).toISOString()],
    ...["--broker-port", String(ports.broker), "--portal-port", String(ports.portal)],
    ...["--admit", scene.file("unit", "request.json")],
  ]);
}

function writeFiles(): void {
  const now = { originWallMs: Date.now(), originSiteMs: siteMs, speed };
  writeFileSync(clock.path, JSON.stringify(now));
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 7, source: "user.1" };
  const bus = { kind: "tcp", port: meterPort, devices: [device] };
  const commissionedMs = siteMs - 3_600_000;
  writeFileSync(scene.file("meters.json"), JSON.stringify({ clock, commissionedMs, buses: [bus] }));
  mkdirSync(scene.file("unit"));
  const connection = { kind: "tcp", host: "127.0.0.1", port: meterPort };
  const unit = {
    site,
    membership: join(real, "membership.json"),
    device: { id: "unit-7" },
    owner: { id: "house-7", party: "user", name: "House 7", key: "owner.key" },
    clock,
    brokers: [{ url: `mqtt://127.0.0.1:${ports.broker}` }],
    status: { port: statusPort },
    meters: [{ id: meter, profile: device.profile, connection, unit: 1 }],
    sampling: { everySeconds: 60 },
    batch: { minutes: 5 },
  };
  writeFileSync(config, stringify(unit));
}
