import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { prune } from "../../aggregator/ledger/archive/pruning.ts";
import { SnapshotMaking } from "../../aggregator/ledger/snapshots/making.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { journalEntries, ledgerEntries } from "../support/stores.ts";
import {
  finish,
  programs,
  type Running,
  ready,
  Scene,
  start,
  until,
} from "../support/virtual-site.ts";

/** A unit with one meter, 360 times faster: a reading every 170 ms, a batch every 0.8 s. */
const [siteMs, speed] = [Date.UTC(2026, 5, 21, 2), 360];
const site = "lost";

const scene = await Scene.open();
const ports = { broker: scene.portBase, portal: scene.portBase + 1, meter: scene.portBase + 2 };
const home = scene.file("home");
const ledger = join(home, "ledger.sqlite");
const aggregatorConfig = join(home, "aggregator.yaml");
const clock = { kind: "file", path: scene.file("clock.json") } as const;
const unit = unitOf("house", scene.portBase + 3);
const clone = unitOf("clone", scene.portBase + 4);
let edge: Running;
let aggregator: Running;

before(async () => {
  writeFiles();
  await finish(programs.edge, ["enrol", "--config", unit.config]);
  await finish(programs.aggregator, [
    "init",
    ...["--home", home, "--site", site, "--clock", clock.path],
    ...["--time", new Date(siteMs).toISOString()],
    ...["--broker-port", String(ports.broker), "--portal-port", String(ports.portal)],
    ...["--admit", join(unit.folder, "request.json")],
  ]);
  await ready(start(programs.meters, ["--config", scene.file("meters.json")]));
  aggregator = start(programs.aggregator, ["run", "--config", aggregatorConfig]);
  await ready(aggregator);
});
after(() => scene.end());

test("a unit that lost its data folder goes on where the ledger's chain ends", async () => {
  edge = await runUnit(unit);
  await readingsBeyond(10);
  edge.process.kill("SIGKILL");
  await edge.ended;
  rmSync(join(unit.folder, "data"), { recursive: true });

  edge = await runUnit(unit);
  const before = await settled();
  await until("the unit went on with the chain", () =>
    edge.errors().includes("went on with the ledger's chain") ? true : undefined,
  );
  await readingsBeyond(before + 10);
  const status = await statusOf(unit);
  assert.deepEqual(status.link?.blocked, []);
  assert.equal(status.counts["chain.adopted"], 1);
});

test("a copy of the unit that runs beside it does not fork the chain, and is told why", async () => {
  cpSync(unit.folder, clone.folder, { recursive: true });
  rmSync(join(clone.folder, "data", "run.lock"), { force: true });
  writeConfig(clone);
  const copy = await runUnit(clone);
  const told = (running: Running) => running.errors().includes("stop the other unit that signs");
  // Which of the two comes first is chance; the other one is told.
  await until("one of them is told", () => (told(edge) || told(copy) ? true : undefined));
  const [loser, winner] = told(edge) ? [unit, clone] : [clone, unit];
  const { link } = await until("the status says so", async () => {
    const status = await statusOf(loser);
    return status.link?.blocked.some(({ message }) => /another unit|other unit/.test(message))
      ? status
      : undefined;
  });
  assert.equal(link?.blocked.length, 1);
  copy.process.kill("SIGKILL");
  await copy.ended;
  // Where the unit itself lost: with an empty folder, as it was told, it takes the chain over.
  await restart({ empty: winner !== unit });
});

