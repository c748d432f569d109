import assert from "node:assert/strict";
import { test } from "node:test";
import { MarketSimulation } from "./market-simulation.ts";

/** How many lives `npm test` looks at; `npm run simulate -- --market` looks at as many as one likes. */
const seeds = 2;

test("whatever befalls the members, a market's money, energy, certificates and credit add up", () => {
  const seen = { contracts: 0, certified: 0, orders: 0, defaults: 0 };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const life = new MarketSimulation(seed);
    const { ok, problem } = life.run();
    assert.ok(
      ok,
      `seed ${seed}: ${problem}; npm run simulate -- --market --seeds 1 --seed ${seed} --trace`,
    );
    for (const [what, count] of Object.entries(life.seen)) seen[what as keyof typeof seen] += count;
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `no ${what} in any life`);
});
