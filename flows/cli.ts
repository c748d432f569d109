#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { Failure } from "@busbar/protocol";
import { Command, InvalidArgumentError, Option } from "commander";
import { buildPalette } from "./build.ts";
import { type FlowsConfig, guardedNodes, loadFlowsConfig } from "./runtime/config.ts";
import { log } from "./runtime/log.ts";
import { runFlows } from "./runtime/run.ts";
import { randomPassword, setPassword } from "./runtime/secrets.ts";

type Options = Partial<FlowsConfig> & { readonly config?: string };

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
  .option("--env <NAME=value...>", "environment variables for the flows")
  .addOption(
    new Option("--allow <node...>", "core nodes to allow that are off by default").choices(
      Object.keys(guardedNodes),
    ),
  )
  .addHelpText(
    "after",
    "\nThe first start makes an admin password and shows it once, or takes it from the variable\n" +
      "BUSBAR_FLOWS_PASSWORD.",
  )
  .action(async ({ config, env, ...options }: Options & { env?: string[] }) => {
    await run(loadFlowsConfig(config, { ...options, ...(env && { environment: pairs(env) }) }));
  });

program
  .command("password")
  .description("set another admin password: from stdin, or a random one that is shown once")
  .option("-u, --user-dir <folder>", "folder of flows and secrets", ".busbar/flows")
  .option("--stdin", "read the password from stdin's first line")
  .action(async ({ userDir, stdin }: { userDir: string; stdin?: boolean }) => {
    const password = stdin ? await firstLine() : randomPassword();
    setPassword(userDir, password);
    console.log(stdin ? "The password is set." : `The password is now ${password}`);
    console.log("A running busbar-flows takes it at its next start.");
  });

program
  .command("build")
  .description("compile the palette into dist/, from where Node-RED loads it")
  .action(buildPalette);

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
  console.error(`${error.message} (${error.code})`);
  process.exit(1);
}
