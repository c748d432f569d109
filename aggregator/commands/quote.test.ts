import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { pino } from "pino";
import { MemoryPool } from "../../test/support/memory-pool.ts";
import { keyFileOf, PortalSite, portalSiteStart } from "../../test/support/portal-site.ts";
import { startPortal } from "../portal/server.ts";
import { type AssetsOptions, assetsCommand } from "./assets.ts";
import { type QuoteOptions, quoteCommand } from "./quote.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-quote-"));
after(() => rmSync(folder, { recursive: true }));
const [hour, minute] = [3_600_000, 60_000];
const key = join(folder, "user-1.key");
writeFileSync(key, keyFileOf("user-1"));
writeFileSync(join(folder, "index.html"), "<!doctype html>");

/** A site whose portal takes quotes; what it took stands in the next block. */
async function open() {
  const site = new PortalSite();
  const pool = new MemoryPool();
  const door = site.quoteDoor(pool);
  const log = pino({ level: "silent" });
  const portal = await startPortal({
    host: "127.0.0.1",
    port: 0,
    source: site.source,
    quotes: door,
    // An address's allowance goes by the site's clock, which the tests turn.
    access: site.access(pool, { now: () => site.time }),
    log,
    page: folder,
  });
  after(() => portal.stop());
  const block = () => site.commit(pool.frames.splice(0).map(({ bytes }) => bytes));
  return { site, pool, url: portal.url.replace(/\/$/, ""), block };
}

const { site, pool, url, block } = await open();
// Half an hour before a slot, at twenty-five past: its gate closes at forty.
site.runUntil(portalSiteStart + 3 * hour);
const slot = Math.ceil((site.time + 20 * minute) / hour) * hour + hour;
while (site.time < slot - 45 * minute) site.step();

let files = 0;
function run(options: Partial<QuoteOptions> = {}) {
  const lines: string[] = [];
  const keep = join(folder, `kept-${++files}.json`);
  const all = {
    portal: url,
    owner: "user-1",
    key,
    slot: new Date(slot).toISOString(),
    side: "bid",
    kwh: "3.5",
    price: "0.61",
    form: "any",
    keep,
    wait: false,
    json: false,
    ...options,
  };
  return quoteCommand(all, (line) => lines.push(line)).then(() => ({ lines, keep }));
}

function post(body: Uint8Array | string, type = "application/octet-stream") {
  return fetch(`${url}/api/quotes`, {
    method: "POST",
    headers: { "content-type": type },
    body: body as string,
  });
}

test("the open gates are listed, in words and as JSON", async () => {
  const answer = await fetch(`${url}/api/gates`);
  const { gates } = (await answer.json()) as { gates: { slot: number }[] };
  assert.ok(gates.some((gate) => gate.slot === slot));
  const { lines } = await run({ slot: undefined as never });
  assert.match(lines.join("\n"), /real-time +closes .*Z, 0 more after it/);
});

test("an owner without a unit seals a quote, and opens it when the gate has closed", async () => {
  const { lines, keep } = await run();
  assert.match(lines[0] ?? "", /sealed; open it after .*--open/);
  assert.deepEqual(
    pool.frames.map(({ kind }) => kind),
    ["quote-commit"],
  );
  const sealed = block();
  assert.ok(sealed.events.some(({ type }) => type === "quote-committed"));
  const kept = JSON.parse(readFileSync(keep, "utf8")) as { gate: number; revealUntil: number };
  assert.equal(kept.gate, slot - 20 * minute);
  site.time = kept.gate;
  block();
  assert.deepEqual((await run({ open: keep })).lines, ["opened"]);
  assert.deepEqual(
    pool.frames.map(({ kind }) => kind),
    ["quote-reveal"],
  );
  const opened = block();
  assert.ok(opened.events.some(({ type }) => type === "quote-revealed"));
  site.time = kept.revealUntil;
  const cleared = block();
  const bought = cleared.events.filter(
    (event) => event.type === "contract-signed" && event.buyer === "user-1",
  );
  assert.equal(bought.length, 1, "what was quoted by hand is traded");
  // The same again is answered at once, with the rule's own reason.
  await assert.rejects(run({ open: keep }), { code: "quote.unknown" });
});

test("a quote that the rule would refuse is refused at once, and nothing waits for a block", async () => {
  const stolen = join(folder, "user-2.key");
  writeFileSync(stolen, keyFileOf("user-2"));
  const stranger = join(folder, "stranger.key");
  writeFileSync(stranger, keyFileOf("nobody"));
  while (site.time < slot + 20 * minute) site.step();
  const next = new Date(slot + hour).toISOString();
  await assert.rejects(run({ slot: next, key: stolen }), { code: "quote.not-owner" });
  await assert.rejects(run({ slot: next, key: stranger }), { code: "ingest.unknown-key" });
  await assert.rejects(run({ slot: new Date(slot + 50 * hour).toISOString() }), {
    code: "quote.no-gate",
  });
  assert.deepEqual(pool.frames, []);
  const keep = join(folder, "refused.json");
  await assert.rejects(run({ slot: next, key: stolen, keep }), { code: "quote.not-owner" });
  assert.equal(
    existsSync(keep),
    false,
    "nothing is to be opened, and the next try finds its place",
  );
});

