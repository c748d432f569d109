import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Failure, utcMs } from "@busbar/protocol";
import { fastify } from "fastify";
import { loadConfig } from "../config/load.ts";
import type { BlockSource } from "../ledger/block-table.ts";
import { Store } from "../ledger/store.ts";
import type { Guard } from "../portal/access/guard.ts";
import { Aside, type MakeBill, makeInThread } from "../portal/aside.ts";
import { addBillRoute } from "../portal/views/bill-route.ts";
import type { BillFile } from "../settlement/bill/document.ts";
import { readPage } from "../settlement/bill/page.ts";
import { Community, usualDeed } from "../settlement/bill/test-community.ts";
import { type RunOptions, runMonth } from "./bill-run.ts";
import { billOf } from "./bill-source.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-bill-"));
const page = join(folder, "bill.html");
const first = Date.UTC(2026, 4, 1);
let community: Community;

before(() => {
  const store = new Store(join(folder, "ledger.sqlite"));
  community = new Community({ owners: 4, from: first, store });
  community.live(first, 2, (owner, slot) => usualDeed(owner, slot + 36_000_000));
  const text = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
  const { genesis } = community;
  const { chain, site, members } = genesis;
  writeFileSync(join(folder, "genesis.json"), JSON.stringify(genesis, text));
  writeFileSync(join(folder, "membership.json"), JSON.stringify({ chain, site, members }, text));
  writeFileSync(
    join(folder, "aggregator.yaml"),
    `site: ${site}\nmember: member-a\nportal: { port: 0 }\n`,
  );
});
// The ledger stays open meanwhile, as that of an aggregator that runs.
after(() => {
  community.store.close();
  rmSync(folder, { recursive: true });
});

function bill(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "bill", ...args], {
    encoding: "utf8",
    cwd: folder,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

test("a bill is made from a ledger that is open elsewhere, and good with the members' keys alone", () => {
  const made = bill(
    "--owner",
    "home-2",
    "--month",
    "2026-05",
    "--html",
    "--lang",
    "zh",
    "--out",
    page,
  );
  assert.equal(made.status, 0, made.stderr);
  assert.match(readFileSync(page, "utf8"), /<html lang="zh-CN">/);
  const good = bill("--verify", page);
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /^good: the bill of home-2 for 2026-05, as of block \d+ of testsite/);
  const file = join(folder, "bill.json");
  const { bill: own, evidence } = JSON.parse(
    JSON.stringify(readPage(readFileSync(page, "utf8"))?.file),
  );
  own.slots[0].lines[0].money += 1;
  writeFileSync(file, JSON.stringify({ bill: own, evidence }));
  const bad = bill("--verify", file);
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /^this bill does not prove itself: slots\.0\.lines\.0\.money/);
  assert.match(
    bad.stderr,
    /\n {2}line 1 \(2026-05-01 00:00 \+00:00, purchase, contract \d{15}-\d{4}\)\n\(bill\.line\)/,
  );
});

/** The ledger's blocks, but for one way of asking. */
function changed<K extends keyof BlockSource>(ask: K, answer: BlockSource[K]): BlockSource {
  const { store } = community;
  return new Proxy<BlockSource>(store, {
    get(_, name) {
      const own: unknown = Reflect.get(store, name, store);
      return name === ask ? answer : typeof own === "function" ? own.bind(store) : own;
    },
  });
}

