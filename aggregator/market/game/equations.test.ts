import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import type { Prices, Quantities } from "./channels.ts";
import * as eq from "./equations.ts";
import { priceWorth, worthAt } from "./worth.ts";

const quantity = fc.oneof(fc.constant(0), fc.nat(1_000_000_000)).map(wh);
// From 10 currency/kWh on, a subsidy of 50 ‰ passes half the price, and no rules allow such a band.
const price = fc.integer({ min: -10_000_000, max: 10_000_000 }).map(microPerKwh);
const perChannel = <T>(value: fc.Arbitrary<T>) =>
  fc.record({ cg: value, cu: value, gc: value, gu: value });

const noon: eq.Trades = {
  quantities: { cg: wh(0), cu: wh(409_000), gc: wh(0), gu: wh(324_000) },
  prices: { cg: undefined, cu: microPerKwh(555_435), gc: undefined, gu: microPerKwh(687_799) },
  subsidyPermille: 50,
};

test("what the company and the bureau keep is what the users pay, to the last millionth", () => {
  fc.assert(
    fc.property(
      perChannel(quantity),
      perChannel(price),
      fc.nat(200),
      (quantities, prices, subsidyPermille) => {
        const t = { quantities, prices, subsidyPermille };
        const company = eq.companySales(t) - eq.companyPurchases(t) + eq.companySubsidy(t);
        const bureau = eq.bureauSales(t) - eq.bureauPurchases(t) - eq.bureauSubsidies(t);
        const users = eq.usersCost(t) - eq.usersSubsidy(t);
        assert.equal(company + bureau - users, 0);
        const net = eq.netIncomes(t);
        assert.deepEqual(net, { company, bureau, user: users === 0 ? 0 : -users });
      },
    ),
    { numRuns: 1000 },
  );
});

test("the paper's published noon prices give its equations by hand", () => {
  assert.equal(eq.companySales(noon), 222_846_876, "324 kWh at 0.687799");
  assert.equal(eq.bureauSales(noon), 227_172_915, "409 kWh at 0.555435");
  assert.equal(eq.usersCost(noon), 450_019_791);
  assert.equal(eq.usersSubsidy(noon), 6_308_989, "0.05 · 409 · 0.555435² = 6.3088993…");
  assert.equal(eq.companySubsidy(noon), 0);
  assert.equal(eq.bureauSubsidies(noon), 6_308_989);
});

test("a subsidy is exact before its one rounding, however large", () => {
  assert.equal(eq.subsidy(wh(1000), microPerKwh(1_000_000), 50), 50_000, "0.05 · 1 kWh · 1²");
  assert.equal(eq.subsidy(wh(1), microPerKwh(100_000), 50), 0, "half a millionth goes to even");
  assert.equal(eq.subsidy(wh(3), microPerKwh(100_000), 50), 2, "one and a half goes to even");
  const large = eq.subsidy(wh(1_000_000_001), microPerKwh(99_999_999), 50);
  const exact = (1_000_000_001n * 99_999_999n ** 2n * 50n) / 1_000_000_000_000n;
  assert.ok(large - Number(exact) === 0 || large - Number(exact) === 1);
});

test("below a price of 0 nobody gets a subsidy on top, and worth and price are one", () => {
  fc.assert(
    fc.property(quantity, fc.integer({ min: -1_000_000_000, max: 0 }), (energy, at) => {
      assert.equal(eq.subsidy(energy, microPerKwh(at), 50), 0);
      assert.equal(worthAt(at / 1e6, 0.05), at / 1e6);
      assert.equal(priceWorth(at / 1e6, 0.05), at / 1e6);
    }),
  );
  assert.ok(worthAt(1e-6, 0.05) > worthAt(0, 0.05), "it rises through 0");
  assert.ok(worthAt(0, 0.05) > worthAt(-1e-6, 0.05));
});

test("energy without a price is refused, a price without energy is ignored", () => {
  const prices: Prices = { ...noon.prices, cu: undefined };
  assert.throws(() => eq.usersCost({ ...noon, prices }), /channel cu carries energy/);
  const quantities: Quantities = { ...noon.quantities, cu: wh(0) };
  assert.equal(eq.bureauSales({ ...noon, quantities }), 0);
});

test("the solvers' net incomes are the integer ones up to rounding", () => {
  fc.assert(
    fc.property(perChannel(quantity), perChannel(price), (quantities, prices) => {
      const exact = eq.netIncomes({ quantities, prices, subsidyPermille: 50 });
      const scaled = (values: Record<string, number>, by: number) => {
        const { cg = 0, cu = 0, gc = 0, gu = 0 } = values;
        return { cg: cg / by, cu: cu / by, gc: gc / by, gu: gu / by };
      };
      const net = eq.netIncomesFloat(scaled(quantities, 1000), scaled(prices, 1e6), 0.05);
      for (const role of ["company", "bureau", "user"] as const) {
        assert.ok(Math.abs(net[role] - exact[role] / 1e6) < 1e-5 + 1e-12 * Math.abs(net[role]));
      }
    }),
  );
});
