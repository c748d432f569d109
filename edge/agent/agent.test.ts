import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  decodeMessage,
  type Kind,
  type Mandate,
  type Message,
  microPerKwh,
  openFrame,
  sealQuotes,
  utcMs,
  wh,
} from "@busbar/protocol";
import fc from "fast-check";
import { pino } from "pino";
import { testSigner } from "../../test/support/memory-registry.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { Counters } from "../status/counters.ts";
import { Agent } from "./agent.ts";
import { Daring } from "./daring.ts";
import { expectedNet, type NetHistory } from "./forecast.ts";
import { keptHistory } from "./kept-history.ts";
import { MarketOutbox } from "./market-outbox.ts";
import { netHistory } from "./net-history.ts";
import { quoteFor } from "./quote.ts";
import type { Strategy } from "./strategy.ts";
import { Wakes } from "./wakes.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-agent-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = pino({ level: "silent" });
const hour = 3_600_000;
const day = 24 * hour;
const start = 100 * day;
let files = 0;

const mandate: Mandate = {
  owner: "sunny",
  device: "unit-1",
  version: 1,
  askMax: wh(500_000),
  askPriceMin: microPerKwh(450_000),
  bidMax: wh(200_000),
  bidPriceMax: microPerKwh(600_000),
  until: utcMs(start + 1000 * day),
};

const plain = { kind: "follow-reference", roomPermille: 30 } as const;
const text = (value: object) => Buffer.from(JSON.stringify(value));
const gates = (...list: object[]) => text({ height: 7, timeZone: "UTC0", gates: list });
const positions = (...slots: object[]) => text({ height: 7, slots });

/** A slot at its last gate, or at one that closes so long before. */
function offer(slot: number, gu: number | null = 687_000, before = hour / 3) {
  const price = (micro: number | null) => (micro === null ? null : { micro, value: micro / 1e6 });
  return {
    slot,
    start: new Date(slot).toISOString(),
    horizon: "real-time",
    gatesLeft: before === hour / 3 ? 0 : 1,
    prices: { cg: price(420_000), cu: price(555_000), gc: null, gu: price(gu) },
    source: "colony",
    clearing: null,
    feedIn: 400_000,
    retail: 700_000,
    height: 7,
    gate: slot - before,
    revealUntil: slot - before + hour / 6,
  };
}

const prices = (slot: number, gu?: number | null) => gates(offer(slot, gu));

function setUp(net: Partial<NetHistory>, path = join(folder, `${++files}.db`)) {
  let time = start;
  const database = openDatabase(path);
  const now = () => utcMs(time);
  const outbox = new MarketOutbox(database, now);
  const counters = new Counters();
  const reveals: number[] = [];
  const agent = new Agent({
    chain: "demo",
    owner: "sunny",
    party: "company",
    form: "solar",
    strategy: plain,
    daring: new Daring({ read: () => undefined, write: () => undefined }, 0),
    mandate,
    slotMs: hour,
    history: { ofSlot: () => undefined, currentPower: () => undefined, ...net },
    outbox,
    signer: testSigner(3),
    now,
    random: (bytes) => new Uint8Array(bytes).fill(5),
    counters,
    log,
    onQuoted: (at) => reveals.push(at),
  });
  agent.onPositions(positions());
  const at = (ms: number) => {
    time = ms;
  };
  return { agent, outbox, counters, reveals, at, path, database };
}

function messageIn<K extends Kind>(outbox: MarketOutbox, kind: K): Message<K> {
  const lane = outbox.lanes().find((name) => name.startsWith(kind)) ?? "";
  const [frame] = outbox.pending(lane);
  assert.ok(frame !== undefined, `no ${kind} to send`);
  const opened = openFrame(frame.frame);
  assert.ok(opened.ok && opened.frame.kind === kind);
  const decoded = decodeMessage(kind, opened.frame.envelope.payload);
  assert.ok(decoded.ok);
  return decoded.message;
}

test("a surplus is committed before the gate and revealed after it, and the two belong together", () => {
  const slot = start + hour;
  const { agent, outbox, reveals, at } = setUp({ ofSlot: () => -300_000 });
  agent.onGates(prices(slot));
  const commit = messageIn(outbox, "quote-commit");
  assert.equal(outbox.lanes().length, 1);
  assert.deepEqual(reveals, [slot - hour / 3]);
  at(slot - hour / 3);
  const reveal = messageIn(outbox, "quote-reveal");
  assert.equal(outbox.lanes().length, 1, "the commitment is not sent after the gate");
  assert.deepEqual(commit.hash, sealQuotes(commit, reveal.quotes, reveal.salt));
  assert.deepEqual(reveal.quotes, [
    { side: "ask", form: "solar", quantity: 300_000, limit: 666_390 },
  ]);
  at(slot - hour / 6);
  assert.deepEqual(outbox.lanes(), [], "nothing is sent when the ledger takes nothing more");
});

