import { parseArgs } from "node:util";
import { type Outcome, Simulation } from "./simulation.ts";

const usage = `npm run simulate -- [--seeds N] [--seed S] [--trace] [--json]

  --seeds N   lives of a consortium, one after the other (default 100)
  --seed S    the first of them, or with --seeds 1 the one to look at again (default 1)
  --trace     print every message that is sent
  --json      one line for each life`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(usage);
} else {
  const [first, seeds] = [Number(values.seed), Number(values.seeds)];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(seeds) || seeds < 1) {
    console.error(`expected whole numbers for --seed and --seeds\n\n${usage}`);
    process.exit(2);
  }
  const outcomes: Outcome[] = [];
  for (let seed = first; seed < first + seeds; seed += 1) {
    const options = values.trace ? { trace: (line: string) => console.log(line) } : {};
    const outcome = new Simulation(seed, options).run();
    outcomes.push(outcome);
    if (values.json) console.log(JSON.stringify(outcome));
    else if (!outcome.ok) console.log(failure(outcome));
  }
  if (!values.json) console.log(summary(outcomes));
  if (outcomes.some(({ ok }) => !ok)) process.exitCode = 1;
}

function failure({ plan, problem }: Outcome): string {
  const liars = plan.faulty.map(({ id, manner }) => `${id} ${manner}`).join(", ");
  return `seed ${plan.seed}: ${problem}\n  ${plan.members} members, faulty: ${liars || "none"}; again: npm run simulate -- --seeds 1 --seed ${plan.seed} --trace`;
}

function summary(outcomes: readonly Outcome[]): string {
  const sum = (pick: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const failed = outcomes.filter(({ ok }) => !ok).length;
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    for (const [reason, count] of Object.entries(outcome.counts)) {
      counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
  }
  const lines = [...counts].sort().map(([reason, count]) => `  ${reason.padEnd(28)} ${count}`);
  return [
    `${outcomes.length} lives, ${failed} failed; ${sum(({ blocks }) => blocks)} blocks, ${sum(({ messages }) => messages)} messages, ${Math.round(sum(({ virtualMs }) => virtualMs) / 1000)} s of virtual time`,
    ...lines,
  ].join("\n");
}
