import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { blockHashes, journalEntries, ledgerEntries, noticeDeliveries } from "../support/stores.ts";
import {
  finish,
  kill,
  programs,
  type Report,
  type Running,
  Scene,
  seededRandom,
  until,
} from "../support/virtual-site.ts";

const units = ["edge-company", "edge-bureau", "edge-user-1", "edge-user-2"];
/** The aggregator as often as all units together: all of their readings go through it. */
const victims = [...units, ...units.map(() => "aggregator")];

/** 720 times faster: an hour lasts 5 s, each meter is read every 0.4 s. */
const speed = 720;
const hours = 5;
/** The last part of the run is quiet, so that what waits can arrive before all is counted. */
const killsUntilHour = 4;
const killsMin = 12;
const pauseMsMax = 900;

const scene = await Scene.open();
after(() => scene.end());

const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);

test("an aggregator and units killed at random instants lose no reading and count none twice", async (t) => {
  t.diagnostic(`BUSBAR_SEED=${seed}`);
  const site = scene.site(
    ...["--members", 1, "--speed", speed, "--hours", hours, "--json"].map(String),
  );
  await scene.unitsConnected(site);
  const startMs = scene.state()?.siteMs ?? 0;

  const kills = new Map<string, number>();
  while ((scene.state()?.siteMs ?? 0) < startMs + killsUntilHour * 3_600_000) {
    await sleep(random() * pauseMsMax);
    const victim = victims[Math.floor(random() * victims.length)] ?? "aggregator";
    await killOnce(victim, site);
    kills.set(victim, (kills.get(victim) ?? 0) + 1);
  }
  const total = [...kills.values()].reduce((sum, n) => sum + n, 0);
  t.diagnostic(`killed: ${[...kills].map(([name, n]) => `${name} ${n}`).join(", ")}`);
  assert.ok(total >= killsMin, `only ${total} kills in ${killsUntilHour} hours`);

  const { code, out, errors } = await site.ended;
  t.diagnostic(out.trim());
  assert.equal(code, 0, `${out}${errors}`);
  const report = JSON.parse(out) as Report;
  assert.equal(report.ok, true);
  assert.equal(report.readings.lost, 0);
  assert.equal(report.readings.countedTwice, 0);
  assert.equal(report.settledMoneySum, 0);
  assert.equal(report.replay, "same");

  await t.test("every journal entry stands in the blocks once, byte for byte", async () => {
    await journalsAreInOrder();
    const journals = journalEntries(units.map((unit) => scene.file(unit, "data", "journal.db")));
    const ledger = ledgerEntries(scene.file("aggregator", "ledger.sqlite"));
    assert.equal(journals.size, report.readings.taken);
    assert.deepEqual([...ledger.keys()].sort(), [...journals.keys()].sort());
    for (const [key, bytes] of journals) {
      assert.ok(Buffer.from(ledger.get(key) ?? []).equals(bytes), `${key} differs`);
    }
  });

  await t.test("every notice reached its owner's phone", () => {
    const { notices, deliveries } = noticeDeliveries(scene.file("aggregator", "ledger.sqlite"));
    assert.ok(notices > 0);
    assert.equal(report.notices, notices);
    assert.deepEqual(deliveries, { delivered: notices });
  });

  await t.test("a second replay comes to the same app hash", async () => {
    const config = scene.file("aggregator", "aggregator.yaml");
    const verified = JSON.parse(
      await finish(programs.aggregator, ["verify", "--config", config, "--json"]),
    );
    assert.equal(verified.ok, true);
    assert.equal(verified.appHash, report.appHash);
    assert.equal(blockHashes(scene.file("aggregator", "ledger.sqlite")).length, report.blocks);
  });
});

/** Kills a process and waits until its supervisor has put another in its place. */
async function killOnce(name: string, site: Running): Promise<void> {
  const pid = await until(`${name} runs`, () => scene.pid(name));
  kill(pid);
  await until(`${name} runs again`, () => {
    if (site.process.exitCode !== null) throw new Error(`the site ended: ${site.errors()}`);
    const next = scene.pid(name);
    return next === undefined || next === pid ? undefined : next;
  });
}

async function journalsAreInOrder(): Promise<void> {
  await Promise.all(
    units.map(async (unit) => {
      const config = scene.file(unit, "edge.yaml");
      const args = ["journal", "verify", "--config", config, "--json"];
      const verified = JSON.parse(await finish(programs.edge, args));
      assert.deepEqual([verified.ok, verified.problems], [true, []], unit);
      assert.equal(verified.receipts, verified.batches, `${unit}: every batch has its receipt`);
    }),
  );
}