test("a unit that dies between commitment and reveal still reveals the same", () => {
  const slot = start + hour;
  const first = setUp({ ofSlot: () => -1000 });
  first.agent.onGates(prices(slot));
  const commit = messageIn(first.outbox, "quote-commit");
  first.database.close();
  const second = setUp({ ofSlot: () => 99_000 }, first.path);
  second.agent.onGates(prices(slot));
  second.at(slot - hour / 3);
  const reveal = messageIn(second.outbox, "quote-reveal");
  assert.deepEqual(commit.hash, sealQuotes(commit, reveal.quotes, reveal.salt));
});

test("one slot is quoted once, never after its gate, and not without prices or knowledge", () => {
  const slot = start + hour;
  const quoted = setUp({ ofSlot: () => 50_000 });
  quoted.agent.onGates(prices(slot));
  const before = messageIn(quoted.outbox, "quote-commit");
  quoted.agent.onGates(prices(slot, 600_000));
  assert.deepEqual(messageIn(quoted.outbox, "quote-commit"), before);

  const late = setUp({ ofSlot: () => 50_000 });
  late.at(slot - hour / 3);
  late.agent.onGates(prices(slot));
  assert.equal(late.outbox.has(slot, slot - hour / 3), false);

  const ignorant = setUp({});
  ignorant.agent.onGates(prices(slot));
  assert.equal(ignorant.counters.of("agent.nothing-known"), 1);
  assert.equal(ignorant.outbox.has(slot, slot - hour / 3), false);
  ignorant.agent.onGates(Buffer.from("{}"));
  ignorant.agent.onGates(Buffer.from("nonsense"));
  assert.equal(ignorant.counters.of("agent.prices-not-understood"), 2);
});

test("a receipt ends a quote's sending, a refusal does not", () => {
  const slot = start + hour;
  const { agent, outbox } = setUp({ ofSlot: () => -1000 });
  agent.onGates(prices(slot));
  const [lane = ""] = outbox.lanes();
  const [frame] = outbox.pending(lane);
  assert.ok(frame !== undefined);
  const refusal = { ref: new Uint8Array(32), code: "pool.full", message: "later" };
  assert.equal(outbox.refused(frame.ref, refusal)?.lane, lane);
  assert.deepEqual(outbox.lanes(), [lane]);
  assert.equal(outbox.committed(frame.ref, Uint8Array.of(1)), lane);
  assert.deepEqual(outbox.lanes(), []);
  assert.equal(outbox.committed(frame.ref, Uint8Array.of(1)), undefined);
});

const strategies: readonly Strategy[] = [
  plain,
  { kind: "fixed-margin", marginMicroPerKwh: 40_000 },
  { kind: "learned-ramp", roomPermille: 30, learnPermille: 100 },
];

test("no quote ever leaves the owner's limits, and none has two sides", () => {
  const price = fc.option(fc.integer({ min: 0, max: 2_000_000 }), { nil: null });
  fc.assert(
    fc.property(
      fc.integer({ min: -2_000_000, max: 2_000_000 }),
      fc.integer({ min: -400_000, max: 700_000 }),
      fc.record({ cg: price, cu: price, gc: price, gu: price }),
      fc.constantFrom("company" as const, "user" as const),
      fc.constantFrom(...strategies),
      fc.nat(1000),
      (netWh, soldWh, all, party, strategy, daringPermille) => {
        const known = { prices: all, feedIn: 400_000, retail: 700_000, gatesLeft: 1 };
        const grounds = {
          netWh,
          soldWh,
          prices: known,
          wayFee: 9_000,
          party,
          form: "wind",
        } as const;
        const how = { strategy, daringPermille } as const;
        const terms = quoteFor({ ...grounds, ...how, limits: mandate });
        if (terms === undefined) return;
        const change = netWh + soldWh;
        assert.equal(terms.side, change < 0 ? "ask" : "bid");
        assert.ok(terms.quantity >= 1 && terms.quantity <= Math.abs(change));
        // Sold, or bought, net of all that was traded before.
        if (terms.side === "ask") {
          assert.ok(terms.limit >= mandate.askPriceMin);
          assert.ok(soldWh + terms.quantity <= mandate.askMax);
        } else {
          assert.ok(terms.limit <= mandate.bidPriceMax);
          assert.ok(terms.quantity - soldWh <= mandate.bidMax);
        }
      },
    ),
  );
});