test("everybody's bills of a month are made into a folder, and a run that was ended goes on from its block", () => {
  const { store, application, genesis } = community;
  const grounds = { store, application, genesis, blocks: store };
  const out = join(folder, "bills");
  const told: string[] = [];
  const run = (change: Partial<RunOptions> = {}, blocks: BlockSource = store) => {
    told.length = 0;
    const textOf = ({ bill: own, evidence }: BillFile) => JSON.stringify({ bill: own, evidence });
    const common = { month: "2026-05", kind: "json", lang: "en", out, carbon: undefined } as const;
    const print = (line: string) => told.push(line);
    const options = { ...common, isDryRun: false, textOf, print, ...change };
    return runMonth({ ...grounds, blocks }, options);
  };
  const said = (what: RegExp) => told.filter((line) => what.test(line)).length;
  const fileOf = (owner: string) => join(out, `bill-${owner}-2026-05.json`);

  assert.ok(run({ isDryRun: true }));
  assert.ok(said(/^ {2}home-\d \(Home \d, (user|company)\): /) === 4 && !existsSync(out));
  assert.equal(said(/^5 of 5 would be made into .*; nothing was written$/), 1);

  // What of one owner cannot be proved keeps nobody else's bill back.
  const frame: BlockSource["frame"] = ({ height, index }) => {
    const found = store.frame({ height, index });
    return Buffer.from(found ?? []).includes("home-3-meter") ? undefined : found;
  };
  const without = changed("frame", frame);
  assert.ok(!run({}, without));
  assert.equal(said(/home-3: not made: .* \(bill\.energy\)/), 1, told.join("\n"));
  assert.equal(said(/: (gets|pays) \d+\.\d\d EUR, \d+ lines, \d+ slots without a settlement, /), 4);
  assert.match(told.at(-1) ?? "", /^not made are those of home-3; /);
  const { height } = store;
  assert.ok(run());
  assert.match(told[0] ?? "", new RegExp(`^bills of 2026-05 as of block ${height} \\(2026-05-01 `));
  assert.equal(told[1], "the month is not over: slots are still to come");
  assert.match(told[2] ?? "", /^4 there, 1 to make, into /);
  const first = new Map(
    ["bureau-a", ...community.owners].map((owner) => [owner, readFileSync(fileOf(owner), "utf8")]),
  );
  const alone = billOf(grounds, { owner: "home-2", month: "2026-05" });
  assert.deepEqual(JSON.parse(first.get("home-2") ?? ""), alone);

  // The ledger goes on; files are lost and damaged, and the list's last line is torn.
  community.block((store.header(store.height)?.header.time ?? 0) + 60_000, []);
  rmSync(fileOf("home-1"));
  writeFileSync(fileOf("home-4"), "{}");
  writeFileSync(join(out, "bill-home-4-2026-05.json.part"), "{");
  const list = join(out, "bills-2026-05.jsonl");
  writeFileSync(list, readFileSync(list, "utf8").slice(0, -5));
  assert.ok(run({ isDryRun: true }));
  assert.equal(said(/^ {2}\S+ \(.*\): there already$/), 2);
  assert.ok(run());
  assert.match(told[0] ?? "", new RegExp(` as of block ${height} `));
  assert.match(told[2] ?? "", /^2 there, 3 to make, into /);
  for (const [owner, text] of first) assert.equal(readFileSync(fileOf(owner), "utf8"), text, owner);
  assert.deepEqual(readdirSync(out).sort(), [
    ...[...first.keys()].map((owner) => `bill-${owner}-2026-05.json`),
    "bills-2026-05.jsonl",
  ]);
  assert.ok(run());
  assert.match(told[2] ?? "", /^5 there, 0 to make, into /);
  // Once the month is over, what was made before is not taken for its bills.
  const over = changed("header", (at: number) => {
    const found = store.header(at);
    const time = utcMs(Date.UTC(2026, 5, 1));
    return found && at === store.height ? { ...found, header: { ...found.header, time } } : found;
  });
  assert.throws(() => run({}, over), { code: "bill.other-run" });
  assert.throws(() => run({ lang: "zh" }), { code: "bill.other-run" });
  writeFileSync(list, "[]\n");
  assert.throws(() => run(), { code: "bill.other-run" });

  const { evidence } = JSON.parse(first.get("home-1") ?? "");
  writeFileSync(fileOf("home-2"), JSON.stringify({ ...alone, evidence }));
  writeFileSync(fileOf("home-3"), "no bill");
  const checked = bill("--verify", out);
  assert.equal(checked.status, 1, checked.stderr);
  assert.match(checked.stdout, /bill-home-1-2026-05\.json: good, home-1 2026-05 as of block/);
  assert.match(
    checked.stdout,
    /bill-home-2-2026-05\.json: does not prove itself: .*\(bill\.[a-z]+\)/,
  );
  assert.match(
    checked.stdout,
    /bill-home-3-2026-05\.json: does not prove itself: .*\(bill\.file\)/,
  );
  assert.match(checked.stdout, /\n3 of 5 bills are good\n$/);
});