test("an owner states what there is to plan with; what makes no sense is told with its place", async () => {
  const file = join(folder, "assets.yaml");
  const state = async (text: string, more: Partial<AssetsOptions> = {}) => {
    writeFileSync(file, text);
    const lines: string[] = [];
    const all = { portal: url, owner: "user-1", key, file, days: "30", json: false, ...more };
    await assetsCommand(all, (line) => lines.push(line));
    return lines;
  };
  const battery = "storages:\n  - { capacityKwh: 10, startKwh: 5, chargeKw: 3, dischargeKw: 3 }\n";
  assert.match(
    (await state(battery)).join(),
    /^handed in for user-1: 1 thing that can be moved, until 2026-07/,
  );
  assert.deepEqual(
    pool.frames.map(({ kind }) => kind),
    ["assets"],
  );
  const taken = block();
  assert.ok(taken.events.some((event) => event.type === "assets-stated" && event.movable === 1));
  const [line = ""] = await state("{}", { json: true });
  assert.deepEqual(Object.keys(JSON.parse(line)), ["ok", "owner", "version", "until", "movable"]);
  assert.ok(block().events.some((event) => event.type === "assets-stated" && event.movable === 0));
  await assert.rejects(state(battery.replace("5,", "11,")), { code: "movable.sense" });
  await assert.rejects(state("supply: { capacityKwh: 9, perKwh: 0.3 }"), { code: "movable.party" });
  await assert.rejects(state(battery.replace("chargeKw", "chargeKW")), /chargeKW.*chargeKw/s);
  await assert.rejects(
    state("flexible: [{ kwh: 1, from: noon, to: 2026-06-22T06:00Z, maxKw: 4 }]"),
    /from.*time like/s,
  );
  await assert.rejects(state(battery, { days: "0" }), { code: "assets.usage" });
  await assert.rejects(state(battery, { owner: "user-2" }), { code: "movable.rights" });
  const none = { portal: url, owner: "user-1", key, file: join(folder, "none.yaml"), days: "1" };
  await assert.rejects(
    assetsCommand({ ...none, json: false }, () => undefined),
    { code: "assets.file" },
  );
  assert.deepEqual(pool.frames, []);
});

test("the opening is on disk before anything is sealed, and an old one is never written over", async () => {
  const next = new Date(slot + hour).toISOString();
  const { keep } = await run({ slot: next });
  pool.frames.splice(0);
  await assert.rejects(run({ slot: next, keep }), {
    code: "quote.file",
    message: /keeps the opening of an earlier quote: --open opens it; .*--keep/,
  });
  assert.deepEqual(pool.frames, []);
  pool.failure = new Error("the disk is full");
  const other = join(folder, "other.json");
  await assert.rejects(run({ slot: next, keep: other }));
  pool.failure = undefined;
  assert.ok(existsSync(other));
});

test("garbage over HTTP is refused with a code, and nothing is stored", async () => {
  const before = pool.frames.length;
  for (const [body, type, status] of [
    ["", "application/octet-stream", 400],
    ["nonsense", "application/octet-stream", 400],
    ["{}", "application/json", 415],
    ["a=b", "application/x-www-form-urlencoded", 415],
    [new Uint8Array(20_000), "application/octet-stream", 413],
  ] as const) {
    site.time += 1_000;
    const answer = await post(body, type);
    assert.equal(answer.status, status, `${type} ${body.length}`);
    const { code, message } = (await answer.json()) as { code: string; message: string };
    assert.match(code, /^[a-z]+\.[a-z-]+$/);
    assert.ok(message.length > 0);
  }
  const door = site.quoteDoor(pool);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
      site.time += 1_000;
      assert.equal((await door(noise)).ok, false);
    }),
  );
  assert.equal(pool.frames.length, before);
});

test("by hand means a few in a second: more are sent away with 429", async () => {
  const answers = [];
  for (let i = 0; i < 25; i += 1) answers.push((await post("x")).status);
  assert.equal(answers.filter((status) => status === 429).length, 5);
  site.time += 1_000;
  assert.equal((await post("x")).status, 400);
});

test("a wrong word is named with what was expected", async () => {
  for (const [options, message] of [
    [{ side: "buy" }, /--side: expected ask or bid, got "buy"/],
    [{ kwh: "-1" }, /--kwh: expected a number from 0\.001 to 1000000000 with at most 3 decimals/],
    [{ kwh: "0" }, /--kwh: .*got "0"/],
    [{ kwh: "0.0015" }, /--kwh: .*got "0\.0015"/],
    [{ price: "cheap" }, /--price: expected a number from -1000 to 1000 with at most 6 decimals/],
    [{ price: "0.1234567" }, /--price: .*got "0\.1234567"/],
    [{ form: "coal" }, /--form: expected solar/],
    [{ slot: "noon" }, /--slot: expected a time/],
    [{ slot: new Date(slot).toISOString().replace("Z", "") }, /--slot: expected a time like .*Z/],
    [{ portal: "ftp://x" }, /--portal: expected an address/],
    [{ open: join(folder, "none.json") }, /none\.json: cannot be read/],
  ] as const) {
    await assert.rejects(run(options), (error) => {
      assert.ok(error instanceof Failure);
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(run({ portal: "http://127.0.0.1:1" }), { code: "quote.portal" });
});