test("the forecast is the middle of what past slots say, else the power of now", () => {
  const slot = start + hour;
  const known = new Map<number, number>();
  let power: number | undefined = 1500;
  const history: NetHistory = { ofSlot: (at) => known.get(at), currentPower: () => power };
  const expected = (slotMs = hour) => {
    const wanted = { slots: [slot], slotMs, now: start + hour / 6, timeZone: "CST-8" };
    return expectedNet(history, wanted).get(slot);
  };
  assert.equal(expected(), 1500);
  assert.equal(expected(hour / 4), 375);
  known.set(start - 2 * hour, 222);
  assert.equal(expected(), 222, "the last slot that is known");
  known.set(start - hour, 333);
  assert.equal(expected(), 333);
  known.set(slot - day, -444);
  assert.equal(expected(), -444, "the same slot of the day before");
  known.clear();
  power = undefined;
  assert.equal(expected(), undefined);
  // A month of sunny noons, but for a gap.
  for (let at = start - 30 * day; at < start; at += hour) {
    if (at % (7 * hour) !== 0) known.set(at, at % day === hour ? -9_000 : 200);
  }
  assert.ok((expected() ?? 0) < -8_000);
});

test("a history that remembers asks for each slot once, and again for a new one that is late", () => {
  let asked = 0;
  const late = start - hour;
  let arrived = false;
  const source: NetHistory = {
    ofSlot: (at) => {
      asked += 1;
      return at === late && !arrived ? undefined : at % 1000;
    },
    currentPower: () => 7,
  };
  const kept = keptHistory(source, { slotMs: hour, now: () => start, slots: 10 });
  assert.equal(kept.currentPower(), 7);
  for (const _ of [1, 2]) for (let i = 1; i <= 10; i++) kept.ofSlot(start - i * hour);
  assert.equal(asked, 11);
  assert.equal(kept.ofSlot(late), undefined);
  arrived = true;
  assert.equal(kept.ofSlot(late), late % 1000);
  for (let i = 1; i <= 100; i++) kept.ofSlot(start - i * hour);
  assert.equal(kept.ofSlot(start - 2 * hour), (start - 2 * hour) % 1000);
});

test("net energy of a slot is the difference of registers at its boundaries, or unknown", () => {
  const database = openDatabase(join(folder, `${++files}.db`));
  const journal = new Journal(database, { chain: "demo", signer: testSigner(3) });
  const put = (meter: string, time: number, taken: number, given: number) =>
    journal.append([
      {
        meter,
        entry: {
          time: utcMs(time),
          clock: 16,
          registers: new Map([
            ["1-0:1.8.0", [taken, 0]],
            ["1-0:2.8.0", [given * 10, -1]],
            ["1-0:16.7.0", [250, 0]],
          ]),
          quality: 0,
        },
      },
    ]);
  for (const meter of ["a", "b"]) {
    put(meter, start + 20, 1000, 0);
    put(meter, start + hour + 35, 1500, 200);
    put(meter, start + 2 * hour + 50 * 60_000, 1500, 900);
  }
  const history = netHistory(journal, { meters: ["a", "b"], slotMs: hour });
  assert.equal(history.ofSlot(start), 600);
  assert.equal(history.ofSlot(start + hour), undefined, "no reading near the second boundary");
  assert.equal(history.currentPower(), 500);
  assert.equal(netHistory(journal, { meters: ["a", "c"], slotMs: hour }).ofSlot(start), undefined);
  database.close();
});

test("a slot that could not be forecast is quoted once readings have come", () => {
  const slot = start + hour;
  let net: number | undefined;
  const { agent, outbox } = setUp({ ofSlot: () => net });
  agent.onReadings();
  agent.onGates(prices(slot));
  assert.equal(outbox.has(slot, slot - hour / 3), false);
  net = 20_000;
  agent.onReadings();
  assert.equal(outbox.has(slot, slot - hour / 3), true);
});

test("where the market has no price yet the middle of the tariff stands in for it", () => {
  const none = { cg: null, cu: null, gc: null, gu: null };
  const grounds = {
    prices: { prices: none, feedIn: 400_000, retail: 700_000, gatesLeft: 0 },
    strategy: plain,
    daringPermille: 500,
    form: "solar",
    soldWh: 0,
    wayFee: 0,
    limits: mandate,
  } as const;
  assert.equal(quoteFor({ ...grounds, netWh: -1000, party: "company" })?.limit, 533_500);
  assert.equal(quoteFor({ ...grounds, netWh: 1000, party: "user" })?.limit, 566_500);
});

