import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import type { LoadOptions } from "./result.ts";

export const usage = `npm run load -- [--meters N] [--minutes M] [--members K] [--every S] [--readings R] [--json]

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

const options = {
  meters: { type: "string", default: "1000" },
  minutes: { type: "string", default: "2" },
  members: { type: "string", default: "4" },
  every: { type: "string", default: "60" },
  readings: { type: "string", default: "4" },
  json: { type: "boolean", default: false },
  model: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** What the command line asks for. Throws: `Failure` `cli.usage`. */
export function parseLoad(args: readonly string[]): {
  readonly load: LoadOptions;
  readonly json: boolean;
  readonly model: boolean;
  readonly help: boolean;
} {
  const { json, model, help, ...texts } = valuesOf(args);
  const number = (name: keyof typeof texts, most: number): number => {
    const value = Number(texts[name]);
    if (value > 0 && value <= most && (Number.isInteger(value) || name === "minutes")) return value;
    const wanted = name === "minutes" ? "a number" : "a whole number";
    throw usageFailure(
      `--${name}: expected ${wanted} above 0, at most ${most}, got "${texts[name]}"`,
    );
  };
  const load = {
    meters: number("meters", 100_000),
    minutes: number("minutes", 1440),
    members: number("members", 7),
    everyMs: 1000 * number("every", 3600),
    entries: number("readings", 60),
  };
  return { load, json, model, help };
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw usageFailure(`${error.message}; --help says what there is`);
  }
}

const usageFailure = (message: string): Failure =>
  new Failure("cli.usage", message, { retry: "never" });
