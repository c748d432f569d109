import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseGates, type SlotPrices } from "@busbar/edge";
import { Failure } from "@busbar/protocol";
import { signerOf } from "@busbar/protocol/node";
import fc from "fast-check";
import { MemoryPool } from "../../../test/support/memory-pool.ts";
import { keyFileOf, PortalSite, portalSiteStart } from "../../../test/support/portal-site.ts";
import { flowError } from "../link/errors.ts";
import { QuoteBook } from "./book.ts";
import { Quoter } from "./quoter.ts";
import { openingsMax, Remembered } from "./remembered.ts";
import { leftOf, termsOf, type Wish } from "./terms.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-flows-quote-"));
after(() => rmSync(folder, { recursive: true }));
const none = { kwhMax: undefined, askMin: undefined, bidMax: undefined };
const gate = {
  prices: { cg: null, cu: 500_000, gc: null, gu: 600_000 },
  feedIn: 400_000,
  retail: 700_000,
};
const wish: Wish = {
  side: "sign",
  kwh: -3.5,
  price: undefined,
  rule: "reference",
  room: 5,
  form: "solar",
};

test("below 0 sells and above 0 buys, around the reference price and never beyond the tariffs", () => {
  assert.deepEqual(termsOf(wish, gate, none), {
    side: "ask",
    form: "solar",
    quantity: 3_500,
    limit: 570_000,
  });
  assert.deepEqual(termsOf({ ...wish, kwh: 2 }, gate, none), {
    side: "bid",
    form: "any",
    quantity: 2_000,
    limit: 630_000,
  });
  assert.equal(termsOf({ ...wish, room: 50 }, gate, none)?.limit, 400_000);
  assert.equal(termsOf({ ...wish, kwh: 1, room: 50 }, gate, none)?.limit, 700_000);
  const untold = { ...gate, prices: { cg: null, cu: null, gc: null, gu: null } };
  assert.equal(termsOf({ ...wish, room: 0 }, untold, none)?.limit, 550_000);
  assert.equal(termsOf({ ...wish, rule: undefined, price: "0.45" }, gate, none)?.limit, 450_000);
  assert.equal(termsOf({ ...wish, kwh: 0.0004 }, gate, none), undefined);
});

test("the owner's limits hold whoever asks, and odd values are named", () => {
  const limits = { kwhMax: 5, askMin: 0.3, bidMax: 0.6 };
  for (const [change, words] of [
    [{ kwh: -5.1 }, /kWh: expected at most 5, got 5\.1/],
    [{ rule: undefined, price: 0.29 }, /an ask of at least 0\.3, got 0\.29/],
    [{ kwh: 1, rule: undefined, price: 0.61 }, /a bid of at most 0\.6, got 0\.61/],
    [{ kwh: "much" }, /kWh: expected a number .* got "much"/],
    [{ kwh: undefined }, /kWh: .* got nothing/],
    [{ side: "sell" }, /side: expected ask or bid or sign, got "sell"/],
    [{ side: "ask", kwh: -1 }, /above 0 for an ask/],
    [{ rule: undefined }, /price: .* got nothing/],
    [{ form: "coal" }, /form: expected any/],
    [{ room: 80 }, /room: expected a number from 0 to 50/],
  ] as const) {
    assert.throws(
      () => termsOf({ ...wish, ...change }, gate, limits),
      (error) => {
        assert.ok(error instanceof Failure && error.code === "flows.value");
        assert.match(error.message, words);
        return true;
      },
    );
  }
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (kwh, side, price) => {
      try {
        const terms = termsOf({ ...wish, kwh, side, price, rule: undefined }, gate, limits);
        assert.ok(terms === undefined || (terms.quantity >= 1 && terms.quantity <= 5_000));
      } catch (error) {
        assert.ok(error instanceof Failure);
      }
    }),
  );
});

