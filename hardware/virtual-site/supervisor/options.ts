import { resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { membersMax } from "./cast.ts";

/** What `npm start` was asked for. */
export type Options = {
  readonly home: string;
  readonly speed: number;
  /** Site time of a new site's first instant, ms since 1970 UTC. */
  readonly startMs: number;
  readonly portBase: number;
  readonly fresh: boolean;
  readonly flows: boolean;
  /** Members of a new site's consortium; undefined: as many as there are, four of a new one. */
  readonly members: number | undefined;
  /** Stop after so many simulated hours. */
  readonly hours: number | undefined;
  readonly json: boolean;
};

/**
 * Parses the command line; prints help and ends the process where that is what was asked for.
 * Throws: `Failure` `cli.usage`.
 */
export function parseOptions(argv: readonly string[]): Options {
  const program = new Command("npm start --")
    .description(
      "A complete virtual microgrid: simulated meters on real Modbus lines, four edge units, a " +
        "consortium of four aggregators with broker, ledger, market and portal, and Node-RED, each a " +
        "process of its own.",
    )
    .option("--hours <n>", "stop after so many simulated hours", positive)
    .option("--json", "no screen; end with one JSON line (for --hours)", false)
    .option("--speed <n>", "site seconds per second: 360 makes an hour last 10 s", positive, 360)
    .option("--fresh", "forget the last run's ledger and begin anew", false)
    .addOption(
      new Option("--start <time>", "a new site's first instant (ISO 8601)")
        .argParser(instant)
        .default(defaultStart, new Date(defaultStart).toISOString()),
    )
    .option(
      "--members <n>",
      "aggregators of a new site: 4, or 1 on a small machine (default: 4)",
      members,
    )
    .option("--port-base <port>", "first of 24 ports on 127.0.0.1", portBase, 8100)
    .option("--home <folder>", "where the site keeps its files", ".busbar")
    .option("--no-flows", "leave Node-RED out")
    .addHelpText(
      "after",
      "\nExamples:\n  npm start\n  npm start -- --speed 3600 --fresh\n  npm start -- --hours 3 --json",
    );
  parse(program, argv);
  const { home, start, ...rest } = program.opts();
  const options = {
    hours: undefined,
    members: undefined,
    ...rest,
    home: resolve(home),
    startMs: start,
  } as Options;
  if (options.json && options.hours === undefined) {
    throw usage("--json needs --hours N: it reports when the run has ended");
  }
  return options;
}

function parse(program: Command, argv: readonly string[]): void {
  program.exitOverride().configureOutput({ outputError: () => {} });
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exit(0);
    throw usage(`${error.message}\nnpm start -- --help says what there is`);
  }
}

function usage(message: string): Failure {
  return new Failure("cli.usage", message, { retry: "never" });
}

/** A summer morning in Shanghai, 35 minutes before an hour: its first slot is traded at once. */
const defaultStart = Date.UTC(2026, 5, 21, 2, 25);

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 100_000) {
    throw new InvalidArgumentError("expected a number above 0, at most 100000");
  }
  return value;
}

function members(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= membersMax) return value;
  throw new InvalidArgumentError(`expected 1 to ${membersMax} members`);
}

function portBase(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1024 || value > 65_000) {
    throw new InvalidArgumentError("expected a port from 1024 to 65000");
  }
  return value;
}

function instant(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value) || value < Date.UTC(2026, 0, 2)) {
    throw new InvalidArgumentError("expected a time like 2026-06-21T02:20Z, from 2026-01-02 on");
  }
  return value;
}
