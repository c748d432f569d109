import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { Store } from "../ledger/store.ts";
import { Aside, makeInThread } from "../portal/aside.ts";
import { readPage } from "../settlement/bill/page.ts";
import { Community, usualDeed } from "../settlement/bill/test-community.ts";

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
  writeFileSync(file, made.value);
  assert.equal(bill("--verify", file).status, 0);
  assert.ok(refused.status === "rejected" && refused.reason.code === "portal.busy");
  assert.ok(same.status === "fulfilled" && same.value === made.value);
  assert.ok(waited.status === "fulfilled");
  await assert.rejects(
    aside.bill({ by: "member m1", owner: "nobody", month: "2026-05" }),
    (error) => error instanceof Failure && error.code.startsWith("bill."),
  );
  const { members, community: schemes } = JSON.parse(waited.value);
  assert.equal(members.length, 4);
  assert.equal(schemes.length, 7);
  now += 60_000;
  assert.equal(await aside.report({ by: "owner home-1", days: 7 }), waited.value);
  assert.equal(await aside.bill({ by: "owner home-2", ...asked }), made.value);
  assert.equal(works.length, 3, "what is the same for this block is not made again");
  height += 1;
  assert.match(await aside.bill({ by: "owner home-2", ...asked }), /home-2/);
  assert.equal(works.length, 4);
});