test("an empty journal beside a unit that is alive waits and takes nothing over", async () => {
  rmSync(join(clone.folder, "data"), { recursive: true, force: true });
  // As both have one client id, each keeps the other from connecting for a while of wall time, which
  // on this site is hours: only a day's patience tells a unit that is alive from one that is gone.
  writeConfig(clone, 1440);
  await readingsBeyond(ledgerEntries(ledger).size + 5);
  const copy = await runUnit(clone);
  await until("the copy is refused", async () =>
    (await statusOf(clone)).counts["chain.waits"] ? true : undefined,
  );
  copy.process.kill("SIGKILL");
  await copy.ended;
  assert.doesNotMatch(copy.errors(), /went on with the ledger's chain/);
  assert.match(copy.errors(), /goes on behind them once no other unit has sent any/);
  await restart({ empty: false });
  await readingsBeyond(ledgerEntries(ledger).size + 5);
});

test("every reading is on the ledger once, all energy is counted once, and all of it verifies", async () => {
  await handedOver();
  // Throws where a reading stands there twice.
  const stored = ledgerEntries(ledger);
  const journal = journalEntries([join(unit.folder, "data", "journal.db")]);
  for (const [name, bytes] of journal) {
    assert.deepEqual(stored.get(name), bytes, `${name} is on the ledger as it lies in the journal`);
  }
  const checked = JSON.parse(
    await finish(programs.edge, ["journal", "verify", "--config", unit.config, "--json"]),
  );
  assert.equal(checked.ok ?? checked.problems.length === 0, true, JSON.stringify(checked));
  const verified = JSON.parse(
    await finish(programs.aggregator, ["verify", "--config", aggregatorConfig, "--json"]),
  );
  assert.deepEqual([verified.ok, verified.moneySum], [true, 0]);
  assert.equal(verified.readings["house-net"], stored.size);
  const { counted, shown } = energyCounted();
  assert.ok(counted > 0);
  assert.equal(counted, shown, "what was counted is what the register shows");
});

test("readings whose block nobody has any more are done with, by a proof of the ledger's chain", async () => {
  aggregator.process.kill("SIGTERM");
  await aggregator.ended;
  forgetBlocks();
  // The journal as a unit has it whose receipts were lost.
  const journal = new DatabaseSync(join(unit.folder, "data", "journal.db"));
  const { changes } = journal.prepare("UPDATE batch SET state = 'sent', receipt = NULL").run();
  journal.close();
  assert.ok(changes > 2, `${changes} batches`);

  await ready(start(programs.aggregator, ["run", "--config", aggregatorConfig]));
  edge = await runUnit(unit);
  await until("all of them are done with", async () => {
    const { counts } = await statusOf(unit);
    return (counts["receipt.by-chain"] ?? 0) >= changes ? true : undefined;
  });
  const { link } = await until("nothing is blocked", async () => {
    const status = await statusOf(unit);
    return status.link?.blocked.length === 0 ? status : undefined;
  });
  assert.deepEqual(link?.blocked, []);
  edge.process.kill("SIGTERM");
  assert.equal((await edge.ended).code, 0, edge.errors());
  const checked = JSON.parse(
    await finish(programs.edge, ["journal", "verify", "--config", unit.config, "--json"]),
  );
  assert.deepEqual([checked.ok, checked.problems], [true, []]);
  assert.ok(checked.receipts >= changes);
});

/** Takes every block out of the ledger's store, as pruning does, and the archive away. */
function forgetBlocks(): void {
  const store = new Store(ledger);
  const making = new SnapshotMaking(store);
  while (making.step() === undefined);
  const archive = scene.file("archive");
  const pruning = prune(store, { folder: archive, before: Number.MAX_SAFE_INTEGER });
  while (pruning.next().done !== true);
  assert.equal(store.base, store.height);
  store.close();
  rmSync(archive, { recursive: true });
}

/** Ends the unit when it has handed all over. One that ends while it is not connected, as after the
 * quarrel with its copy, keeps its last readings for the next start. */
async function handedOver(): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    await until("the unit is connected", async () =>
      (await statusOf(unit)).link?.hostReady ? true : undefined,
    );
    edge.process.kill("SIGTERM");
    assert.equal((await edge.ended).code, 0, edge.errors());
    const stored = ledgerEntries(ledger);
    const journal = journalEntries([join(unit.folder, "data", "journal.db")]);
    if ([...journal.keys()].every((name) => stored.has(name))) return;
    edge = await runUnit(unit);
  }
  assert.fail("the unit ends with readings that are not on the ledger, again and again");
}

