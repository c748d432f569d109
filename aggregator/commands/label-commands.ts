import { isId, type Party } from "@busbar/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { listLabels, makeLabels, revokeLabels, type Wanted } from "./labels.ts";
import { replaceUnit } from "./replace.ts";
import { tell } from "./transaction.ts";

/** The commands around labels: units that are taken in, or replaced, without another question. */
export function addLabelCommands(program: Command, print: (value: object) => void): void {
  const site = program
    .command("site")
    .description("labels for units: who has a label's code is taken in without another question");

  common(
    site
      .command("labels")
      .description("make labels for units that are not on the ledger yet: a sheet to print")
      .argument("[units...]", "UNIT=OWNER, or UNIT=OWNER:PARTY for a new owner that is no user")
      .option("--days <number>", "how long they count, by the ledger's clock", days, 30)
      .option("--output <folder>", "where labels.html and labels.json go", ".")
      .option("--again <file>", "hand in a sheet's labels.json once more, after no answer came"),
    "site labels anna-unit=anna mill-unit=mill:company --output spring",
  ).action(async (units: string[], options) =>
    tell(await makeLabels(units.map(wanted), options), options),
  );

  common(
    site
      .command("revoke")
      .description("take back the labels of a unit that were not used")
      .argument("<unit>", "the unit's id"),
    "site revoke anna-unit",
  ).action(async (unit: string, options) => tell(await revokeLabels(unit, options), options));

  site
    .command("list")
    .description("which labels are open, used, taken back or over")
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--json", "print the result as JSON", false)
    .action((options) => listLabels(options, print));

  common(
    program
      .command("replace")
      .description("a unit's board died or is gone: its key counts no more, its label once more")
      .argument("<unit>", "the unit's id")
      .addOption(
        new Option("--reason <word>", "what became of the old one")
          .choices(["defective", "lost", "stolen", "tampering"])
          .default("defective"),
      )
      .option("--days <number>", "how long its label counts, by the ledger's clock", days, 7)
      .option("--new-label", "the old label is gone, or others may know its code", false)
      .option("--output <folder>", "where the new label goes", "."),
    "replace anna-unit --reason stolen --new-label",
  ).action(async (unit: string, options) => tell(await replaceUnit(unit, options), options));
}

function common(command: Command, example: string): Command {
  return command
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", `\nExample:\n  busbar-aggregator ${example}`);
}

const parties: readonly Party[] = ["company", "bureau", "user", "operator"];

/** "anna-unit=anna", "mill-unit=mill:company" */
export function wanted(text: string): Wanted {
  const [device = "", rest = "", ...more] = text.split("=");
  const [owner = "", word, ...others] = rest.split(":");
  const party = parties.find((one) => one === word);
  const isWhole = more.length === 0 && others.length === 0 && isId(device) && isId(owner);
  if (isWhole && (word === undefined || party !== undefined)) return { device, owner, party };
  throw new InvalidArgumentError(
    `expected UNIT=OWNER or UNIT=OWNER:PARTY with ids of a-z, 0-9 and inner hyphens and one of ${parties.join(", ")}; got ${text}`,
  );
}

function days(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 90) return value;
  throw new InvalidArgumentError("expected 1 to 90 days");
}
