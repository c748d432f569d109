import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Outcome } from "./life.ts";
import { MarketSimulation } from "./market-simulation.ts";
import { RealSimulation } from "./real-simulation.ts";
import { Simulation } from "./simulation.ts";

const usage = `npm run simulate -- [--seeds N] [--seed S] [--threads T] [--real | --market] [--trace] [--json]

  --seeds N    lives of a consortium (default 100)
  --seed S     the first of them, or with --seeds 1 the one to look at again (default 1)
  --threads T  how many are lived at once (default: as many as the machine has cores)
  --real       the real engine, application and SQLite files instead of the toy's; nobody lies
  --market     the same with a market: quotes, readings, settlement, certificates, credit, demand response
  --trace      print every message that is sent, one life after the other
  --json       one line for each life`;

/** Lines of a failed life that are printed with it. */
const traceLines = 40;

/** Whose lives: the toy's, real members', or those of real members with a market. */
type What = "toy" | "real" | "market";

/** Every `step`th seed from `first` on. */
type Task = {
  readonly first: number;
  readonly end: number;
  readonly step: number;
  readonly what: What;
};

if (isMainThread) process.exitCode = await main();
else for (const outcome of lives(workerData as Task)) parentPort?.postMessage(outcome);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      threads: { type: "string", default: String(availableParallelism()) },
      real: { type: "boolean", default: false },
      market: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [first, seeds, threads] = [values.seed, values.seeds, values.threads].map(Number);
  if (!isWhole(first, 0) || !isWhole(seeds, 1) || !isWhole(threads, 1)) {
    console.error(`expected whole numbers for --seed, --seeds and --threads\n\n${usage}`);
    return 2;
  }
  const end = first + seeds;
  const what = values.market ? "market" : values.real ? "real" : "toy";
  const outcomes: Outcome[] = [];
  const take = (outcome: Outcome) => {
    outcomes.push(outcome);
    if (values.json) console.log(JSON.stringify(outcome));
    else if (!outcome.ok) console.log(failure(outcome, what));
  };
  if (values.trace) {
    const trace = (line: string) => console.log(line);
    for (let seed = first; seed < end; seed += 1) take(lifeOf(what, seed, { trace }));
  } else if (threads === 1 || seeds === 1) {
    for (const outcome of lives({ first, end, step: 1, what })) take(outcome);
  } else {
    await inThreads({ first, end, step: Math.min(threads, seeds), what }, take);
  }
  if (!values.json) console.log(summary(outcomes));
  return outcomes.some(({ ok }) => !ok) ? 1 : 0;
}

function isWhole(value: number | undefined, min: number): value is number {
  return Number.isSafeInteger(value) && (value ?? -1) >= min;
}

function* lives({ first, end, step, what }: Task): Generator<Outcome> {
  for (let seed = first; seed < end; seed += step) yield lifeOf(what, seed);
}

function lifeOf(
  what: What,
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Outcome {
  switch (what) {
    case "toy":
      return new Simulation(seed, options).run();
    case "real":
      return new RealSimulation(seed, options).run();
    case "market":
      return new MarketSimulation(seed, options).run();
    default:
      return what satisfies never;
  }
}

/** Gives the outcomes in the order of their seeds, whichever thread is faster. */
async function inThreads({ first, end, step, what }: Task, take: (outcome: Outcome) => void) {
  const done = new Map<number, Outcome>();
  let next = first;
  const threads = Array.from({ length: step }, (_, i) => {
    const workerData: Task = { first: first + i, end, step, what };
    const worker = new Worker(new URL(import.meta.url), { workerData, argv: [] });
    worker.on("message", (outcome: Outcome) => {
      done.set(outcome.plan.seed, outcome);
      for (let ready = done.get(next); ready !== undefined; ready = done.get(next)) {
        done.delete(next);
        next += 1;
        take(ready);
      }
    });
    return new Promise<void>((ended, broke) => worker.on("error", broke).on("exit", () => ended()));
  });
  await Promise.all(threads);
}

/** What went wrong, the end of the same life lived again, and how to see all of it. */
function failure({ plan, problem }: Outcome, what: What): string {
  const liars = plan.faulty.map(({ id, manner }) => `${id} ${manner}`).join(", ");
  const lines: string[] = [];
  const trace = (line: string) => {
    lines.push(line);
    if (lines.length > traceLines) lines.shift();
  };
  const again = lifeOf(what, plan.seed, { trace });
  const same =
    again.problem === problem ? "" : `\n  lived again it went otherwise: ${again.problem}`;
  return `seed ${plan.seed}: ${problem}${same}
  ${plan.members} members, faulty: ${liars || "none"}; again: npm run simulate --${what === "toy" ? "" : ` --${what}`} --seeds 1 --seed ${plan.seed} --trace
${lines.map((line) => `    ${line}`).join("\n")}`;
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
