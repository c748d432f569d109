import assert from "node:assert/strict";
import { test } from "node:test";
import { Simulation } from "./simulation.ts";

/** How many lives `npm test` looks at; `npm run simulate` looks at as many as one likes. */
const seeds = 60;

test("no seed breaks a rule, and each gets well again", () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { ok, problem } = new Simulation(seed).run();
    assert.ok(ok, `seed ${seed}: ${problem}; npm run simulate -- --seeds 1 --seed ${seed} --trace`);
  }
});

test("a seed lives the same life twice", () => {
  const lives = [1, 2].map(() => {
    const lines: string[] = [];
    const outcome = new Simulation(11, { trace: (line) => lines.push(line) }).run();
    return { outcome, lines };
  });
  assert.deepEqual(lives[0], lives[1]);
  assert.ok((lives[0]?.lines.length ?? 0) > 1000);
});
