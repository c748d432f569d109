import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { configOption } from "./arguments.ts";
import type { Finding } from "./doctor/finding.ts";
import { ledgerChecks } from "./doctor/ledger-checks.ts";
import { machineChecks } from "./doctor/machine-checks.ts";
import { networkChecks } from "./doctor/network-checks.ts";

type DoctorOptions = { readonly config: string; readonly json: boolean };

export function addDoctorCommand(program: Command, print: (value: object) => void): void {
  program
    .command("doctor")
    .description(
      "look at everything that a member needs, and say what to do where something is wrong",
    )
    .option(...configOption)
    .option("--json", "print the findings as JSON", false)
    .option("--broker <url>", "look at what an external broker really does, instead")
    .option("--user <name>", "with --broker: who signs in (usually the member)")
    .option("--password-file <file>", "with --broker: its password, in the first line")
    .option("--ca <file>", "with --broker: authority of its certificate, PEM")
    .option("--plain", "with --broker: permit mqtt to another machine", false)
    .option(
      "--restart <command>",
      "with --broker: kills it and starts it again, to see what it still has after that",
    )
    .addHelpText(
      "after",
      "\nChanges nothing, and may be run beside the aggregator. Exit codes: 0 nothing is wrong, 1 something is.\nWith --broker it publishes on topics of a device that does not exist, and takes back what it left.",
    )
    .action(async ({ broker, ...options }) =>
      broker === undefined
        ? doctor(options, print)
        : (await import("./doctor-broker.ts")).doctorBroker({ broker, ...options }, print),
    );
}

/** `busbar-aggregator doctor`. A configuration that is none is its first finding. */
export async function doctor(
  options: DoctorOptions,
  print: (value: object) => void,
): Promise<void> {
  const findings = await examine(options.config);
  const bad = findings.filter(({ state }) => state === "wrong").length;
  process.exitCode = bad > 0 ? 1 : 0;
  if (options.json) return print({ ok: bad === 0, findings });
  for (const finding of findings) for (const line of linesOf(finding)) console.log(line);
  const soon = findings.filter(({ state }) => state === "soon").length;
  console.log(`${findings.length} checks: ${bad} wrong, ${soon} to look at`);
}

/** All findings, in the order in which a member is made and started. */
export async function examine(path: string): Promise<readonly Finding[]> {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig(path);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return [
      {
        check: "configuration",
        state: "wrong",
        text,
        remedy: "busbar-aggregator config explains each key",
      },
    ];
  }
  const configured: Finding = {
    check: "configuration",
    state: "good",
    text: `${path}: ${config.member} of ${config.site}`,
  };
  return [
    configured,
    ...machineChecks(config),
    ...ledgerChecks(config),
    ...(await networkChecks(config)),
  ];
}

const marks = { good: "ok   ", soon: "look ", wrong: "WRONG" } as const;

function linesOf({ check, state, text, remedy }: Finding): readonly string[] {
  const line = `${marks[state]} ${check.padEnd(14)} ${text}`;
  return remedy === undefined ? [line] : [line, `${" ".repeat(21)}→ ${remedy}`];
}