/** A site with the ledger's own rules, and a quoter that hands in at its door. */
function scene(path: string) {
  const site = new PortalSite();
  const pool = new MemoryPool();
  const door = site.quoteDoor(pool);
  site.runUntil(portalSiteStart);
  while (site.source.gates().gates.length === 0) site.step();
  let away = false;
  let lost: Failure | undefined;
  const send = async (frame: Uint8Array) => {
    if (away) throw flowError("flows.not-connected", "away", { retry: "later" });
    const answer = await door(frame);
    if (!answer.ok) throw new Failure(answer.code, answer.message, { retry: "never" });
    if (lost !== undefined) throw lost;
  };
  const key = JSON.parse(keyFileOf("user-1")) as { seed: string; box: string };
  const [seed, box] = [key.seed, key.box].map(
    (part) => new Uint8Array(Buffer.from(part, "base64url")),
  );
  assert.ok(seed !== undefined && box !== undefined);
  const quoter = (limits = none) =>
    new Quoter({
      chain: site.source.status().chain,
      owner: "user-1",
      signer: signerOf({ seed, box }),
      book: new QuoteBook(path),
      limits,
      horizon: "any",
      send,
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
    });
  const gates = (): readonly SlotPrices[] => {
    const said = parseGates(Buffer.from(JSON.stringify(site.source.gates())));
    assert.ok(said !== undefined);
    return said.gates;
  };
  const block = () => site.commit(pool.frames.splice(0).map(({ bytes }) => bytes));
  return {
    site,
    pool,
    quoter,
    gates,
    block,
    setAway: (value: boolean) => (away = value),
    lose: (error?: Failure) => (lost = error),
  };
}

test("a quote is sealed at an open gate, outlives a restart, is opened by itself and traded", async () => {
  const path = join(folder, "traded.json");
  const { site, quoter, gates, block } = scene(path);
  const first = quoter();
  first.heed(gates());
  const kept = await first.quote({ ...wish, side: "bid", kwh: 1.5, rule: "retail", room: 0 });
  assert.ok(kept !== undefined);
  assert.ok(block().events.some(({ type }) => type === "quote-committed"));
  assert.ok(!readFileSync(path, "utf8").includes("seed"));

  // Node-RED is started anew; the gate closes meanwhile.
  const second = quoter();
  second.heed(gates());
  assert.deepEqual((await second.open()).opened, []);
  site.time = kept.gate;
  block();
  second.heed(gates());
  const { opened, refused } = await second.open();
  assert.deepEqual(refused, []);
  assert.deepEqual(
    opened.map(({ slot }) => slot),
    [kept.slot],
  );
  assert.ok(block().events.some(({ type }) => type === "quote-revealed"));
  assert.deepEqual((await second.open()).opened, [], "what is opened is opened once");
  site.time = kept.revealUntil;
  const bought = block().events.filter(
    (event) => event.type === "contract-signed" && event.buyer === "user-1",
  );
  assert.ok(bought.length > 0);
});

test("each gate is quoted once; a slot without a gate is an error that says so", async () => {
  const { quoter, gates } = scene(join(folder, "once.json"));
  const one = quoter();
  await assert.rejects(one.quote(wish), { code: "flows.gate-missing" });
  one.heed(gates());
  const open = one.unquoted.length;
  assert.ok(open > 0);
  await one.quote({ ...wish, kwh: 1 });
  assert.equal(one.unquoted.length, open - 1);
  await assert.rejects(one.quote(wish, 1), { code: "flows.gate-missing", message: /1970-01-01/ });
});

test("by itself it offers what is not sold yet, at one gate of a slot after the other", async () => {
  const { quoter, gates } = scene(join(folder, "fresh.json"));
  const one = quoter();
  const [first] = gates();
  assert.ok(first !== undefined);
  const next = { ...first, gate: first.gate + 1 };
  const sold = (soldWh: number) => ({
    slots: new Map([[first.slot, { soldWh, plannedWh: 0 }]]),
    wayFee: 0,
  });
  one.heed([first, next]);
  assert.deepEqual(one.fresh, [first]);
  one.heedPositions(sold(1_500));
  const kept = await one.quoteRest(first, { ...wish, kwh: -3.5 });
  assert.equal(kept?.terms.quantity, 2_000);
  // Half of it was sold there; the rest is offered at the next gate, and only once.
  const other = { ...next, slot: next.slot + 3_600_000 };
  one.heed([next, other]);
  one.heedPositions(undefined);
  assert.deepEqual(one.fresh, [], "nobody says what was sold");
  one.heedPositions(sold(2_500));
  assert.deepEqual(one.fresh, [next, other]);
  const rest = await one.quoteRest(next, { ...wish, kwh: -3.5 }).catch((error: Failure) => error);
  assert.ok(rest instanceof Failure, "the ledger knows no such gate");
  one.heedPositions(sold(3_500));
  assert.equal(await one.quoteRest(next, { ...wish, kwh: -3.5 }), undefined);
});