test("prices that nobody could trade at or that are far ahead store nothing, and none ends the unit", () => {
  const hostile = fc.oneof(
    fc.constantFrom(0, 1, 400_000, start, start + hour, 9e15, Number.MAX_SAFE_INTEGER),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  );
  const price = fc.option(fc.record({ micro: hostile }));
  const message = fc.record({
    slot: hostile,
    gatesLeft: fc.constantFrom(0, 1),
    gate: hostile,
    revealUntil: hostile,
    feedIn: hostile,
    retail: hostile,
    prices: fc.record({ cg: price, cu: price, gc: price, gu: price }),
  });
  const unit = setUp({ ofSlot: () => -300_000 });
  fc.assert(fc.property(fc.array(message), (list) => unit.agent.onGates(gates(...list))));
  const real = offer(start + hour);
  const others = [
    { slot: start + hour + 1 },
    { slot: start + 30 * day, gate: start + 30 * day, revealUntil: start + 30 * day },
    { gate: start + 2 * hour, revealUntil: start + 3 * hour },
    { revealUntil: start },
    { retail: 2_000_000_000 },
    { prices: { ...real.prices, gu: { micro: 2_000_000_000 } } },
  ];
  for (const other of others) {
    unit.agent.onGates(gates({ ...real, ...other }));
    assert.deepEqual(unit.outbox.recent(10), [], JSON.stringify(other));
  }
  unit.agent.onGates(prices(start + hour));
  assert.equal(unit.outbox.recent(10).length, 2);
});

test("a unit that has stopped wakes nobody, also when it quotes while it ends", () => {
  const { agent, outbox, database } = setUp({ ofSlot: () => -300_000 });
  const clock = { now: () => utcMs(start), speed: 1, delay: (ms: number) => ms };
  let woken = 0;
  const wakes = new Wakes(clock, outbox, () => {
    woken += 1;
  });
  wakes.stop();
  agent.onGates(prices(start + hour));
  database.close();
  wakes.plan();
  assert.equal(woken, 0);
});

test("each gate trades only what the forecast says beyond what is sold: one position goes through all", () => {
  const slot = start + 3 * hour;
  let net = -300_000;
  const unit = setUp({ ofSlot: () => net });
  const quotedAt = (before: number, soldWh: number) => {
    unit.agent.onPositions(positions({ slot, soldWh }));
    unit.agent.onGates(gates(offer(slot, 687_000, before)));
    unit.at(slot - before);
    const lane = unit.outbox.lanes().find((name) => name.endsWith(`/${slot - before}`));
    const quotes = lane === undefined ? undefined : messageIn(unit.outbox, "quote-reveal").quotes;
    unit.at(slot - before + hour / 6);
    return quotes?.map(({ side, quantity }) => [side, quantity]);
  };
  assert.deepEqual(quotedAt(2 * hour, 0), [["ask", 300_000]]);
  net = -340_000;
  assert.deepEqual(quotedAt(1.5 * hour, 300_000), [["ask", 40_000]], "more sun than expected");
  net = -100_000;
  assert.deepEqual(quotedAt(hour, 340_000), [["bid", 240_000]], "less sun: it buys back");
  assert.deepEqual(quotedAt(hour / 3, 100_000), undefined, "nothing changed: nothing to trade");
});

test("what is planned beyond the forecast is quoted with it, and a buyer's limit pays for the way", () => {
  const slot = start + hour;
  const said = (net: number, more: object, about: object = {}) => {
    const unit = setUp({ ofSlot: () => net });
    unit.agent.onPositions(text({ height: 7, ...about, slots: [{ slot, soldWh: 0, ...more }] }));
    unit.agent.onGates(prices(slot));
    unit.at(slot - hour / 3);
    const [quote] = messageIn(unit.outbox, "quote-reveal").quotes;
    return [quote?.side, quote?.quantity, quote?.limit] as const;
  };
  const [, , ask] = said(-300_000, {});
  const [, , bid] = said(50_000, {});
  assert.deepEqual(said(-300_000, { plannedWh: 40_000 }), ["ask", 340_000, ask]);
  assert.deepEqual(said(50_000, { plannedWh: -10_000 }), ["bid", 60_000, bid]);
  assert.deepEqual(said(50_000, { plannedWh: 80_000 }), ["ask", 30_000, ask]);
  assert.deepEqual(said(-300_000, {}, { wayFee: 20_000 }), ["ask", 300_000, ask]);
  const more = Math.round(20_000 * 1.03);
  assert.deepEqual(said(50_000, {}, { wayFee: 20_000 }), ["bid", 50_000, (bid ?? 0) + more]);
});

test("nobody quotes before it is told on this connection how it stands", () => {
  const slot = start + hour;
  const { agent, outbox } = setUp({ ofSlot: () => -300_000 });
  agent.onDown();
  agent.onGates(prices(slot));
  agent.onReadings();
  assert.deepEqual(outbox.lanes(), []);
  agent.onPositions(text({ slots: "none" }));
  assert.deepEqual(outbox.lanes(), []);
  agent.onPositions(positions({ slot, soldWh: 250_000 }));
  assert.equal(outbox.lanes().length, 1);
});
