import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { subsidy } from "../game/equations.ts";
import { type Rest, residualSales } from "./residual.ts";

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
  }),
);

test("every rest finds the bureau, within the tariff, and the bureau never trades with itself", () => {
  fc.assert(
    fc.property(rests, prices, (list, at) => {
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

test("no round trip through the bureau earns, the buyer's subsidy included", () => {
  const permille = fc.integer({ min: 0, max: 400 });
  fc.assert(
    fc.property(rests, prices, permille, (list, at, subsidyPermille) => {
      // A genesis that pays more subsidy than lies between feed-in and retail is refused.
      const left = tariff.retail - subsidy(wh(1000), tariff.retail, subsidyPermille);
      fc.pre(left >= tariff.feedIn);
      const options = { bureau: "c", prices: at, tariff: { ...tariff, subsidyPermille } };
      const sales = residualSales(list, options);
      const bought = sales.filter(({ buyer }) => buyer === "c").map((sale) => sale.price);
      const paid = sales
        .filter(({ seller }) => seller === "c")
        .map(({ price }) => price - subsidy(wh(1000), price, subsidyPermille));
      if (bought.length > 0 && paid.length > 0) {
        assert.ok(Math.max(...bought) <= Math.min(...paid) + 1, "to one millionth, by rounding");
      }
    }),
  );
});

test("each channel has its own reference price, and the tariff stands in for a missing one", () => {
  const rest = (role: "company" | "user", side: "ask" | "bid"): Rest => ({
    id: `${role}-${side}`,
    party: role,
    role,
    side,
    quantity: wh(1000),
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
