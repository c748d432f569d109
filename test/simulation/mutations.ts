/**
 * Breaks one rule of the replica at a time in a copy of the tree and says which named test or which
 * seed of the simulation notices.
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
import { escaped, type Notice, noticesIn, noticeText } from "./notices.ts";

const usage = `npm run simulate:mutations -- [--only TEXT] [--from TEXT] [--afresh] [--seeds N] [--seconds S] [--json]

  --only TEXT  only mutations with TEXT in their name; "A|B" for several
  --from TEXT  begin with the first mutation that has TEXT in its name: goes on where a run was ended
  --afresh     do not begin with what README.md says noticed it last
  --seeds N    look at so many seeds before giving up (default 300)
  --seconds S  end the search for one mutation after so long (default 600)
  --json       one line for each mutation

First what README.md says noticed the mutation is tried again; where that does not notice it (any more),
a few seeds are looked at, then the named tests, then the other seeds. Ends with 1 when a mutation was
missed, not decided in its time, or is noticed by something else than README.md says.`;

/** Seeds that cost less than the named tests do. */
const firstSeeds = 30;

type Result = {
  readonly name: string;
  /** `undecided`: its time was over before everything was looked at. */
  readonly outcome: "noticed" | "missed" | "undecided";
  readonly by?: Notice;
  /** Of a seed: what it says. */
  readonly problem?: string;
  /** What noticed it is what README.md says. */
  readonly asWritten: boolean;
  readonly seconds: number;
};

/** What was found, or that the time was over; undefined: nothing. */
type Found = { readonly by: Notice; readonly problem?: string } | "too late" | undefined;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    from: { type: "string", default: "" },
    afresh: { type: "boolean", default: false },
    seeds: { type: "string", default: "300" },
    seconds: { type: "string", default: "600" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = values.only.split("|");
  const first = mutations.findIndex(({ name }) => name.includes(values.from));
  const chosen = mutations
    .slice(first < 0 ? mutations.length : first)
    .filter(({ name }) => wanted.some((text) => name.includes(text)));
  const [seeds, seconds] = [Number(values.seeds), Number(values.seconds)];
  const isSound = Number.isSafeInteger(seeds) && seeds >= 0 && seconds > 0;
  if (chosen.length === 0 || !isSound) {
    console.error(`expected a mutation's name, a number of seeds and of seconds\n\n${usage}`);
    return 2;
  }
  const written = noticesIn(readFileSync(join(import.meta.dirname, "README.md"), "utf8"));
  let bad = 0;
  for (const [i, mutation] of chosen.entries()) {
    if (!values.json) console.error(`${i + 1} of ${chosen.length}: ${mutation.name}`);
    const known = written.get(mutation.name);
    const result = await tryOut(mutation, { seeds, seconds, known });
    if (result.outcome !== "noticed" || !result.asWritten) bad += 1;
    console.log(values.json ? JSON.stringify(result) : lineOf(result));
  }
  if (!values.json) console.log(`${chosen.length} mutations, ${bad} not noticed as README.md says`);
  return bad === 0 ? 0 : 1;
}

function lineOf({ name, outcome, by, problem, asWritten, seconds }: Result): string {
  const what = by === undefined ? "by nothing" : `by ${noticeText(by)}`;
  const says = problem === undefined ? "" : `: ${problem}`;
  const stale = by === undefined || asWritten ? "" : " (README.md says otherwise)";
  return `${outcome.padEnd(9)} ${name}, ${what}${stale}, ${seconds.toFixed(0)} s${says}`;
}

type Search = {
  readonly seeds: number;
  readonly seconds: number;
  /** What noticed it last. */
  readonly known: Notice | undefined;
};

async function tryOut({ name, edits }: Mutation, search: Search): Promise<Result> {
  const start = performance.now();
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
    const found = await whatNotices(folder, search);
    const seconds = (performance.now() - start) / 1_000;
    if (found === "too late") return { name, outcome: "undecided", asWritten: false, seconds };
    if (found === undefined) return { name, outcome: "missed", asWritten: false, seconds };
    const { known } = search;
    const asWritten = known !== undefined && noticeText(known) === noticeText(found.by);
    return { name, outcome: "noticed", ...found, asWritten, seconds };
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

async function whatNotices(folder: string, { seeds, seconds, known }: Search): Promise<Found> {
  const end = performance.now() + seconds * 1_000;
  const lives = (first: number, count: number) =>
    firstProblem(folder, { first, seeds: count, end });
  const searches = [
    ...(known === undefined || values.afresh
      ? []
      : [
          "seed" in known
            ? () => lives(known.seed, 1)
            : () => firstFailure(folder, end, known.test),
        ]),
    () => lives(1, Math.min(firstSeeds, seeds)),
    () => firstFailure(folder, end),
    () => lives(firstSeeds + 1, seeds - firstSeeds),
  ];
  for (const search of searches) {
    const found = await search();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first named test of the rules that fails, or whether the one does that is asked for. The lives
 * under seeds are not among them, nor is the test that finds each place to break unbroken. */
async function firstFailure(cwd: string, end: number, name?: string): Promise<Found> {
  const beside = ["aggregator/consensus/pbft/*.test.ts", "test/simulation/*.test.ts"];
  const files = beside
    .flatMap((pattern) => globSync(pattern, { cwd }))
    .filter((file) => !/(simulation|mutation-list)\.test\.ts$/.test(file))
    .sort();
  // In one process, so that it ends as a whole.
  const reporter = ["--test-reporter=tap", "--test-isolation=none"];
  const only = name === undefined ? [] : [`--test-name-pattern=^${escaped(name)}$`];
  const args = ["--test", ...reporter, ...only, ...files];
  const found = await firstMatch(cwd, args, { pattern: /^\s*not ok \d+ - (.*)$/m, end });
  if (found === "too late" || found === undefined) return found;
  // TAP writes a # of a name as \#.
  const test = found[1]?.replace(/ # .*/, "").replaceAll("\\#", "#") ?? "";
  // A file that cannot even be loaded notices nothing.
  if (test.endsWith(".test.ts")) throw new Error(`${test} does not run`);
  return { by: { test } };
}

/** The first seed that fails. */
async function firstProblem(
  cwd: string,
  { first, seeds, end }: { readonly first: number; readonly seeds: number; readonly end: number },
): Promise<Found> {
  if (seeds < 1) return undefined;
  const script = "test/simulation/main.ts";
  const args = [script, "--seed", `${first}`, "--seeds", `${seeds}`, "--threads", "1"];
  const found = await firstMatch(cwd, args, { pattern: /^seed (\d+): (.*)$/m, end });
  if (found === "too late" || found === undefined) return found;
  const [, seed, problem = ""] = found;
  return { by: { seed: Number(seed) }, problem: problem.slice(0, 140) };
}

/** What the output of a program says first; the program is ended then, or when the time is over. */
function firstMatch(
  cwd: string,
  args: readonly string[],
  { pattern, end }: { readonly pattern: RegExp; readonly end: number },
): Promise<RegExpExecArray | "too late" | undefined> {
  const left = end - performance.now();
  if (left <= 0) return Promise.resolve("too late");
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((done, broke) => {
    let text = "";
    const tooLate = setTimeout(() => {
      child.kill("SIGKILL");
      done("too late");
    }, left);
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text);
      if (found === null) return;
      child.kill("SIGKILL");
      done(found);
    });
    child.on("close", (code, signal) => {
      clearTimeout(tooLate);
      if (code === 0 || code === 1) done(undefined);
      else broke(new Error(`${args.join(" ")} ended by ${signal ?? code}`));
    });
  });
}
