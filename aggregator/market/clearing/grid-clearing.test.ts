import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { clear } from "./clearing.ts";
import { type Grid, layOut } from "./grid.ts";
import { verifyGridClearing } from "./grid-certificate.ts";
import { clearOnGrid } from "./grid-clearing.ts";
import type { GridClearing, Quote } from "./quotes.ts";
import { bookOf, grid, placedWish, type Wish } from "./test-books.ts";
import { maximize } from "./test-lp.ts";

const reference = fc.option(fc.integer({ min: -5, max: 9 }), { nil: undefined });
const priced = (at: number | undefined) => (at === undefined ? undefined : microPerKwh(at * 1000));

/** The largest welfare in 10⁻⁶, by a linear program of quotes and of both directions of each line. */
function best(quotes: readonly Quote[], segments: Grid): number {
  const { places, placeOf } = layOut(segments);
  const lines = places.slice(1);
  const count = quotes.length + 2 * lines.length;
  const row = () => new Array<number>(count).fill(0);
  const objective = row();
  const balances = places.map(row);
  const rows: { row: number[]; most: number }[] = [];
  const add = (column: number, most: number | undefined) => {
    const limit = row();
    limit[column] = 1;
    if (most !== undefined) rows.push({ row: limit, most });
  };
  quotes.forEach((quote, i) => {
    const sign = quote.side === "ask" ? 1 : -1;
    objective[i] = (-sign * quote.limit) / 1000;
    const balance = balances[placeOf(quote.feeder)];
    if (balance !== undefined) balance[i] = sign;
    add(i, quote.quantity);
  });
  lines.forEach(({ parent, fee, up, down }, i) => {
    for (const [j, sign] of [1, -1].entries()) {
      const column = quotes.length + 2 * i + j;
      objective[column] = -fee / 1000;
      const [child, above] = [balances[i + 1], balances[parent]];
      if (child !== undefined) child[column] = -sign;
      if (above !== undefined) above[column] = sign;
      const room = sign > 0 ? up : down;
      add(column, Number.isFinite(room) ? room : undefined);
    }
  });
  // What a feeder has and what it gives are equal: neither is more.
  for (const balance of balances) {
    rows.push({ row: balance, most: 0 }, { row: balance.map((x) => -x), most: 0 });
  }
  return Math.round(maximize({ objective, rows }).value);
}

test("no clearing over a grid is worth more: the welfare is that of a linear program", () => {
  fc.assert(
    fc.property(fc.array(placedWish, { maxLength: 9 }), grid, reference, (list, segments, at) => {
      const quotes = bookOf(list);
      assert.equal(clearOnGrid(quotes, segments, priced(at)).welfare, best(quotes, segments));
    }),
    { numRuns: 300 },
  );
});

const busy = fc.array(placedWish, { maxLength: 24, size: "max" });

test("every clearing over a grid passes its own certificate", () => {
  fc.assert(
    fc.property(busy, grid, reference, (list, segments, at) => {
      const quotes = bookOf(list);
      const clearing = clearOnGrid(quotes, segments, priced(at));
      assert.deepEqual(verifyGridClearing(quotes, segments, clearing), { ok: true });
      // Also where better names go first.
      const ranked = bookOf(list.map((one, i) => ({ ...one, rank: (i * 7) % 3 })));
      const byRank = clearOnGrid(ranked, segments, priced(at));
      assert.deepEqual(verifyGridClearing(ranked, segments, byRank), { ok: true });
      assert.deepEqual([byRank.welfare, byRank.fees], [clearing.welfare, clearing.fees]);
    }),
    { numRuns: 500 },
  );
});

test("without segments it is the clearing of one book, parties on both sides included", () => {
  const party = fc.constantFrom("a", "b", "c");
  const owned = fc.tuple(placedWish, party).map(([terms, own]) => ({ ...terms, party: own }));
  fc.assert(
    fc.property(fc.array(owned, { maxLength: 20 }), reference, (list, at) => {
      const quotes = bookOf(list);
      const [one, other] = [clear(quotes, priced(at)), clearOnGrid(quotes, [], priced(at))];
      assert.deepEqual(other.fills, one.fills);
      assert.deepEqual(other.places, [{ feeder: undefined, price: one.price, exportWh: 0 }]);
      assert.deepEqual(
        [other.volume, other.welfare, other.fees],
        [one.volume, one.certificate.welfare, 0],
      );
    }),
    { numRuns: 300 },
  );
});

test("nobody trades beyond a limit, and buyers pay what sellers and lines get, no less", () => {
  fc.assert(
    fc.property(busy, grid, reference, (list, segments, at) => {
      const quotes = bookOf(list);
      const { fills, places, fees } = clearOnGrid(quotes, segments, priced(at));
      const { placeOf } = layOut(segments);
      let paid = 0;
      for (const [i, { side, limit, feeder }] of quotes.entries()) {
        const accepted = fills[i]?.accepted ?? 0;
        if (accepted === 0) continue;
        const price = places[placeOf(feeder)]?.price;
        assert.ok(price !== undefined);
        assert.ok(side === "ask" ? price >= limit : price <= limit);
        paid += (side === "bid" ? price : -price) * accepted;
      }
      assert.ok(paid / 1000 >= fees, `${paid / 1000} is left for the lines, they are owed ${fees}`);
    }),
    { numRuns: 300 },
  );
});