test("what cannot be billed is told with what to do, and never with a stack", () => {
  const { status, stderr } = bill("--owner", "nobody", "--month", "2026-05");
  assert.equal(status, 1);
  assert.match(stderr, /^no owner nobody is on this ledger\n\(bill\.owner\)\n$/);
  const early = bill("--owner", "home-2", "--month", "2026-03", "--json");
  assert.equal(early.status, 1);
  assert.match(
    early.stderr,
    /^the chain begins at 2026-04-30T23:00:00\.000Z: it has no slots of 2026-03/,
  );
  const cut = join(folder, "cut.html");
  writeFileSync(cut, readFileSync(page, "utf8").slice(0, 20_000));
  const checked = bill("--verify", cut);
  assert.equal(checked.status, 1);
  assert.match(checked.stderr, /^the page holds no bill, or was cut off/);
});

test("the portal's thread makes bills and reports in turn, one of each person, and nothing twice", async () => {
  let [now, height] = [0, 7];
  const config = loadConfig(join(folder, "aggregator.yaml"));
  const works: object[] = [];
  const aside = new Aside({
    ...{ now: () => now, height: () => height },
    make(work) {
      works.push(work);
      return makeInThread(config, work);
    },
  });
  const asked = { owner: "home-2", month: "2026-05" };
  const [made, refused, waited, same] = await Promise.allSettled([
    aside.bill({ by: "owner home-2", ...asked }),
    aside.report({ by: "owner home-2", days: 7 }),
    aside.report({ by: "member m1", days: 7 }),
    aside.bill({ by: "auditor a", ...asked }),
  ]);
  assert.ok(made.status === "fulfilled", String(made));
  const file = join(folder, "aside.json");
  writeFileSync(file, gunzipSync(made.value));
  assert.equal(bill("--verify", file).status, 0);
  assert.ok(refused.status === "rejected" && refused.reason.code === "portal.busy");
  assert.ok(same.status === "fulfilled" && same.value === made.value);
  assert.ok(waited.status === "fulfilled");
  await assert.rejects(
    aside.bill({ by: "member m1", owner: "nobody", month: "2026-05" }),
    (error) => error instanceof Failure && error.code.startsWith("bill."),
  );
  const { members, community: schemes } = JSON.parse(gunzipSync(waited.value).toString());
  assert.equal(members.length, 4);
  assert.equal(schemes.length, 7);
  now += 60_000;
  assert.equal(await aside.report({ by: "owner home-1", days: 7 }), waited.value);
  assert.equal(await aside.bill({ by: "owner home-2", ...asked }), made.value);
  assert.equal(works.length, 3, "what is the same for this block is not made again");
  height += 1;
  assert.match(gunzipSync(await aside.bill({ by: "owner home-2", ...asked })).toString(), /home-2/);
  assert.equal(works.length, 4);
});

test("a bill goes packed to whoever takes it so, and plain to the others", async () => {
  const app = fastify();
  const text = JSON.stringify({ bill: {}, evidence: "" });
  const guard = { householdOf: () => "home-1", personOf: () => "owner home-1" };
  const bill: MakeBill = async () => gzipSync(text);
  addBillRoute(app, { bill, guard: guard as unknown as Guard });
  for (const [takes, packed] of [
    ["gzip, deflate, br, zstd", true],
    ["br;q=1.0, GZIP;q=0.5", true],
    ["gzip;q=0, br", false],
    ["gzip;q=x", false],
    ["identity", false],
    [undefined, false],
  ] as const) {
    const headers = takes === undefined ? {} : { "accept-encoding": takes };
    const answer = await app.inject({ url: "/api/bill?month=2026-05", headers });
    assert.equal(answer.headers["content-encoding"], packed ? "gzip" : undefined, takes);
    assert.equal(String(packed ? gunzipSync(answer.rawPayload) : answer.rawPayload), text, takes);
  }
  await app.close();
});
