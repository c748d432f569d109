#!/usr/bin/env node
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Failure } from "@busbar/protocol";
import { Command, InvalidArgumentError, Option } from "commander";
import { checkCommand } from "./commands/check.ts";
import { type GenerateOptions, generateCommand } from "./commands/generate.ts";
import { type RecordOptions, startRecording } from "./commands/record.ts";
import { type ReplayOptions, replayCommand } from "./commands/replay.ts";
import { type RollbackOptions, rollbackCommand } from "./commands/rollback.ts";
import { type FlowsConfig, guardedNodes, loadFlowsConfig } from "./runtime/config.ts";
import { log } from "./runtime/log.ts";
import { runFlows } from "./runtime/run.ts";
import { randomPassword, setPassword } from "./runtime/secrets.ts";

type Options = Partial<FlowsConfig> & { readonly config?: string };

const usualFolder = ".busbar/flows";
const print = (line: string) => console.log(line);

const program = new Command("busbar-flows").description(
  "Node-RED with Busbar's palette: wire meters, prices and trades to what your site does.",
);

program
  .command("run")
  .description("run Node-RED with safe settings until SIGTERM; prints one JSON line when it is up")
  .option("-c, --config <flows.yaml>", "configuration file; options here win over it")
  .option("-p, --port <number>", "port to listen on, 0 for a free one (default: 1880)", port)
  .option("--host <address>", "address to listen on (default: 127.0.0.1)")
  .option("-u, --user-dir <folder>", "folder of flows and secrets (default: .busbar/flows)")
  .option("--admin-user <name>", "name to sign in with (default: admin)")
  .option("--flow <file>", "flow to start with where the folder has none yet")
  .option("--record <file>", "append what the flow's meters say, as a day to replay")
  .option("--env <NAME=value...>", "environment variables for the flows")
  .addOption(
    new Option("--allow <node...>", "core nodes to allow that are off by default").choices(
      Object.keys(guardedNodes),
    ),
  )
  .addHelpText(
    "after",
    "\nThe first start makes an admin password and shows it once, or takes it from the variable\n" +
      "BUSBAR_FLOWS_PASSWORD. SIGHUP loads the flows that stand on disk.",
  )
  .action(async ({ config, env, ...options }: Options & { env?: string[] }) => {
    await run(loadFlowsConfig(config, { ...options, ...(env && { environment: pairs(env) }) }));
  });

program
  .command("check")
  .description(
    "look for what is quietly wrong in a flow: units, signs, wires, keys; exit 1 for errors",
  )
  .argument("<flow.json>", "a flow as Node-RED exports it")
  .option(
    "-c, --config <flows.yaml>",
    "the configuration that the flow is to run with, for its environment",
  )
  .option("--json", "print the findings as JSON")
  .action((file: string, { config, json = false }: { config?: string; json?: boolean }) => {
    const environment = { ...process.env, ...loadFlowsConfig(config, {}).environment };
    if (!checkCommand(file, { json, environment }, print)) process.exitCode = 1;
  });

program
  .command("replay")
  .description(
    "run a recorded day through a flow and the one before it, and compare; touches nothing",
  )
  .argument("<flow.json>", "the new flow")
  .requiredOption(
    "--day <file>",
    "a day as busbar-flows record and run --record write it; several are told together",
    (file: string, before: readonly string[] = []) => [...before, file],
  )
  .option("--against <flow.json>", "the flow to compare with (default: the one deployed last)")
  .option("--html <file>", "write table and charts as a page")
  .option("-u, --user-dir <folder>", "where deployed versions are kept", usualFolder)
  .option("--json", "print the comparison as JSON")
  .action(async (file: string, options: ReplayOptions) => {
    // Node-RED prints here and there; stdout is for the comparison.
    console.log = console.info = console.error;
    await replayCommand(file, options, (line) => process.stdout.write(`${line}\n`));
    process.exit(process.exitCode ?? 0);
  });

program
  .command("record")
  .description("write down what the sites of a flow say, until Ctrl-C: a day to replay")
  .argument("<flow.json>", "the flow whose topics are followed")
  .option("--out <file>", "where to; it is appended to", "day.jsonl")
  .option("--connection <name>", "a name that no running flow connects by", "record")
  .action((file: string, options: RecordOptions) => {
    const recording = startRecording(file, options, (text) => console.error(text));
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => void recording.stop().then(() => process.exit(0)));
    }
    console.error(`writing to ${options.out}; Ctrl-C ends it`);
  });

program
  .command("rollback")
  .description(
    "put the flow back that was deployed before; a busbar-flows that runs loads it at once",
  )
  .option("-u, --user-dir <folder>", "folder of flows and secrets", usualFolder)
  .option("--to <version>", "another version than the one before")
  .option("--list", "show the versions that are kept, with who and when")
  .option("--json", "print the result as JSON")
  .action((options: RollbackOptions) => rollbackCommand(options, print));

program
  .command("generate")
  .description("make a flow to begin with from an edge unit's configuration")
  .requiredOption("--edge <edge.yaml>", "the unit's configuration")
  .option("--out <file>", "write it there instead of to stdout")
  .option(
    "--config <flows.yaml>",
    "write a configuration to run it by, with what the examples read",
  )
  .option("--portal <url>", "the portal at which the owner sees its bills, for the configuration")
  .action((options: GenerateOptions) => generateCommand(options, print));

program
  .command("password")
  .description("set another admin password: from stdin, or a random one that is shown once")
  .option("-u, --user-dir <folder>", "folder of flows and secrets", usualFolder)
  .option("--stdin", "read the password from stdin's first line")
  .action(async ({ userDir, stdin }: { userDir: string; stdin?: boolean }) => {
    const password = stdin ? await firstLine() : randomPassword();
    setPassword(userDir, password);
    console.log(stdin ? "The password is set." : `The password is now ${password}`);
    console.log("A running busbar-flows takes it at its next start.");
  });

// An installed package comes compiled.
if (existsSync(join(import.meta.dirname, "build.ts"))) {
  program
    .command("build")
    .description("compile the palette into dist/, from where Node-RED loads it")
    .action(async () => (await import("./build.ts")).buildPalette());
}

async function run(config: FlowsConfig): Promise<void> {
  // Node-RED and palettes print with console.log here and there; stdout carries one line only.
  console.log = console.info = console.error;
  process.on("uncaughtException", (error) => {
    log("fatal", "uncaught", { msg: error.stack ?? error.message });
    process.exit(1);
  });
  const running = runFlows(config);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, async () => {
      log("info", "stopping", { signal });
      await (await running).stop();
      process.exit(0);
    });
  }
  process.on("SIGHUP", async () => {
    try {
      await (await running).reload();
      log("info", "reloaded");
    } catch (error) {
      log("error", "not-reloaded", { msg: (error as Error).message });
    }
  });
  const { url } = await running;
  process.stdout.write(`${JSON.stringify({ event: "ready", url })}\n`);
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError("Expected a number from 0 to 65535.");
}

function pairs(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(assignment) ?? [];
      if (name === undefined || value === undefined) {
        throw new Failure("flows.env", `--env ${assignment}: expected NAME=value`, {
          retry: "never",
        });
      }
      return [name, value];
    }),
  );
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
  return "";
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const { code, message } = error;
  console.error(message.endsWith(`(${code})`) ? message : `${message} (${code})`);
  process.exit(1);
}
