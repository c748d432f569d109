import assert from "node:assert/strict";
import { test } from "node:test";
import { RealSimulation } from "./real-simulation.ts";

/** How many lives `npm test` looks at; `npm run simulate -- --real` looks at as many as one likes. */
const seeds = 6;

test("no seed breaks a rule of the real engine and ledger, and each gets well again", () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { ok, problem } = new RealSimulation(seed).run();
    assert.ok(
      ok,
      `seed ${seed}: ${problem}; npm run simulate -- --real --seeds 1 --seed ${seed} --trace`,
    );
  }
});

test("a seed of the real ledger lives the same life twice", () => {
  const lives = [1, 2].map(() => {
    const lines: string[] = [];
    const outcome = new RealSimulation(4, { trace: (line) => lines.push(line) }).run();
    return { outcome, lines };
  });
  assert.deepEqual(lives[0], lives[1]);
  assert.ok((lives[0]?.lines.length ?? 0) > 200);
});
