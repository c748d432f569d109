import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import { bargain } from "./bargaining.ts";
import type { Channel, PriceRules, Quantities } from "./channels.ts";
import { netIncomesFloat } from "./equations.ts";
import { bureauObjective, companyObjective, usersObjective } from "./objectives.ts";
import { printedPrices, printedRatios } from "./printed.ts";
import { worthAt } from "./worth.ts";

/** The numbers of EQUATIONS.md. */

const price = microPerKwh;
const rules: PriceRules = {
  bands: { company: [price(500_000), price(700_000)], bureau: [price(400_000), price(600_000)] },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};
const noon: Quantities = { cg: wh(0), cu: wh(409_000), gc: wh(0), gu: wh(324_000) };
const kwh = { cg: 0, cu: 409, gc: 0, gu: 324 };
const published = { cg: 0.420585, cu: 0.555435, gc: 0.595725, gu: 0.687799 };

type Pair = { readonly cu?: number | undefined; readonly gu?: number | undefined };

/** The greater distance from the two published prices that carry energy. */
const miss = ({ cu = 0, gu = 0 }: Pair) =>
  Math.max(Math.abs(cu - published.cu), Math.abs(gu - published.gu));

const near = (found: number, expected: number, by = 0.0005) =>
  assert.ok(Math.abs(found - expected) < by, `${found} is not ${expected}`);

test("each equation is found by its number in the sources and on the page", () => {
  const page = readFileSync(join(import.meta.dirname, "EQUATIONS.md"), "utf8");
  const sources = globSync(join(import.meta.dirname, "../{game,colony}/*.ts"))
    .filter((file) => !file.endsWith(".test.ts"))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  for (let number = 1; number <= 15; number += 1) {
    assert.match(
      sources,
      new RegExp(`eq\\. ${number} of Liu & Zhou`),
      `eq. ${number} in the sources`,
    );
    assert.match(page, new RegExp(`^\\| ${number} \\|`, "m"), `eq. ${number} on the page`);
  }
});

test("eq. 10–12 from eq. 1–8 add up to zero over any hours", () => {
  const hour = {
    quantities: noon,
    prices: { cg: undefined, cu: price(555_435), gc: undefined, gu: price(687_799) },
    subsidyPermille: 50,
  };
  const other = {
    ...hour,
    quantities: { cg: wh(7), cu: wh(900_001), gc: wh(0), gu: wh(0) },
    prices: { ...hour.prices, cg: price(420_585) },
  };
  const hours = [hour, other, hour];
  assert.equal(companyObjective(hours) + bureauObjective(hours) - usersObjective(hours), 0);
  assert.ok(bureauObjective(hours) > 0 && usersObjective(hours) > 0);
});

test("the net incomes add up to zero at the published prices and at every corner of the box", () => {
  for (const cu of [0.4, 0.555435, 0.6]) {
    for (const gu of [0.5, 0.687799, 0.7]) {
      const { company, bureau, user } = netIncomesFloat(kwh, { ...published, cu, gu }, 0.05);
      assert.ok(Math.abs(company + bureau + user) < 1e-9);
    }
  }
});

test("the printed ratio of (11) has a pole in the price box, and at noon wants the lowest price", () => {
  const both = { cg: 0, cu: 400, gc: 20, gu: 0 };
  const at = (cg: number) => printedRatios(both, { cg, cu: 0.5, gc: 0.5, gu: 0.6 }, 0.05).bureau;
  assert.ok(at(0.5 - 1e-9) > 1e6, "just below the pole");
  assert.ok(at(0.5 + 1e-9) < -1e6, "just above it");
  const bureau = (cu: number) => printedRatios(kwh, { ...published, cu }, 0.05).bureau;
  assert.ok(bureau(0.4) > bureau(0.5) && bureau(0.5) > bureau(0.6));
  assert.ok(bureau(0.4) < 0);
});

test("weights 3:3:1 miss the published noon by 0.0014, every other reading by far more", () => {
  near(miss(bargain(noon, rules)), 0.0014, 0.0001);
  const equal = { ...rules, weights: { company: 1, bureau: 1, user: 1 } };
  near(miss(bargain(noon, equal)), 0.041);
  near(miss({ cu: 0.6, gu: 0.7 }), 0.045);
  near(miss(kalaiSmorodinsky()), 0.088);
  near(kalaiSmorodinsky().cu, 0.4995, 0.00005);
  near(miss(printedPrices(noon, rules)), 0.188);
});

test("no weights with a largest of 10 fit the published noon better than multiples of 3:3:1 by a tenth", () => {
  const best = miss(bargain(noon, rules));
  for (let company = 1; company <= 4; company += 1) {
    for (let bureau = 1; bureau <= 4; bureau += 1) {
      for (let user = 1; user <= 4; user += 1) {
        const found = miss(bargain(noon, { ...rules, weights: { company, bureau, user } }));
        assert.ok(found >= best - 1e-12, `${company}:${bureau}:${user} misses by ${found}`);
      }
    }
  }
});

test("by the printed terms nobody bargains for p_GU", () => {
  const found = printedPrices(noon, rules);
  near(found.gu, 0.5, 1e-9);
  near(found.cu, 0.6, 1e-9);
});

/** Equal parts of what each party could gain at most, found by halving, from eq. 1–8 alone. */
function kalaiSmorodinsky(): Record<Extract<Channel, "cu" | "gu">, number> {
  const sale = 324 * 0.2;
  const supply = 409 * (worthAt(0.6, 0.05) - worthAt(0.4, 0.05));
  // At a part r of their pools for both sellers the users keep 1 − r of theirs: equal at one half.
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i += 1) {
    const part = (low + high) / 2;
    const users = (sale + supply - part * (sale + supply)) / (sale + supply);
    if (users > part) low = part;
    else high = part;
  }
  let [from, to] = [0.4, 0.6];
  const wanted = worthAt(0.4, 0.05) + (low * supply) / 409;
  for (let i = 0; i < 60; i += 1) {
    const cu = (from + to) / 2;
    if (worthAt(cu, 0.05) < wanted) from = cu;
    else to = cu;
  }
  return { cu: from, gu: 0.5 + (low * sale) / 324 };
}