/** Cumulative import that the ledger counted, and what the meter's register showed last, in Wh. */
function energyCounted(): { counted: number; shown: number } {
  const database = new DatabaseSync(ledger, { readOnly: true });
  const row = database
    .prepare(
      "SELECT json FROM event WHERE type = 'readings-accepted' ORDER BY height DESC, idx DESC LIMIT 1",
    )
    .get();
  database.close();
  const { importWh } = JSON.parse(String(row?.json)) as { importWh: number };
  const last = new DatabaseSync(join(unit.folder, "data", "journal.db"), { readOnly: true });
  const note = last.prepare("SELECT value FROM meta WHERE key = 'note/meter/house-net'").get();
  last.close();
  const { registers } = JSON.parse(String(note?.value)) as {
    registers: Record<string, [number, number]>;
  };
  const [mantissa, exponent] = registers["1-0:1.8.0"] ?? [Number.NaN, 0];
  return { counted: importWh, shown: Math.floor(mantissa * 10 ** exponent) };
}

/** Starts the unit anew: after a quarrel about the client id it would wait for minutes. */
async function restart({ empty }: { readonly empty: boolean }): Promise<void> {
  edge.process.kill("SIGKILL");
  await edge.ended;
  if (empty) rmSync(join(unit.folder, "data"), { recursive: true });
  edge = await runUnit(unit);
}

async function readingsBeyond(count: number): Promise<void> {
  await until(`more than ${count} readings stand in blocks`, () =>
    ledgerEntries(ledger).size > count ? true : undefined,
  );
}

/** How many readings the ledger has once the frames of a killed unit are in blocks. */
async function settled(): Promise<number> {
  await until("the unit is refused", async () =>
    (await statusOf(unit)).counts["chain.waits"] ? true : undefined,
  );
  return ledgerEntries(ledger).size;
}

type UnitStatus = {
  readonly link?: {
    readonly hostReady: boolean;
    readonly blocked: readonly { readonly message: string }[];
  };
  readonly counts: Readonly<Record<string, number>>;
};

async function statusOf({ statusPort }: typeof unit): Promise<UnitStatus> {
  const response = await fetch(`http://127.0.0.1:${statusPort}/status`);
  return (await response.json()) as UnitStatus;
}

async function runUnit({ config }: typeof unit): Promise<Running> {
  const running = start(programs.edge, ["run", "--config", config]);
  await ready(running);
  return running;
}

function unitOf(name: string, statusPort: number) {
  const folder = scene.file(name);
  return { folder, config: join(folder, "edge.yaml"), statusPort };
}

/** `batchMinutes`: a third of the time for which the chain must stand still. */
function writeConfig({ config, statusPort }: typeof unit, batchMinutes = 5): void {
  const connection = { kind: "tcp", host: "127.0.0.1", port: ports.meter };
  const content = {
    site,
    membership: join(home, "membership.json"),
    device: { id: "house-unit" },
    owner: { id: "house", party: "user", name: "house", key: "owner.key" },
    clock,
    brokers: [{ url: `mqtt://127.0.0.1:${ports.broker}` }],
    status: { port: statusPort },
    meters: [{ id: "house-net", profile: "eastron-sdm630", connection, unit: 1 }],
    sampling: { everySeconds: 60 },
    batch: { minutes: batchMinutes },
  };
  writeFileSync(config, stringify(content));
}

function writeFiles(): void {
  const now = { originWallMs: Date.now(), originSiteMs: siteMs, speed };
  writeFileSync(clock.path, JSON.stringify(now));
  const device = { unit: 1, profile: "eastron-sdm630", serialNumber: 7, source: "user.1" };
  const bus = { kind: "tcp", port: ports.meter, devices: [device] };
  const meters = { clock, commissionedMs: siteMs - 3_600_000, buses: [bus] };
  writeFileSync(scene.file("meters.json"), JSON.stringify(meters));
  mkdirSync(unit.folder);
  writeConfig(unit);
}