test("the order of quotes and of segments changes nothing", () => {
  const turned = fc.tuple(busy, grid).chain(([list, segments]) => {
    const quotes = bookOf(list);
    const all = (length: number) => ({ minLength: length, maxLength: length });
    return fc.tuple(
      fc.constant({ quotes, segments }),
      fc.shuffledSubarray(quotes, all(quotes.length)),
      fc.shuffledSubarray([...segments], all(segments.length)),
    );
  });
  const byId = ({ fills, ...rest }: GridClearing) => ({
    ...rest,
    fills: [...fills].sort((a, b) => (a.id < b.id ? -1 : 1)),
  });
  fc.assert(
    fc.property(turned, ([one, quotes, segments]) => {
      assert.deepEqual(
        byId(clearOnGrid(quotes, segments)),
        byId(clearOnGrid(one.quotes, one.segments)),
      );
    }),
    { numRuns: 200 },
  );
});

const ask = (limit: number, quantity: number, feeder?: string): Wish => ({
  side: "ask",
  limit,
  quantity,
  feeder,
});
const bid = (limit: number, quantity: number, feeder?: string): Wish => ({
  ...ask(limit, quantity, feeder),
  side: "bid",
});
const line = (feeder: string, fee: number, capacity?: number, parent?: string) => ({
  feeder,
  fee: microPerKwh(fee * 1000),
  ...(capacity === undefined ? {} : { capacity: wh(capacity) }),
  ...(parent === undefined ? {} : { parent }),
});
const pricesOf = ({ places }: GridClearing) =>
  places.map(({ price }) => (price === undefined ? undefined : price / 1000));

test("a bid trades with an ask on another feeder if it pays the ask and both segments' fees", () => {
  const segments = [line("north", 20), line("south", 30)];
  const at = (limit: number) =>
    clearOnGrid(bookOf([ask(400, 10, "north"), bid(limit, 10, "south")]), segments, priced(420));
  assert.equal(at(449).volume, 0);
  assert.equal(at(450).volume, 10);
  const { places, welfare, fees } = at(500);
  assert.deepEqual(places, [
    { feeder: undefined, price: undefined, exportWh: 0 },
    { feeder: "north", price: 420_000, exportWh: 10 },
    { feeder: "south", price: 470_000, exportWh: -10 },
  ]);
  assert.deepEqual([welfare, fees], [500, 500], "0.1 − 0.05 a kWh, for 10 Wh");
});

test("a full line lets the price beyond it rise, and the difference stays with the line", () => {
  const quotes = bookOf([ask(100, 50, "north"), ask(400, 50), bid(600, 30)]);
  const open = clearOnGrid(quotes, [line("north", 10)], priced(100));
  assert.deepEqual([open.volume, pricesOf(open)], [30, [110, 100]]);
  const full = clearOnGrid(quotes, [line("north", 10, 20)], priced(100));
  assert.deepEqual(
    full.fills.map(({ accepted }) => accepted),
    [20, 10, 30],
  );
  assert.deepEqual(pricesOf(full), [400, 100]);
  assert.equal(full.welfare, 30 * 600 - 20 * 110 - 10 * 400);
});

test("neighbours trade with each other before the line costs anything", () => {
  const segments = [line("north", 40), line("west", 10, undefined, "north")];
  const quotes = bookOf([ask(200, 10), ask(230, 10, "west"), bid(300, 10, "west")]);
  const { fills } = clearOnGrid(quotes, segments, priced(0));
  assert.deepEqual(
    fills.map(({ accepted }) => accepted),
    [0, 10, 10],
  );
});

test("equal asks behind two equal lines share, and so do those on one feeder", () => {
  const segments = [line("east", 10), line("north", 10)];
  const quotes = bookOf(
    [ask(200, 30, "east"), ask(200, 10, "north"), ask(200, 20, "north")].concat(bid(500, 20)),
  );
  const { fills } = clearOnGrid(quotes, segments);
  assert.deepEqual(
    fills.map(({ accepted }) => accepted),
    [10, 3, 7, 20],
  );
});

