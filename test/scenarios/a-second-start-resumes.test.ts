import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { decodeCbor, quality } from "@busbar/protocol";
import { blockHashes, journalEntries, ledgerEntries } from "../support/stores.ts";
import { freePortBase, type Report, type Running, Scene, until } from "../support/virtual-site.ts";

const units = ["edge-company", "edge-bureau", "edge-user-1", "edge-user-2"];
const members = [1, 2, 3, 4];
const aggregators = members.map((n) => `aggregator-${n}`);
const all = ["meters", ...aggregators, ...units];
/** COSEM clock status bit 1, which a unit sets when its time ran backward. */
const clockDoubtful = 0x02;
const speed = ["--speed", "1440"];

const scene = await Scene.open();
after(() => scene.end());

const ledgerOf = (n: number) => scene.file("aggregator", `member-${n}`, "ledger.sqlite");
const ledger = ledgerOf(1);
const genesis = () => readFileSync(scene.file("aggregator", "genesis.json"), "utf8");

test("Ctrl-C ends a site in order", async () => {
  const site = scene.site(...speed);
  await untilHeight(site, 5);
  // npm hands the terminal's Ctrl-C on: one key press comes twice.
  site.process.kill("SIGINT");
  site.process.kill("SIGINT");
  const { code, out } = await site.ended;
  assert.equal(code, 0);
  for (const name of all) assert.match(out, new RegExp(`${name} is up`));
  assert.deepEqual(scene.processes(), []);
  assert.deepEqual(scene.state()?.children, []);
  allHandedOver();
});

test("a second start goes on with the same chain and the same time", async () => {
  const [blocks, genesisBefore] = [blockHashes(ledger), genesis()];
  const ended = scene.state()?.siteMs ?? 0;
  const site = scene.site(...speed);
  await untilHeight(site, blocks.length + 3);
  const { siteMs = 0 } = scene.state() ?? {};
  assert.ok(siteMs > ended, `time went from ${ended} to ${siteMs}`);

  const other = await scene.site().ended;
  assert.equal(other.code, 1);
  assert.match(other.errors, /runs already \(process \d+\).*another --home/);
  assert.ok(other.errors.includes(String(site.process.pid)));
  assert.ok(
    all.every((name) => scene.pid(name) !== undefined),
    "the first one runs on",
  );

  site.process.kill("SIGKILL");
  await site.ended;
  assert.equal(genesis(), genesisBefore);
  assert.deepEqual(blockHashes(ledger).slice(0, blocks.length), blocks);
});

test("after a killed supervisor the next start ends what is left and resumes, on other ports if asked", async () => {
  const left = [...units, ...aggregators].map((name) => scene.pid(name) ?? 0);
  const runs = (pid: number) => scene.processes().includes(pid);
  assert.ok(left.every(runs), "units and aggregators outlive their supervisor");
  const heightKilled = blockHashes(ledger).length;
  await until("they go on without it", () =>
    blockHashes(ledger).length > heightKilled ? true : undefined,
  );
  const blocks = blockHashes(ledger);

  const ports = ["--port-base", String(await freePortBase())];
  const { code, out, errors } = await scene.site(...speed, ...ports, "--hours", "2", "--json")
    .ended;
  assert.equal(code, 0, `${out}${errors}`);
  assert.equal(left.some(runs), false, "the left-over processes are gone");
  const report = JSON.parse(out) as Report;
  assert.deepEqual([report.ok, report.replay], [true, "same"]);
  assert.ok(report.blocks > blocks.length);
  const chain = blockHashes(longest());
  assert.deepEqual(chain.slice(0, blocks.length), blocks);
  for (const n of members) {
    // One that is a block behind when all end fetches it at the next start.
    const own = blockHashes(ledgerOf(n));
    assert.deepEqual(own, chain.slice(0, own.length), `member ${n}`);
  }
  allHandedOver();
  assert.deepEqual(timesRunningBack(), [], "no meter's time ran back");
});

test("a site keeps its members", async () => {
  const { code, errors } = await scene.site("--members", "1").ended;
  assert.equal(code, 1);
  assert.match(errors, /was made with --members 4; .*--fresh --members 1/);
  assert.doesNotMatch(errors, /\n\s+at /);
});

test("--fresh begins anew", async () => {
  const [[firstBlock], before] = [blockHashes(ledger), genesis()];
  const args = ["--fresh", ...speed, "--hours", "0.1", "--json"];
  const { code, out, errors } = await scene.site(...args).ended;
  assert.equal(code, 0, `${out}${errors}`);
  const report = JSON.parse(out) as Report;
  assert.deepEqual([report.ok, report.replay], [true, "same"]);
  assert.notEqual(genesis(), before);
  assert.notEqual(blockHashes(ledger)[0], firstBlock);
});

async function untilHeight(site: Running, height: number): Promise<void> {
  await scene.unitsConnected(site);
  await until(`block ${height} stands`, async () => {
    assert.equal(site.process.exitCode, null, site.errors());
    const status = await scene.api<{ height: number }>("status");
    return status !== undefined && status.height >= height ? true : undefined;
  });
}

function journals() {
  return journalEntries(units.map((unit) => scene.file(unit, "data", "journal.db")));
}

function allHandedOver(): void {
  assert.deepEqual([...ledgerEntries(longest())].sort(), [...journals()].sort());
}

/** The ledger of the member that came farthest. */
function longest(): string {
  const height = (file: string) => blockHashes(file).length;
  return members.map(ledgerOf).reduce((best, file) => (height(file) > height(best) ? file : best));
}

/** Readings that tell of a clock set back or of a register that fell. */
function timesRunningBack(): string[] {
  return [...journals()].flatMap(([key, bytes]) => {
    const entry = decodeCbor(bytes);
    assert.ok(entry instanceof Map);
    const doubtful = (Number(entry.get(2)) & clockDoubtful) !== 0;
    return doubtful || entry.get(4) === quality.reset ? [key] : [];
  });
}
