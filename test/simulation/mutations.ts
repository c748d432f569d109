/**
 * Breaks one rule of the replica at a time in a copy of the tree and says which named test and which
 * seed of the simulation notice; ends with 1 when nothing does.
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Mutation, mutations } from "./mutation-list.ts";

const usage = `npm run simulate:mutations -- [--seeds N] [--only TEXT] [--first] [--json]

  --seeds N    look at so many seeds before giving up (default 300)
  --only TEXT  only mutations with TEXT in their name; "A|B" for several
  --json       one line for each mutation

A few seeds are looked at first, then the named tests, then the other seeds.`;

/** Seeds that cost less than the named tests do. */
const firstSeeds = 30;

/** No mutation is to make a program that never ends. */
const hangsMs = 600_000;

type Result = {
  readonly name: string;
  readonly caught: boolean;
  /** The seed that failed first, and what it says. */
  readonly seed?: number;
  readonly problem?: string;
  /** Or the named test that did. */
  readonly test?: string;
};

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "300" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = values.only.split("|");
  const chosen = mutations.filter(({ name }) => wanted.some((text) => name.includes(text)));
  const seeds = Number(values.seeds);
  if (chosen.length === 0 || !Number.isSafeInteger(seeds) || seeds < 0) {
    console.error(`expected a mutation's name and a number of seeds\n\n${usage}`);
    return 2;
  }
  let missed = 0;
  for (const mutation of chosen) {
    const result = await tryOut(mutation, seeds);
    if (!result.caught) missed += 1;
    console.log(values.json ? JSON.stringify(result) : lineOf(result, seeds));
  }
  if (!values.json) console.log(`${chosen.length} mutations, ${missed} missed`);
  return missed === 0 ? 0 : 1;
}

function lineOf({ name, caught, seed, problem, test }: Result, seeds: number): string {
  if (!caught) return `MISSED  ${name}: ${seeds} seeds and all tests saw nothing`;
  return `caught  ${name}: ${test === undefined ? `seed ${seed}: ${problem}` : `"${test}"`}`;
}

async function tryOut({ name, edits }: Mutation, seeds: number): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-mutation-"));
  try {
    for (const part of ["aggregator", "protocol", "test/simulation", "package.json"]) {
      cpSync(part, join(folder, part), {
        recursive: true,
        filter: (path) => !path.includes("node_modules"),
      });
    }
    linkPackages(folder);
    for (const { file, from, to } of edits) {
      const path = join(folder, file);
      const text = readFileSync(path, "utf8");
      if (text.split(from).length !== 2) throw new Error(`${name}: ${file} has not one ${from}`);
      writeFileSync(
        path,
        text.replace(from, () => to),
      );
    }
    return { name, ...(await whatNotices(folder, seeds)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The packages that are installed, and the copy's own protocol in place of the tree's. */
function linkPackages(folder: string): void {
  const own = join(folder, "node_modules", "@busbar");
  mkdirSync(own, { recursive: true });
  symlinkSync(join(folder, "protocol"), join(own, "protocol"));
  for (const name of readdirSync("node_modules")) {
    if (name === "@busbar") continue;
    symlinkSync(resolve("node_modules", name), join(folder, "node_modules", name));
  }
}

async function whatNotices(folder: string, seeds: number): Promise<Omit<Result, "name">> {
  const early = await firstProblem(folder, { first: 1, seeds: Math.min(firstSeeds, seeds) });
  if (early !== undefined) return { caught: true, ...early };
  const test = await firstFailure(folder);
  if (test !== undefined) return { caught: true, test };
  const late = await firstProblem(folder, { first: firstSeeds + 1, seeds: seeds - firstSeeds });
  return { caught: late !== undefined, ...late };
}

/** The first named test of the rules that fails. The lives under seeds are not among them, nor is the
 * test that finds each place to break unbroken. */
async function firstFailure(cwd: string): Promise<string | undefined> {
  const beside = ["aggregator/consensus/pbft/*.test.ts", "test/simulation/*.test.ts"];
  const files = beside
    .flatMap((pattern) => globSync(pattern, { cwd }))
    .filter((file) => !/(simulation|mutation-list)\.test\.ts$/.test(file))
    .sort();
  // In one process, so that it ends as a whole.
  const reporter = ["--test-reporter=tap", "--test-isolation=none"];
  const [, found] =
    (await firstMatch(cwd, ["--test", ...reporter, ...files], /^\s*not ok \d+ - (.*)$/m)) ?? [];
  return found?.replace(/ # .*/, "");
}

/** The first seed that fails. */
async function firstProblem(
  cwd: string,
  { first, seeds }: { readonly first: number; readonly seeds: number },
): Promise<{ seed: number; problem: string } | undefined> {
  if (seeds < 1) return undefined;
  const script = "test/simulation/main.ts";
  const args = [script, "--seed", `${first}`, "--seeds", `${seeds}`, "--threads", "1"];
  const found = await firstMatch(cwd, args, /^seed (\d+): (.*)$/m);
  const [, seed, problem] = found ?? [];
  return seed && problem ? { seed: Number(seed), problem: problem.slice(0, 140) } : undefined;
}

/** What the output of a program says first; the program is ended then. */
function firstMatch(
  cwd: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<RegExpExecArray | undefined> {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: hangsMs,
    killSignal: "SIGKILL",
  });
  return new Promise((done, broke) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text);
      if (found === null) return;
      child.kill("SIGKILL");
      done(found);
    });
    child.on("close", (code, signal) => {
      if (code === 0 || code === 1) done(undefined);
      else broke(new Error(`${args.join(" ")} ended by ${signal ?? code}`));
    });
  });
}