test("what was sold is taken from an ask, added to a bid, and never turns the side", () => {
  for (const [change, soldWh, kwh] of [
    [{ kwh: -3 }, 1_000, -2],
    [{ kwh: "-3" }, 1_000, -2],
    [{ kwh: -3 }, 4_000, -0],
    [{ kwh: -3 }, -1_000, -4],
    [{ kwh: 3 }, -1_000, 2],
    [{ kwh: 3 }, -4_000, 0],
    [{ side: "ask", kwh: 3 }, 1_000, 2],
    [{ side: "bid", kwh: 3 }, -1_000, 2],
    [{ kwh: "much" }, 1_000, "much"],
    [{ kwh: null }, 1_000, null],
  ] as const) {
    assert.deepEqual(leftOf({ ...wish, ...change }, soldWh).kwh, kwh);
  }
});

test("a message that nothing follows is quoted at three openings, told once as stale, and dropped", () => {
  const last = new Remembered<string>();
  const opened = (gate: number) => [{ slot: 1, gate }];
  assert.equal(last.forOpening(opened(0)), undefined);
  for (const [round, word] of ["old", "new"].entries()) {
    last.take(word);
    for (let i = 1; i <= openingsMax; i += 1) {
      for (const _again of [1, 2, 3]) {
        const asked = last.forOpening(opened(10 * round + i));
        assert.ok(typeof asked === "object" && asked.msg === word);
      }
    }
    const later = opened(10 * round + 9);
    assert.deepEqual([last.forOpening(later), last.forOpening(later)], ["stale", undefined]);
  }
});

test("what a rule refuses, or nobody takes, is nothing to open; an opening that passes waits", async () => {
  const path = join(folder, "refused.json");
  const { site, quoter, gates, block, setAway } = scene(path);
  const one = quoter();
  one.heed(gates());
  setAway(true);
  await assert.rejects(one.quote({ ...wish, kwh: 1 }), { code: "flows.not-connected" });
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), []);
  setAway(false);
  const kept = await one.quote({ ...wish, kwh: 1 });
  assert.ok(kept !== undefined);
  block();
  site.time = kept.gate;
  block();
  one.heed(gates());
  setAway(true);
  assert.deepEqual(await one.open(), { opened: [], refused: [], again: true });
  setAway(false);
  assert.equal((await one.open()).opened.length, 1);
});

test("a commitment whose acknowledgement is lost keeps its opening, and is opened", async () => {
  const { site, quoter, gates, block, lose } = scene(join(folder, "lost.json"));
  const one = quoter();
  one.heed(gates());
  const [gate] = gates();
  assert.ok(gate !== undefined);
  lose(flowError("flows.unacknowledged", "lost", { retry: "later" }));
  await assert.rejects(one.quoteAt(gate, { ...wish, kwh: 1 }), { code: "flows.unacknowledged" });
  lose();
  block();
  site.time = gate.gate;
  block();
  one.heed(gates());
  assert.equal((await one.open()).opened.length, 1);
  assert.ok(block().events.some(({ type }) => type === "quote-revealed"));
});

test("a book that cannot be read or written stops the quote before anything is sealed", async () => {
  const path = join(folder, "garbage.json");
  for (const text of ["", "{", "[1]", '[{"slot":1}]']) {
    writeFileSync(path, text);
    assert.throws(() => new QuoteBook(path), { code: "flows.quote-kept" });
  }
  const file = join(folder, "file");
  writeFileSync(file, "");
  const { pool, quoter, gates } = scene(join(folder, "unwritable.json"));
  const one = quoter();
  one.heed(gates());
  Object.assign(one, {});
  assert.throws(() => new QuoteBook(join(file, "book.json")));
  assert.deepEqual(pool.frames, []);
});
