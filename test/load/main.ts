/** `npm run load`: many units against a consortium of real aggregators; `--help` says what it can do. */
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { measured } from "./constants.ts";
import { modelText } from "./model-text.ts";
import { jsonOf, textOf } from "./report.ts";
import { runLoad } from "./run.ts";

const usage = `npm run load -- [--meters N] [--minutes M] [--members K] [--every S] [--readings R] [--json]

Starts a consortium as \`busbar-aggregator init\` makes it (each member a process: broker, ledger, market,
portal) and N edge units with one meter each, many to a process: the units' own link with sign-in, last will,
window and verified receipts. Each signs a batch in its turn for M minutes; then what waits is waited for, and
each meter's chain on each member's ledger is compared with its unit's.

  --meters N    units, one meter each (default 1000; 10 000 take 2 minutes to connect, and 4 GB)
  --minutes M   how long batches are signed (default 2)
  --members K   aggregators that agree (default 4; 1: a recorder)
  --every S     seconds from one batch of a unit to its next (default 60)
  --readings R  readings in a batch (default 4)
  --json        one line with all figures
  --model       run nothing: what sites of 10 to 10⁶ meters cost by measured constants

Ends with 1 when a reading is lost, doubled or refused for good, or when memory grew.`;

const { values } = parseArgs({
  options: {
    meters: { type: "string", default: "1000" },
    minutes: { type: "string", default: "2" },
    members: { type: "string", default: "4" },
    every: { type: "string", default: "60" },
    readings: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
    model: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** Throws: `Failure` `cli.usage`. */
function number(
  name: "meters" | "minutes" | "members" | "every" | "readings",
  most: number,
): number {
  const value = Number(values[name]);
  if (value > 0 && value <= most && (Number.isInteger(value) || name === "minutes")) return value;
  const wanted = name === "minutes" ? "a number" : "a whole number";
  const message = `--${name}: expected ${wanted} above 0, at most ${most}, got "${values[name]}"`;
  throw new Failure("cli.usage", message, { retry: "never" });
}

try {
  if (values.help) console.log(usage);
  else if (values.model) {
    const [everyS, readings] = [number("every", 3600), number("readings", 60)];
    const members = number("members", 100);
    console.log(modelText({ members, everyS, readings, slotMinutes: 15 }, measured));
  } else {
    const say = (line: string) => values.json || console.log(line);
    const asked = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => asked.abort());
    const result = await runLoad(
      {
        meters: number("meters", 100_000),
        minutes: number("minutes", 1440),
        members: number("members", 7),
        everyMs: 1000 * number("every", 3600),
        entries: number("readings", 60),
      },
      say,
      asked.signal,
    );
    console.log(values.json ? jsonOf(result) : textOf(result));
    process.exitCode = result.problems.length > 0 ? 1 : 0;
  }
} catch (error) {
  const stopped = error instanceof Error && error.name === "AbortError";
  if (stopped) process.exit(130);
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "cli.usage" ? 2 : 1;
}
