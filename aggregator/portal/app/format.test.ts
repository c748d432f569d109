import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PortalTrade } from "../api.ts";
import {
  clearingText,
  clock,
  completenessText,
  count,
  dayAndClock,
  energy,
  exactKwh,
  exactMoney,
  feedersText,
  kwh,
  measuredShare,
  money,
  power,
  price,
  shortHash,
  slotName,
  tradeText,
} from "./format.ts";

test("money is written from its integer, to the cent", () => {
  assert.equal(money(174_386_238, "CNY"), "174.39 CNY");
  assert.equal(money(-1_234_567_890_000, "EUR"), "−1,234,567.89 EUR");
  assert.equal(money(4_999, "EUR"), "0.00 EUR");
  assert.equal(money(-4_999, "EUR"), "0.00 EUR");
  assert.equal(money(5_000, "EUR"), "0.01 EUR");
});

test("a sum that is not 0 never looks like 0", () => {
  assert.equal(exactMoney(0, "CNY"), "0.00 CNY");
  assert.equal(exactMoney(-1, "CNY"), "−0.000001 CNY");
  const anySum = fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).filter((value) => value !== 0);
  fc.assert(fc.property(anySum, (value) => /[1-9]/.test(exactMoney(value, "CNY"))));
});

test("exact money reads back as the integer it was", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const digits = exactMoney(value, "X").replace(" X", "").replaceAll(",", "").replace("−", "-");
      const [whole = "", fraction = ""] = digits.split(".");
      assert.equal(BigInt(whole + fraction.padEnd(6, "0")), BigInt(value));
    }),
  );
});

test("a price that is not traded is words, one that is not made yet is other words", () => {
  assert.equal(price(687_799), "0.6878");
  assert.equal(price(null), "not traded");
  assert.equal(clearingText({ clearing: null, stage: "open" }), "not yet");
  assert.equal(clearingText({ clearing: null, stage: "settled" }), "not traded");
  assert.equal(
    feedersText([
      { feeder: null, price: null, sentWh: 0 },
      { feeder: "north", price: 650_000, sentWh: -1_500 },
    ]),
    "busbar: not traded\nnorth: 0.6500, gets 1.5 kWh",
  );
  assert.equal(clearingText({ clearing: 650_000, stage: "cleared" }), "0.6500");
});

test("energy and power carry their units, and unknown is no number", () => {
  assert.equal(energy(7_387_836), "7,387.8 kWh");
  assert.equal(energy(12_345_678), "12.35 MWh");
  assert.equal(energy(null), "–");
  assert.equal(kwh(0), "0.0");
  assert.equal(exactKwh(-1_234_001), "−1,234.001");
  assert.equal(power(-33_984), "34.0 kW");
  assert.equal(power(null), "–");
});

test("counts, hashes and times are short", () => {
  assert.equal(count(1_029), "1,029");
  assert.equal(shortHash("268cfccf7c64653f57afbd005c9a0dd6"), "268cfc…0dd6");
  const time = Date.UTC(2026, 5, 14, 10, 20);
  assert.equal(clock(time), "10:20");
  assert.equal(dayAndClock(time), "Sun 14 Jun, 10:20 UTC");
  assert.equal(slotName(time, time + 3_600_000), "10:20");
  assert.equal(slotName(time, time + 86_400_000), "14 Jun 10:20");
});

test("a meter is measured in full only where each of its slots is", () => {
  const slots = (measured: number, estimated: number, missing: number) =>
    measuredShare({ measured, estimated, missing });
  assert.equal(slots(168, 0, 0), "100.0 %");
  assert.equal(slots(9_999, 1, 0), "99.9 %");
  assert.equal(slots(0, 0, 3), "0.0 %");
  assert.equal(slots(0, 0, 0), "–");
  assert.equal(measuredShare(null), "–");
  assert.equal(
    completenessText({ measured: 1_666, estimated: 1, missing: 0 }),
    "1,666 measured, 1 estimated, 0 missing",
  );
  assert.equal(completenessText(null), "no reading yet");
});

test("a contract says in a word what became of it", () => {
  const trade = (state: PortalTrade["state"], amount: number | null) =>
    tradeText({ state, amount } as PortalTrade, "EUR");
  assert.equal(trade("paid", 12_340_000), "paid 12.34 EUR");
  assert.equal(trade("paid", -12_340_000), "paid −12.34 EUR");
  for (const state of ["signed", "held", "void"] as const) assert.equal(trade(state, null), state);
});