test("of one Wh that two wish for alike, the feeder's own quotes go first, then feeders in order", () => {
  const accepted = (quotes: Quote[], segments: Grid) =>
    clearOnGrid(quotes, segments).fills.map((fill) => fill.accepted);
  const free = [line("east", 0), line("north", 0)];
  const bids = bookOf([bid(300, 1, "north"), bid(300, 1, "east"), bid(300, 1), ask(100, 1)]);
  assert.deepEqual(accepted(bids, free), [0, 0, 1, 1]);
  assert.deepEqual(accepted(bids.toSpliced(2, 1), free), [0, 1, 1]);
  const asks = bookOf([ask(100, 1, "north"), ask(100, 1, "east"), ask(100, 1), bid(300, 1)]);
  assert.deepEqual(accepted(asks, free), [0, 0, 1, 1]);
  // In the order of feeders, not of their numbers as text.
  const names = Array.from({ length: 12 }, (_, i) => `f${String(i).padStart(2, "0")}`);
  const many = bookOf([...names.map((name) => bid(300, 1, name)), ask(100, 3)]);
  assert.deepEqual(
    accepted(
      many,
      names.map((name) => line(name, 0)),
    ),
    [...names.map((_, i) => (i < 3 ? 1 : 0)), 3],
  );
});

test("a changed fill, flow, price or sum is refused with its reason", () => {
  const segments = [line("north", 10, 20), line("south", 5)];
  const quotes = bookOf([
    ask(100, 50, "north"),
    ask(100, 25, "north"),
    ask(400, 50),
    bid(600, 30, "south"),
    bid(405, 5, "south"),
  ]);
  const right = clearOnGrid(quotes, segments, priced(100));
  const codeOf = (change: Partial<GridClearing>, of = segments) => {
    const verdict = verifyGridClearing(quotes, of, { ...right, ...change });
    return verdict.ok ? "ok" : verdict.code;
  };
  const filled = (...accepted: number[]) => ({
    fills: right.fills.map((fill, i) => ({ ...fill, accepted: wh(accepted[i] ?? 0) })),
  });
  const flows = (...exports: number[]) => ({
    places: right.places.map((place, i) => ({ ...place, exportWh: exports[i] ?? 0 })),
  });
  assert.equal(codeOf({}), "ok");
  assert.deepEqual(
    right.fills.map(({ accepted }) => accepted),
    [13, 7, 15, 30, 5],
  );
  assert.equal(codeOf({ fills: right.fills.slice(1) }), "clearing.fills");
  assert.equal(codeOf({ places: right.places.slice(1) }), "clearing.places");
  assert.equal(codeOf(filled(13, 7, 14, 30, 4)), "clearing.balance");
  assert.equal(codeOf({ volume: wh(34) }), "clearing.balance");
  assert.equal(codeOf(flows(0, 20, -34)), "clearing.balance");
  assert.equal(codeOf({ ...filled(14, 7, 14, 30, 5), ...flows(0, 21, -35) }), "clearing.capacity");
  assert.equal(
    codeOf({ ...filled(12, 7, 16, 30, 5), ...flows(0, 19, -35) }),
    "clearing.not-optimal",
  );
  assert.equal(
    codeOf({ ...filled(13, 7, 10, 30, 0), ...flows(0, 20, -30), volume: wh(30) }),
    "clearing.not-optimal",
    "it is worth as much, but more could be traded",
  );
  const dearer = right.places.map((place) => ({ ...place, price: microPerKwh(1) }));
  assert.equal(codeOf({ places: dearer }), "clearing.price");
  assert.equal(codeOf({ welfare: 0 }), "clearing.welfare");
  assert.equal(codeOf({ fees: 0 }), "clearing.welfare");
  assert.equal(codeOf(filled(14, 6, 15, 30, 5)), "clearing.ties");
  assert.equal(codeOf({}, [line("north", 10, 20), line("south", 6)]), "clearing.not-optimal");
});

test("the price is the one that the certified reference asks for", () => {
  const segments = [line("north", 10)];
  const quotes = bookOf([ask(100, 5, "north"), bid(600, 5)]);
  const clearing = clearOnGrid(quotes, segments, priced(300));
  assert.deepEqual(pricesOf(clearing), [310, 300]);
  for (const other of [299, 301, undefined]) {
    const verdict = verifyGridClearing(quotes, segments, { ...clearing, reference: priced(other) });
    assert.equal(verdict.ok || verdict.code, "clearing.price");
  }
});

test("a party trades at one feeder", () => {
  const quotes = bookOf([
    { ...ask(1, 1, "north"), party: "a" },
    { ...bid(9, 1), party: "a" },
  ]);
  assert.throws(
    () => clearOnGrid(quotes, [line("north", 0)]),
    /q1: expected all quotes of a at one feeder, got the busbar/,
  );
});

test("grids that are no tree are refused", () => {
  assert.throws(() => layOut([line("a", 1), line("a", 2)]), /a stands in two segments/);
  assert.throws(() => layOut([line("a", 1, 1, "b")]), /its parent b stands in no segment/);
  assert.throws(
    () => layOut([line("a", 1, 1, "b"), line("b", 1, 1, "a")]),
    /feeder . hangs on itself/,
  );
  assert.throws(() => layOut([line("a", -1)]), /fee of a: expected an integer ≥ 0/);
  const halved = { ...line("a", 1), capacity: 0.5 as ReturnType<typeof wh> };
  assert.throws(() => layOut([halved]), /capacity of a: expected an integer ≥ 0 in Wh, got 0.5/);
});
