import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { layOut } from "./grid.ts";
import { clearOnGrid } from "./grid-clearing.ts";
import { pairOnGrid } from "./grid-pairing.ts";
import { bookOf, grid, placedWish } from "./test-books.ts";

const busy = fc.array(placedWish, { maxLength: 24, size: "max" });

test("orders carry over each line what the clearing sends over it, in one direction, and no more", () => {
  fc.assert(
    fc.property(busy, grid, (list, segments) => {
      const quotes = bookOf(list);
      const { fills, places } = clearOnGrid(quotes, segments);
      const accepted = quotes.map((quote, i) => ({
        ...quote,
        accepted: fills[i]?.accepted ?? wh(0),
      }));
      const matches = pairOnGrid(
        accepted.filter((quote) => quote.accepted > 0),
        segments,
      );
      const { places: layout, placeOf } = layOut(segments);
      const place = new Map(quotes.map(({ id, feeder }) => [id, placeOf(feeder)]));
      const left = new Map(accepted.map((quote) => [quote.id, quote.accepted as number]));
      const [up, down] = [layout.map(() => 0), layout.map(() => 0)];
      for (const { ask, bid, quantity } of matches) {
        for (const id of [ask, bid]) left.set(id, (left.get(id) ?? 0) - quantity);
        const [above, below] = [wayUp(place.get(ask) ?? 0), wayUp(place.get(bid) ?? 0)];
        for (const i of above) if (!below.includes(i)) up[i] = (up[i] ?? 0) + quantity;
        for (const i of below) if (!above.includes(i)) down[i] = (down[i] ?? 0) + quantity;
      }
      function wayUp(from: number): number[] {
        const way: number[] = [];
        for (let at = from; at > 0; at = layout[at]?.parent ?? 0) way.push(at);
        return way;
      }
      assert.ok([...left.values()].every((energy) => energy === 0));
      places.forEach(({ exportWh }, i) => {
        assert.deepEqual([up[i], down[i]], [Math.max(0, exportWh), Math.max(0, -exportWh)]);
      });
    }),
    { numRuns: 300 },
  );
});

test("of one feeder's sellers the one that fits goes to the neighbour, the other over the line", () => {
  const list = [
    { side: "ask", quantity: 10, limit: 100, feeder: "north" },
    { side: "ask", quantity: 10, limit: 100, feeder: "north" },
    { side: "bid", quantity: 10, limit: 500, feeder: "north" },
    { side: "bid", quantity: 10, limit: 500 },
  ] as const;
  const quotes = bookOf(list).map((quote, i) => ({
    ...quote,
    accepted: quote.quantity,
    form: i === 1 || i === 2 ? ("solar" as const) : ("wind" as const),
  }));
  const segments = [{ feeder: "north", fee: microPerKwh(10_000) }];
  assert.deepEqual(pairOnGrid(quotes, segments), [
    { ask: "q1", bid: "q2", quantity: 10 },
    { ask: "q0", bid: "q3", quantity: 10 },
  ]);
});

test("a party on both sides, and sides of two totals, are refused", () => {
  const quotes = bookOf([
    { side: "ask", quantity: 1, limit: 1, party: "a" },
    { side: "bid", quantity: 1, limit: 1, party: "a" },
  ]).map((quote) => ({ ...quote, accepted: quote.quantity }));
  assert.throws(() => pairOnGrid(quotes, []), /a is on both sides/);
  assert.throws(
    () => pairOnGrid(quotes.slice(1), []),
    /as much accepted of asks as of bids, got 0/,
  );
});
