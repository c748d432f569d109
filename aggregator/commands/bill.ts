import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import { billCsv } from "../settlement/bill/csv.ts";
import type { BillFault, BillFile } from "../settlement/bill/document.ts";
import { billPage } from "../settlement/bill/page.ts";
import { type Language, languages } from "../settlement/bill/words.ts";
import { id } from "./arguments.ts";
import { type RunOptions, runMonth } from "./bill-run.ts";
import { billOf, carbonFactors, type Grounds, stop } from "./bill-source.ts";
import { billText } from "./bill-text.ts";
import { verifyBills } from "./bill-verify.ts";
import { openLedger } from "./ledger.ts";

type BillOptions = {
  readonly owner?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly month?: string;
  readonly html?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly lang: Language;
  readonly out?: string;
  readonly config: string;
  readonly archive?: string;
  readonly verify?: string;
  readonly membership: string;
};

/** Adds `bill`: makes an owner's bill of a month, and checks one. */
export function addBillCommand(program: Command, print: (value: object) => void): void {
  program
    .command("bill")
    .description("an owner's bill of a month, with all that proves it; or check such a bill")
    .option("--owner <id>", "whose bill", id)
    .option("--all", "everybody's, each in a file of its own; what is there already is kept")
    .option("--dry-run", "with --all: say whose bills would be made, and make none")
    .option("--month <yyyy-mm>", "the month, by the site's clock", month)
    .option("--html", "as a page that prints, and that --verify takes")
    .option("--json", "as JSON, which --verify takes; with --verify: the finding as JSON")
    .option("--csv", "its lines for a spreadsheet, without proofs")
    .addOption(
      new Option("--lang <language>", "language of page and text").choices(languages).default("en"),
    )
    .option("--out <path>", "the file to write; with --all the folder (default: bills-<month>)")
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--archive <folder>", "where old blocks are, if not where the configuration says")
    .option(
      "--verify <path>",
      "check a bill (HTML or JSON), or all of a folder, with the members' keys alone, offline",
    )
    .option("--membership <file>", "the members' public keys", "membership.json")
    .addHelpText(
      "after",
      `
Works while the aggregator runs. What cannot be proved is not made into a bill. All bills of --all are of the
state after one block; a run that was ended goes on from that block when the same command is given again.
Exit codes: 0 the bill is made, or good; 1 it is not.

Examples:
  busbar-aggregator bill --owner user-1 --month 2026-06
  busbar-aggregator bill --owner user-1 --month 2026-06 --html --out bill.html
  busbar-aggregator bill --all --month 2026-06 --out bills --dry-run
  busbar-aggregator bill --all --month 2026-06 --out bills
  busbar-aggregator bill --verify bills --membership membership.json
  busbar-aggregator bill --verify bill.html --membership membership.json`,
    )
    .action((options: BillOptions) => {
      if (options.verify !== undefined) return verifyBills(options.verify, options, print);
      makeBills(options);
    });
}

function month(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  throw new InvalidArgumentError("expected a month like 2026-06");
}

function makeBills(options: BillOptions): void {
  const { owner, all, month: wanted, html, json, csv } = options;
  if ((owner === undefined) === (all !== true) || wanted === undefined) {
    throw stop(
      "bill.usage",
      "expected --owner ID or --all, with --month YYYY-MM, or --verify with a file or a folder",
    );
  }
  if ([html, json, csv].filter((format) => format === true).length > 1) {
    throw stop("bill.usage", "expected one of --html, --json and --csv");
  }
  if (options.dryRun === true && all !== true) {
    throw stop("bill.usage", "--dry-run is for --all; a bill of one owner is shown without --out");
  }
  const config = loadConfig(options.config);
  const ledger = openLedger(config, { snapshot: true });
  const archives = new Archives(options.archive ?? config.archive.folder);
  try {
    const grounds = { ...ledger, blocks: bothOf(ledger.store, archives) };
    const about = { month: wanted, carbon: carbonFactors(config) };
    if (owner === undefined) return makeAll(grounds, about, options);
    const file = billOf(grounds, { owner, ...about });
    if ("ok" in file) throw stop(file.code, faultText(file));
    write(textOf(file, options), options.out);
  } finally {
    archives.close();
    ledger.store.close();
  }
}

function makeAll(
  grounds: Grounds,
  about: Pick<RunOptions, "month" | "carbon">,
  { json, csv, lang, out = `bills-${about.month}`, dryRun = false }: BillOptions,
): void {
  const kind = json === true ? "json" : csv === true ? "csv" : "html";
  const textIn = (file: BillFile) => textOf(file, { lang, [kind]: true });
  const print = (line: string) => console.log(line);
  const options = { ...about, kind, lang, out, isDryRun: dryRun, textOf: textIn, print } as const;
  if (!runMonth(grounds, options)) process.exitCode = 1;
}

type Form = Pick<BillOptions, "html" | "json" | "csv" | "lang">;

function textOf(file: BillFile, { html, json, csv, lang }: Form): string {
  if (html === true) return billPage(file, lang);
  if (json === true) return `${JSON.stringify(file)}\n`;
  if (csv === true) return billCsv(file.bill);
  return billText(file.bill, lang);
}

function write(text: string, out: string | undefined): void {
  if (out === undefined) {
    // It waits for whoever reads slowly, and is at peace with who stops reading; a line end is its own.
    console.log(text.replace(/\n$/, ""));
    return;
  }
  writeFileSync(out, text);
  console.log(`written to ${out}`);
}

function faultText({ message, lines }: BillFault): string {
  return [`this ledger's bill does not prove itself: ${message}`, ...lines].join("\n  ");
}
