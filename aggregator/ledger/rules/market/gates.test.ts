import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, type QuoteTerms, wh } from "@busbar/protocol";
import fc from "fast-check";
import { subsidy } from "../../../market/game/equations.ts";
import { gatesMessage, positionsMessage } from "../../../publish/prices.ts";
import { accountSums } from "../../accounts.ts";
import { usualGates } from "../../gates.ts";
import { entry, frameOf, MeterChain, startTime, testGenesis } from "../../test-site.ts";
import { positionOf } from "./positions.ts";
import { contracts, dues, positions, slotKey, slots } from "./tables.ts";
import { Chain, hour, mandate, minute, quote } from "./test-chain.ts";
import { timetable } from "./timetable.ts";

const { parameters } = testGenesis();
const threeScales = { ...parameters, gates: usualGates(60) };

/** Ten in the morning of the second day: its day-ahead gate closes at noon of the first. */
const slot = startTime + 34 * hour;
const passes = timetable(slot as never, threeScales).passes;
const minutesOf = (time: number) => (time - startTime) / minute;

/** A chain with blocks every five minutes. */
class Days extends Chain {
  #at: number;

  constructor({ timeZone = "UTC0", from = 0 } = {}) {
    super({ parameters: { ...threeScales, timeZone } });
    this.#at = from;
    const anything = { askPriceMin: microPerKwh(0), bidPriceMax: microPerKwh(900_000) };
    this.block(from, mandate("company-a", anything), mandate("user-a", anything));
  }

