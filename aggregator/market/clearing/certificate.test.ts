import assert from "node:assert/strict";
import { test } from "node:test";
import { micro, microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { verifyClearing } from "./certificate.ts";
import { clear } from "./clearing.ts";
import type { Clearing, ClearingCertificate, Fill, Quote } from "./quotes.ts";

const quote = (id: string, side: "ask" | "bid", quantity: number, limit: number): Quote => ({
  id,
  party: `party of ${id}`,
  side,
  slot: utcMs(0),
  form: "any",
  quantity: wh(quantity),
  limit: microPerKwh(limit),
  time: utcMs(0),
});

/** Three asks, two of them equal and rationed; two bids served, one left out. */
const quotes: readonly Quote[] = [
  quote("a1", "ask", 40, 300_000),
  quote("a2", "ask", 50, 500_000),
  quote("a3", "ask", 25, 500_000),
  quote("b1", "bid", 60, 650_000),
  quote("b2", "bid", 30, 600_000),
  quote("b3", "bid", 10, 450_000),
];
const right = clear(quotes, microPerKwh(550_000));

function withFills(change: Record<string, Partial<Record<"accepted" | "netted", number>>>) {
  const fills = right.fills.map((fill): Fill => {
    const { accepted = fill.accepted, netted = fill.netted } = change[fill.id] ?? {};
    return { id: fill.id, accepted: wh(accepted), netted: wh(netted) };
  });
  return { ...right, fills };
}
const certified = (change: Partial<ClearingCertificate>): Clearing => ({
  ...right,
  certificate: { ...right.certificate, ...change },
});
const codeOf = (clearing: Clearing, of = quotes) => {
  const verdict = verifyClearing(of, clearing);
  return verdict.ok ? "ok" : verdict.code;
};

test("the right clearing is verified, and nothing about it may be changed", () => {
  assert.equal(codeOf(right), "ok");
  assert.deepEqual(
    right.fills.map(({ accepted }) => accepted),
    [40, 33, 17, 60, 30, 0],
  );
  assert.equal(codeOf({ ...right, price: microPerKwh(550_001) }), "clearing.price");
  assert.equal(codeOf({ ...right, price: undefined }), "clearing.price");
  assert.equal(codeOf({ ...right, volume: wh(89) }), "clearing.balance");
  assert.equal(codeOf({ ...right, fills: right.fills.slice(1) }), "clearing.fills");
  assert.equal(codeOf({ ...right, fills: [...right.fills].reverse() }), "clearing.fills");
  assert.equal(codeOf(certified({ lo: microPerKwh(450_000) })), "clearing.interval");
  assert.equal(codeOf(certified({ hi: undefined })), "clearing.interval");
  assert.equal(codeOf(certified({ cleared: wh(91) })), "clearing.balance");
  assert.equal(codeOf(certified({ welfare: micro(0) })), "clearing.welfare");
  assert.equal(codeOf(certified({ rationed: undefined })), "clearing.ties");
});

test("the price is the point of the interval nearest to the certified reference", () => {
  const two = [quote("a", "ask", 10, 300_000), quote("b", "bid", 10, 600_001)];
  const clearing = clear(two, microPerKwh(550_000));
  assert.equal(codeOf(clearing, two), "ok");
  const moved = { ...clearing.certificate, reference: microPerKwh(550_001) };
  assert.equal(codeOf({ ...clearing, certificate: moved }, two), "clearing.price");
  const none = { ...clearing.certificate, reference: undefined };
  assert.equal(codeOf({ ...clearing, certificate: none }, two), "clearing.price");
  const midpoint = { ...clearing, price: microPerKwh(450_000), certificate: none };
  assert.equal(codeOf(midpoint, two), "ok");
});

test("more than a quote offers, energy from nowhere, and worse allocations are refused", () => {
  assert.equal(codeOf(withFills({ b2: { accepted: 31 } })), "clearing.fills");
  assert.equal(codeOf(withFills({ b2: { accepted: 29 } })), "clearing.balance");
  // b3 in the place of a part of b2: the same volume, worth less
  assert.match(
    codeOf(withFills({ b2: { accepted: 20 }, b3: { accepted: 10 } })),
    /interval|optimal/,
  );
  assert.match(
    codeOf(withFills({ a1: { accepted: 32 }, a3: { accepted: 25 } })),
    /interval|optimal/,
  );
});

test("a bid and an ask at one limit that were both left with energy are refused", () => {
  const two = [quote("a", "ask", 10, 500_000), quote("b", "bid", 10, 500_000)];
  const full = clear(two);
  const [cleared, volume, welfare] = [wh(0), wh(0), micro(0)];
  const fills = full.fills.map((fill) => ({ ...fill, accepted: wh(0) }));
  const certificate = { ...full.certificate, cleared, welfare };
  assert.equal(codeOf(full, two), "ok");
  assert.equal(
    codeOf({ fills, price: undefined, volume, certificate }, two),
    "clearing.not-optimal",
  );
});

test("a dearer ask in the place of a cheaper one is refused, even with its true interval", () => {
  const three = [
    quote("a", "ask", 10, 300_000),
    quote("b", "ask", 10, 500_000),
    quote("c", "bid", 10, 600_000),
  ];
  const full = clear(three);
  const fills = full.fills.map((fill, i) => ({ ...fill, accepted: wh(i === 0 ? 0 : 10) }));
  const crossed = { lo: microPerKwh(500_000), hi: microPerKwh(300_000) };
  const certificate = { ...full.certificate, ...crossed, welfare: micro(1000) };
  assert.equal(codeOf({ ...full, fills, certificate }, three), "clearing.not-optimal");
});

test("one of two equal asks served whole and the other not at all is refused", () => {
  const three = [
    quote("a", "ask", 10, 500_000),
    quote("b", "ask", 10, 500_000),
    quote("c", "bid", 10, 600_000),
  ];
  const full = clear(three);
  const fills = full.fills.map((fill, i) => ({ ...fill, accepted: wh(i === 0 ? 0 : 10) }));
  const certificate = { ...full.certificate, rationed: undefined };
  assert.equal(codeOf({ ...full, fills, certificate }, three), "clearing.ties");
});

test("an equal quote that gets more than its share is refused", () => {
  assert.equal(codeOf(withFills({ a2: { accepted: 34 }, a3: { accepted: 16 } })), "clearing.ties");
  assert.equal(codeOf(withFills({ a2: { accepted: 50 }, a3: { accepted: 0 } })), "clearing.ties");
  assert.equal(codeOf(withFills({ a2: { accepted: 25 }, a3: { accepted: 25 } })), "clearing.ties");
});

test("a lower rank that is served before a higher one at the same limit is refused", () => {
  const ranks = (a: number, b: number, wanted: number) => [
    { ...quote("a", "ask", 10, 500_000), rank: a },
    { ...quote("b", "ask", 10, 500_000), rank: b },
    quote("c", "bid", wanted, 600_000),
  ];
  for (const wanted of [10, 5, 15]) {
    const first = ranks(900, 1000, wanted);
    const right = clear(first);
    assert.equal(codeOf(right, first), "ok");
    assert.deepEqual(
      right.fills.map(({ accepted }) => accepted),
      [Math.max(0, wanted - 10), Math.min(10, wanted), wanted],
    );
    assert.equal(codeOf(right, ranks(1000, 900, wanted)), "clearing.ties");
  }
});

test("a party on both sides is refused, and so is netting somebody against another", () => {
  const merged = quotes.map((entry) =>
    entry.id === "a1" || entry.id === "b1" ? { ...entry, party: "both" } : entry,
  );
  assert.equal(codeOf(right, merged), "clearing.self-match");
  assert.equal(codeOf(clear(merged, microPerKwh(550_000)), merged), "ok");
  const netted = withFills({
    a1: { accepted: 0, netted: 40 },
    b1: { accepted: 20, netted: 40 },
  });
  assert.equal(codeOf({ ...netted, volume: wh(50) }), "clearing.self-match");
  assert.equal(codeOf({ ...netted, volume: wh(50) }, merged), "ok");
});

test("netting that is one Wh off for two parties, one each way, is refused", () => {
  const crossed = ["x", "y"].flatMap((party) => [
    { ...quote(`${party}-ask`, "ask", 5, 1), party },
    { ...quote(`${party}-bid`, "bid", 5, 9), party },
  ]);
  const clearing = clear(crossed);
  assert.equal(codeOf(clearing, crossed), "ok");
  const off = new Map([
    ["x-ask", 4],
    ["y-bid", 4],
  ]);
  const fills = clearing.fills.map((fill) => {
    const netted = off.get(fill.id) ?? fill.netted;
    return { ...fill, accepted: wh(5 - netted), netted: wh(netted) };
  });
  const { lo = microPerKwh(0), hi = microPerKwh(0) } = clearing.certificate;
  const price = microPerKwh((lo + hi) / 2);
  assert.equal(
    codeOf({ ...clearing, fills, price, volume: wh(1) }, crossed),
    "clearing.self-match",
  );
});

test("no clearing with a unit moved between two quotes is verified", () => {
  const book = fc.array(
    fc.record({
      side: fc.constantFrom("ask" as const, "bid" as const),
      quantity: fc.integer({ min: 1, max: 9 }),
      limit: fc.nat(5),
      time: fc.nat(2),
    }),
    { minLength: 2, maxLength: 12 },
  );
  fc.assert(
    fc.property(book, fc.nat(11), fc.nat(11), (list, one, two) => {
      const all = list.map(({ side, quantity, limit, time }, i) => ({
        ...quote(`q${i}`, side, quantity, limit),
        time: utcMs(time),
      }));
      const clearing = clear(all);
      const [from, to] = [clearing.fills[one], clearing.fills[two]];
      fc.pre(one !== two && from !== undefined && to !== undefined);
      fc.pre(from.accepted > 0 && all[one]?.side === all[two]?.side);
      const by = new Map([
        [from.id, -1],
        [to.id, 1],
      ]);
      const fills = clearing.fills.map((fill) => ({
        ...fill,
        accepted: wh(fill.accepted + (by.get(fill.id) ?? 0)),
      }));
      assert.notEqual(codeOf({ ...clearing, fills }, all), "ok");
    }),
    { numRuns: 500 },
  );
});
