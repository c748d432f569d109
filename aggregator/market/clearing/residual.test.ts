import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { subsidy } from "../game/equations.ts";
import { grossOf, type Rest, residualSales } from "./residual.ts";

const tariff = {
  feedIn: microPerKwh(400_000),
  retail: microPerKwh(700_000),
  subsidyPermille: 50,
};
const price = fc.option(fc.integer({ min: 0, max: 1_000_000 }).map(microPerKwh), {
  nil: undefined,
});
const prices = fc.record({ cg: price, cu: price, gc: price, gu: price });
const rests: fc.Arbitrary<Rest[]> = fc.array(
  fc.record({
    id: fc.uuid(),
    party: fc.constantFrom("g", "u1", "u2", "c"),
    role: fc.constantFrom("company", "user"),
    side: fc.constantFrom("ask", "bid"),
    quantity: fc.nat(1_000_000).map(wh),
    limit: fc.integer({ min: -1_000_000, max: 1_000_000 }).map(microPerKwh),
  }),
);
/** Where energy is worth something to everybody, whoever is left over is served. */
const needs = rests.map((list) =>
  list.map((rest) => ({ ...rest, limit: microPerKwh(Math.abs(rest.limit)) })),
);

test("every rest finds the bureau, within the tariff, and the bureau never trades with itself", () => {
  fc.assert(
    fc.property(needs, prices, (list, at) => {
      const sales = residualSales(list, { bureau: "c", prices: at, tariff });
      const due = list.filter(({ quantity, party }) => quantity > 0 && party !== "c");
      assert.deepEqual(
        sales.map(({ quote, quantity }) => [quote, quantity]),
        due.map(({ id, quantity }) => [id, quantity]),
      );
      for (const sale of sales) {
        assert.notEqual(sale.seller, sale.buyer);
        assert.ok(sale.price >= tariff.feedIn && sale.price <= tariff.retail);
      }
    }),
  );
});

/** A tariff that a genesis may have: with more subsidy than lies between its ends it is refused. */
const tariffs = fc
  .record({
    feedIn: fc.integer({ min: -1_000_000, max: 800_000 }).map(microPerKwh),
    retail: fc.integer({ min: -1_000_000, max: 1_200_000 }).map(microPerKwh),
    subsidyPermille: fc.nat(400),
  })
  .filter(({ feedIn, retail, subsidyPermille }) => {
    return (
      retail - subsidy(wh(1000), retail, subsidyPermille) >= feedIn &&
      retail * subsidyPermille < 500_000_000
    );
  });

test("no round trip through the bureau earns, the buyer's subsidy included, on either side of 0", () => {
  const at = fc.option(fc.integer({ min: -1_500_000, max: 1_500_000 }).map(microPerKwh), {
    nil: undefined,
  });
  fc.assert(
    fc.property(rests, fc.record({ cg: at, cu: at, gc: at, gu: at }), tariffs, (list, of, own) => {
      const sales = residualSales(list, { bureau: "c", prices: of, tariff: own });
      for (const { price: each } of sales) assert.ok(each >= own.feedIn && each <= own.retail);
      const bought = sales.filter(({ buyer }) => buyer === "c").map((sale) => sale.price);
      const paid = sales
        .filter(({ seller }) => seller === "c")
        .map(({ price: each }) => each - subsidy(wh(1000), each, own.subsidyPermille));
      if (bought.length > 0 && paid.length > 0) {
        assert.ok(Math.max(...bought) <= Math.min(...paid) + 1, "to one millionth, by rounding");
      }
    }),
    { numRuns: 1000 },
  );
});

test("below 0 the bureau serves whom its price suits: no ask that wants more, no bid that wants less", () => {
  const rest = (side: "ask" | "bid", limit: number): Rest => ({
    id: `${side} at ${limit}`,
    party: side,
    role: "user",
    side,
    quantity: wh(1000),
    limit: microPerKwh(limit),
  });
  const none = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  const served = (feedIn: number, cu: number | undefined, ...list: Rest[]) =>
    residualSales(list, {
      bureau: "c",
      prices: { ...none, cu: cu === undefined ? undefined : microPerKwh(cu) },
      tariff: { ...tariff, feedIn: microPerKwh(feedIn) },
    }).map(({ quote, price: each }) => [quote, each]);
  const asks = [rest("ask", -60_000), rest("ask", -50_000), rest("ask", -49_999), rest("ask", 0)];
  assert.deepEqual(served(-50_000, undefined, ...asks), [
    ["ask at -60000", -50_000],
    ["ask at -50000", -50_000],
  ]);
  assert.deepEqual(served(0, undefined, rest("ask", 90_000)), [["ask at 90000", 0]]);
  const bids = [rest("bid", -40_000), rest("bid", -39_999), rest("bid", 0), rest("bid", 900_000)];
  const paid = (cu: number | undefined) => served(-50_000, cu, ...bids).map(([quote]) => quote);
  assert.deepEqual(
    paid(-39_999),
    bids.slice(1).map(({ id }) => id),
  );
  assert.deepEqual(paid(undefined), ["bid at 0", "bid at 900000"], "at retail");
});

test("the price that leaves so much after its subsidy is the least that does", () => {
  const net = fc.integer({ min: -2_000_000, max: 2_000_000 }).map(microPerKwh);
  const permille = fc.nat(500);
  fc.assert(
    fc.property(net, permille, (value, subsidyPermille) => {
      // κ p² in thousandths of millionths, exact; below 0 there is none.
      const leaves = (p: number) => {
        const square = p > 0 ? BigInt(p) * BigInt(p) * BigInt(subsidyPermille) : 0n;
        return BigInt(p) * 1_000_000_000n - square >= BigInt(value) * 1_000_000_000n;
      };
      const retail = microPerKwh(Math.floor(499_000_000 / Math.max(subsidyPermille, 100)));
      const found = grossOf(value, { retail, subsidyPermille });
      if (found === undefined) return assert.ok(!leaves(retail));
      assert.ok(found <= retail && leaves(found), `${found} leaves less than ${value}`);
      assert.ok(!leaves(found - 1), `${found - 1} would do, too`);
    }),
    { numRuns: 1000 },
  );
});

test("each channel has its own reference price, and the tariff stands in for a missing one", () => {
  const rest = (role: "company" | "user", side: "ask" | "bid"): Rest => ({
    id: `${role}-${side}`,
    party: role,
    role,
    side,
    quantity: wh(1000),
    limit: microPerKwh(500_000),
  });
  const list = [rest("user", "bid"), rest("company", "bid"), rest("company", "ask")];
  const at = {
    cg: microPerKwh(450_000),
    cu: microPerKwh(556_800),
    gc: undefined,
    gu: microPerKwh(688_500),
  };
  const options = { bureau: "c", prices: at, tariff };
  assert.deepEqual(
    residualSales(list, options).map((sale) => sale.price),
    [556_800, 450_000, 400_000],
  );
  const none = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  assert.deepEqual(
    residualSales(list, { ...options, prices: none }).map((sale) => sale.price),
    [700_000, 700_000, 400_000],
  );
});
