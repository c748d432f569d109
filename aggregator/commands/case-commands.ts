import type { Correction, DeviceChange, Objection, Ruling } from "@busbar/protocol";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { changeUnit, correct, decide, listCases, object } from "./cases.ts";
import { tell } from "./transaction.ts";

type Words<T extends string> = readonly [T, ...T[]];

const correctionReasons: Words<Correction["reason"]> = [
  "meter-error",
  "clock-error",
  "wrong-assignment",
  "missing-readings",
];
const objectionReasons: Words<Objection["reason"]> = [
  "not-licensed",
  "price-abuse",
  "not-deliverable",
  "fraud",
];
const sides: Words<Objection["against"]> = ["seller", "buyer", "both"];
const unitReasons: Words<DeviceChange["reason"]> = [
  "lost",
  "stolen",
  "defective",
  "tampering",
  "maintenance",
  "cleared",
];
const words: Words<Ruling["word"]> = ["uphold", "reject"];
const changes: Words<DeviceChange["change"]> = ["suspend", "resume"];

/** The commands by which members suspend units, correct slots, object to contracts, and decide. */
export function addCaseCommands(program: Command, print: (value: object) => void): void {
  noted(
    program
      .command("unit")
      .description("suspend a unit, so that nothing it signs counts, or let it go on")
      .addArgument(new Argument("<change>", "what is to become of it").choices(changes))
      .argument("<unit>", "the unit's id")
      .addOption(reason(unitReasons).makeOptionMandatory()),
    "unit suspend house-7-unit --reason stolen",
  ).action(async (change, unit, options) => tell(await changeUnit(change, unit, options), options));

  noted(
    program
      .command("correct")
      .description("lay before the members what a meter's slot held in truth")
      .argument("<meter>", "the meter's id")
      .requiredOption("--slot <iso>", "when the slot starts", instant)
      .requiredOption("--import <kwh>", "what was drawn in it", energy)
      .requiredOption("--export <kwh>", "what was given in it", energy)
      .addOption(reason(correctionReasons).makeOptionMandatory()),
    "correct house-7-net --slot 2026-06-01T10:00Z --import 1.25 --export 0 --reason meter-error",
  ).action(async (meter, { import: importWh, export: exportWh, ...options }) =>
    tell(await correct(meter, { ...options, importWh, exportWh }), options),
  );

  noted(
    program
      .command("object")
      .description("as a bureau: hold a contract until the members decided, before its slot ends")
      .argument("<contract>", "as the portal and notices name it")
      .addOption(
        new Option("--against <side>", "whose fault it is").choices(sides).makeOptionMandatory(),
      )
      .addOption(reason(objectionReasons).makeOptionMandatory()),
    "object 001780308000000-0001 --against seller --reason price-abuse",
  ).action(async (contract, options) => tell(await object(contract, options), options));

  common(
    program
      .command("decide")
      .description("give this member's word on a case: a correction or an objection")
      .argument("<case>", "its first digits, as busbar-aggregator cases lists it")
      .addArgument(new Argument("<word>", "what this member says").choices(words)),
    "decide 4f1c0a9b2e77 uphold",
  ).action(async (which, word, options) => tell(await decide(which, word, options), options));

  program
    .command("cases")
    .description("what is before the members: corrections and objections")
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--all", "also those that are decided", false)
    .option("--json", "print the result as JSON", false)
    .action((options) => listCases(options, print));
}

function noted(command: Command, example: string): Command {
  return common(command.option("--note <text>", "a word to the others", note), example);
}

function common(command: Command, example: string): Command {
  return command
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", `\nExample:\n  busbar-aggregator ${example}`);
}

function reason(choices: readonly string[]): Option {
  return new Option("--reason <word>", "why").choices(choices);
}

/** kWh with at most three decimals, in Wh. */
export function energy(text: string): number {
  const parts = /^(\d{1,9})(?:\.(\d{1,3}))?$/.exec(text);
  if (parts === null) {
    throw new InvalidArgumentError("expected kWh with at most three decimals, as in 1.25");
  }
  return Number(parts[1]) * 1000 + Number((parts[2] ?? "").padEnd(3, "0"));
}

function note(text: string): string {
  if (text.length > 0 && text.length <= 200) return text;
  throw new InvalidArgumentError("expected 1 to 200 characters");
}

function instant(text: string): number {
  const isInstant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{3})?)?Z$/.test(text);
  const time = isInstant ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new InvalidArgumentError("expected an instant in UTC, as in 2026-06-01T10:00Z");
  }
  return time;
}