  runUntil(minutes: number): void {
    while (this.#at + 5 <= minutes) {
      this.#at += 5;
      this.block(this.#at);
    }
  }

  /** Quotes at one of the slot's gates, opens them, and clears; returns the refusals. */
  trade(pass: number, wishes: readonly (readonly [string, number, Partial<QuoteTerms>])[]) {
    const at = passes[pass];
    assert.ok(at !== undefined);
    this.runUntil(minutesOf(at.opening) + 5);
    const quotes = wishes.map(([owner, name, terms]) => quote(owner, name, terms, slot, at.gate));
    const refused = this.block(this.#at, ...quotes.map(({ seal }) => seal));
    this.runUntil(minutesOf(at.gate));
    refused.push(...this.block(this.#at, ...quotes.map(({ open }) => open)));
    this.runUntil(minutesOf(at.clearing));
    return refused;
  }

  signed() {
    return this.of("contract-signed")
      .filter((event) => event.slot === slot)
      .map(({ seller, buyer, quantityWh, scale, origin }) => [
        `${seller} → ${buyer}`,
        quantityWh,
        `${scale} ${origin}`,
      ]);
  }
}

const ask = (kwh: number, limit = 500_000) =>
  ({ side: "ask", quantity: wh(kwh * 1000), limit: microPerKwh(limit) }) as const;
const bid = (kwh: number, limit = 650_000) =>
  ({ side: "bid", quantity: wh(kwh * 1000), limit: microPerKwh(limit) }) as const;

test("a slot passes a day-ahead, three intraday and a last gate; one position goes through them all", () => {
  const run = new Days();
  assert.equal(passes.length, 5);
  run.trade(0, [
    ["company-a", 1, ask(100)],
    ["user-a", 2, bid(130)],
  ]);
  assert.deepEqual(run.signed(), [["company-a → user-a", 100_000, "day-ahead book"]]);
  assert.equal(positionOf(run.state, "company-a", slot), 100_000);
  // Less sun than expected: the company buys back, and the user can spare as much.
  run.trade(1, [
    ["company-a", 3, bid(20)],
    ["user-a", 4, ask(25)],
  ]);
  run.trade(4, [["user-a", 5, bid(30)]]);
  assert.deepEqual(run.signed(), [
    ["company-a → user-a", 100_000, "day-ahead book"],
    ["user-a → company-a", 20_000, "intraday book"],
    ["bureau-a → user-a", 30_000, "real-time residual"],
  ]);
  const ids = run.of("contract-signed").map(({ contract }) => contract);
  assert.equal(new Set(ids).size, 3, "contracts are numbered through all gates");
  assert.equal(slots.get(run.state, slotKey(slot))?.tradedWh, 150_000);
  assert.deepEqual([...positions.scan(run.state)], [], "contracts say it all when gates are over");

  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  run.runUntil(35 * 60);
  run.block(35 * 60, company.frame(entry(slot, 0, 0), entry(slot + hour, 0, 80_000)));
  run.block(35 * 60 + 1, user.frame(entry(slot, 0), entry(slot + hour, 110_000)));
  assert.equal(run.of("contract-settled").length, 3);
  assert.deepEqual(run.of("imbalance-settled"), [], "what the gates brought adds up to the meters");
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("what nobody took waits for the next gate; only after the last one the bureau takes it", () => {
  const run = new Days();
  run.trade(0, [["company-a", 1, ask(50)]]);
  assert.deepEqual(run.signed(), []);
  run.trade(3, [
    ["company-a", 2, ask(50)],
    ["user-a", 3, bid(10)],
  ]);
  run.trade(4, [["company-a", 4, ask(40)]]);
  assert.deepEqual(run.signed(), [
    ["company-a → user-a", 10_000, "intraday book"],
    ["company-a → bureau-a", 40_000, "real-time residual"],
  ]);
});

test("a quote for one gate is none for the next: nobody doubles it by sending it again", () => {
  const run = new Days();
  const gate = passes[0]?.gate ?? 0;
  const early = quote("company-a", 1, ask(50), slot, gate);
  run.trade(0, []);
  const first = passes[1]?.opening ?? 0;
  run.runUntil(minutesOf(first) + 5);
  assert.deepEqual(run.block(minutesOf(first) + 5, early.seal), ["quote.gate-closed"]);
  const later = quote("company-a", 2, ask(50), slot, passes[2]?.gate);
  assert.deepEqual(run.block(minutesOf(first) + 6, later.seal), ["quote.gate-closed"]);
});

test("the owner's limits are for the position: who sold all may buy back, and sells no more", () => {
  const run = new Days();
  const limits = { version: 2, askMax: wh(100_000), bidMax: wh(0) };
  run.block(1, mandate("company-a", { ...limits, askPriceMin: microPerKwh(0) }));
  run.trade(0, [
    ["company-a", 1, ask(100)],
    ["user-a", 2, bid(200)],
  ]);
  assert.deepEqual(run.trade(1, [["company-a", 3, ask(1)]]), ["quote.beyond-mandate"]);
  assert.deepEqual(run.trade(2, [["company-a", 4, bid(100)]]), []);
  assert.deepEqual(run.trade(3, [["company-a", 5, bid(101)]]), ["quote.beyond-mandate"]);
});

test("the subsidy is for what a buyer keeps: what it sold at a later gate earns none", () => {
  const run = new Days();
  const gate = passes[0]?.gate ?? 0;
  run.runUntil(minutesOf(passes[0]?.opening ?? 0) + 5);
  const own = quote("bureau-a", 9, ask(100), slot, gate);
  const about = { id: own.id, salt: own.salt, quotes: own.quotes };
  run.block(minutesOf(gate) - 60, mandate("bureau-a", { bidPriceMax: microPerKwh(900_000) }));
  const bought = quote("user-a", 1, bid(100), slot, gate);
  assert.deepEqual(run.block(minutesOf(gate) - 59, own.seal, bought.seal), []);
  run.runUntil(minutesOf(gate));
  run.block(minutesOf(gate), frameOf("bureau-a-unit", "quote-reveal", about), bought.open);
  run.trade(1, [
    ["user-a", 2, ask(40)],
    ["company-a", 3, bid(40)],
  ]);
  assert.equal(run.signed().length, 2);
  run.runUntil(35 * 60);
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  run.block(
    35 * 60 + 1,
    company.frame(entry(slot, 0), entry(slot + hour, 40_000)),
    user.frame(entry(slot, 0), entry(slot + hour, 60_000)),
  );
  const [fromBureau] = run.of("contract-settled");
  const [signed] = run.of("contract-signed");
  assert.equal(fromBureau?.seller, "bureau-a");
  const price = microPerKwh(signed?.price ?? 0);
  assert.equal(fromBureau?.subsidy, subsidy(wh(60_000), price, 50));
  assert.notEqual(fromBureau?.subsidy, subsidy(wh(100_000), price, 50));
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("whatever is quoted at the gates, contracts, positions and accounts add up exactly", () => {
  const change = fc.integer({ min: -60, max: 60 });
  const path = fc.array(fc.tuple(change, change), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(path, fc.nat(200), (changes, metered) => {
      const run = new Days();
      changes.forEach(([company, user], pass) => {
        const wish = (owner: string, kwh: number, name: number) =>
          [owner, name, kwh < 0 ? ask(-kwh, 400_000) : bid(Math.max(1, kwh), 700_000)] as const;
        const names = [10 + 2 * pass, 11 + 2 * pass] as const;
        const wishes = [wish("company-a", company, names[0]), wish("user-a", user, names[1])];
        assert.deepEqual(run.trade(pass, wishes), []);
        for (const owner of pass < 4 ? ["company-a", "user-a", "bureau-a"] : []) {
          assert.equal(positionOf(run.state, owner, slot), soldBy(run, owner), `${owner} ${pass}`);
        }
      });
      const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
      run.runUntil(35 * 60);
      run.block(
        35 * 60 + 1,
        company.frame(entry(slot, 0, 0), entry(slot + hour, 0, metered * 1000)),
        user.frame(entry(slot, 0), entry(slot + hour, metered * 700)),
      );
      assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
      const imbalance = (owner: string) => {
        const [found] = run.of("imbalance-settled").filter((event) => event.owner === owner);
        return found === undefined ? 0 : found.imbalanceWh * (found.side === "ask" ? 1 : -1);
      };
      assert.equal(imbalance("company-a"), metered * 1000 - soldBy(run, "company-a"));
      assert.equal(imbalance("user-a"), -metered * 700 - soldBy(run, "user-a"));
    }),
    { numRuns: 8, seed: 11 },
  );
});

function soldBy(run: Chain, owner: string): number {
  let sold = 0;
  for (const [, { seller, buyer, energy }] of contracts.scan(run.state, `${slotKey(slot)}-`)) {
    sold += (seller === owner ? energy : 0) - (buyer === owner ? energy : 0);
  }
  return sold;
}

test("a day of 23 hours and one of 25 are traded whole, each hour at all of its gates", () => {
  const timeZone = "CET-1CEST,M3.5.0,M10.5.0/3";
  for (const [gate, hours] of [
    [Date.UTC(2027, 2, 27, 11), 23],
    [Date.UTC(2026, 9, 24, 10), 25],
  ] as const) {
    const from = minutesOf(gate) - 4 * 60;
    const run = new Days({ timeZone, from });
    run.runUntil(minutesOf(gate) + 60 * 45);
    const opened = run.of("slot-opened").filter((event) => event.gate === gate);
    assert.equal(opened.length, hours);
    for (const event of opened) {
      const cleared = run.of("slot-cleared").filter((other) => other.slot === event.slot);
      assert.deepEqual(
        cleared.map(({ pass }) => pass),
        [0, 1, 2, 3, 4],
        `${new Date(event.slot).toISOString()}`,
      );
    }
  }
});

test("a slot that comes late goes on with the next gate ahead, and after a silence with its last", () => {
  const run = new Days();
  run.runUntil(10);
  const first = run.of("slot-opened").find((event) => event.slot === startTime + hour);
  assert.equal(first?.horizon, "real-time", "the chain began after the other gates of that hour");
  run.runUntil(9 * 60 + 10);
  run.block(40 * 60);
  for (let i = 1; i < 12; i++) run.block(40 * 60 + i);
  const cleared = run.of("slot-cleared").filter((event) => event.slot === slot);
  assert.equal(cleared.at(-1)?.scale, "real-time");
  assert.equal(run.of("slot-cleared").filter(({ pass }) => pass === 4).length > 30, true);
  const late = [...dues.scan(run.state)].filter(
    ([id]) => Number(id.slice(0, 15)) < startTime + 40 * hour,
  );
  assert.deepEqual(late, [], "nothing is left behind");
});

test("what is told on MQTT is every gate that takes quotes, and how each owner stands", () => {
  const run = new Days();
  run.trade(0, [
    ["company-a", 1, ask(100)],
    ["user-a", 2, bid(130)],
  ]);
  const [own] = positionsMessage(run.state, "company-a", 7).slots;
  assert.deepEqual(own, { slot, soldWh: 100_000 });
  assert.deepEqual(positionsMessage(run.state, "user-a", 7).slots, [{ slot, soldWh: -100_000 }]);
  assert.deepEqual(positionsMessage(run.state, "nobody", 7).slots, []);
  run.runUntil(minutesOf(passes[2]?.opening ?? 0) + 5);
  const { gates } = gatesMessage(run.state, 7);
  const told = gates.find((gate) => gate.slot === slot);
  assert.deepEqual(
    [told?.horizon, told?.gate, told?.gatesLeft, told?.stage],
    ["intraday", passes[2]?.gate, 2, "open"],
  );
  assert.ok(
    gates.every(({ gate }, i) => gate >= (gates[i - 1]?.gate ?? 0)),
    "the next to close first",
  );
});

test("slots of half an hour, a quarter and a twelfth of it pass all gates, as many as a day has", () => {
  for (const slotMinutes of [30, 15, 5]) {
    const gates = usualGates(slotMinutes);
    const run = new Chain({ parameters: { ...parameters, slotMinutes, gates } });
    // From nine, when the next day's gate opens, until the first of its slots are through.
    for (let at = 8 * 60 + 50; at <= 25 * 60; at += 5) run.block(at);
    const noon = startTime + 12 * hour;
    const opened = run.of("slot-opened").filter(({ horizon }) => horizon === "day-ahead");
    assert.equal(opened.filter(({ gate }) => gate === noon).length, 1440 / slotMinutes);
    const ahead = run.of("slot-cleared").filter(({ scale }) => scale === "day-ahead");
    assert.equal(ahead.length, 1440 / slotMinutes);
    const first = run.of("slot-cleared").filter((event) => event.slot === startTime + 24 * hour);
    assert.deepEqual(
      first.map(({ scale }) => scale),
      ["day-ahead", "intraday", "intraday", "intraday", "real-time"],
    );
  }
});
