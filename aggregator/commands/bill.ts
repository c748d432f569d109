import { writeFileSync } from "node:fs";
import { decodeStateProof, Failure, parseTimeZone } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import { parametersTable } from "../ledger/parameters.ts";
import { StateTree } from "../ledger/state/tree.ts";
import { stateAt } from "../ledger/state-at.ts";
import { rememberingVerify } from "../ledger/verified.ts";
import { collectBill, firstHeightAt } from "../settlement/bill/collect.ts";
import { billCsv } from "../settlement/bill/csv.ts";
import type { BillFault, BillFile } from "../settlement/bill/document.ts";
import type { CarbonEvidence } from "../settlement/bill/evidence.ts";
import type { BillSource } from "../settlement/bill/evidence-paths.ts";
import { BillError } from "../settlement/bill/grounds.ts";
import { billPage } from "../settlement/bill/page.ts";
import { FramePaths } from "../settlement/bill/paths.ts";
import { billableMs, monthPeriod } from "../settlement/bill/period.ts";
import { type Language, languages } from "../settlement/bill/words.ts";
import { id } from "./arguments.ts";
import { billText } from "./bill-text.ts";
import { verifyBillFile } from "./bill-verify.ts";
import { type Ledger, openLedger } from "./ledger.ts";

type BillOptions = {
  readonly owner?: string;
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
    .option("--month <yyyy-mm>", "the month, by the site's clock", month)
    .option("--html", "as a page that prints, and that --verify takes")
    .option("--json", "as JSON, which --verify takes; with --verify: the finding as JSON")
    .option("--csv", "its lines for a spreadsheet, without proofs")
    .addOption(
      new Option("--lang <language>", "language of page and text").choices(languages).default("en"),
    )
    .option("--out <file>", "where to write it, instead of standard output")
    .option("--config <file>", "the aggregator's configuration", "aggregator.yaml")
    .option("--archive <folder>", "where old blocks are, if not where the configuration says")
    .option("--verify <file>", "check a bill (HTML or JSON) with the members' keys alone, offline")
    .option("--membership <file>", "the members' public keys", "membership.json")
    .addHelpText(
      "after",
      `
Works while the aggregator runs. What cannot be proved is not made into a bill.
Exit codes: 0 the bill is made, or good; 1 it is not.

Examples:
  busbar-aggregator bill --owner user-1 --month 2026-06
  busbar-aggregator bill --owner user-1 --month 2026-06 --html --out bill.html
  busbar-aggregator bill --verify bill.html --membership membership.json`,
    )
    .action((options: BillOptions) => {
      if (options.verify !== undefined) return verifyBillFile(options.verify, options, print);
      makeBill(options);
    });
}

function month(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  throw new InvalidArgumentError("expected a month like 2026-06");
}

function makeBill(options: BillOptions): void {
  const { owner, month: wanted, html, json, csv } = options;
  if (owner === undefined || wanted === undefined) {
    throw stop("bill.usage", "expected --owner ID and --month YYYY-MM, or --verify FILE");
  }
  if ([html, json, csv].filter((format) => format === true).length > 1) {
    throw stop("bill.usage", "expected one of --html, --json and --csv");
  }
  const config = loadConfig(options.config);
  const ledger = openLedger(config, { snapshot: true });
  const archives = new Archives(options.archive ?? config.archive.folder);
  try {
    const file = billOf(
      { ...ledger, blocks: bothOf(ledger.store, archives) },
      { owner, month: wanted, carbon: carbonFactors(config) },
    );
    if ("ok" in file) throw stop(file.code, faultText(file));
    write(textOf(file, options), options.out);
  } finally {
    archives.close();
    ledger.store.close();
  }
}

type Grounds = Ledger & { readonly blocks: BillSource["blocks"] };

/** Makes a bill from an open ledger. Throws: `Failure` `bill.owner`, `bill.month`, `bill.nothing`. */
export function billOf(
  grounds: Grounds,
  {
    owner,
    month: wanted,
    carbon,
  }: {
    readonly owner: string;
    readonly month: string;
    readonly carbon?: CarbonEvidence | undefined;
  },
): BillFile | BillFault {
  const { genesis } = grounds;
  const { source, close } = sourceOf(grounds, wanted);
  try {
    const pinned = { chain: genesis.chain, members: genesis.members };
    // Where more of what is before the month has to be carried, it is proved once more.
    const against = { pinned, verify: rememberingVerify(verify) };
    return collectBill(source, { owner, month: wanted, carbon, ...against });
  } catch (error) {
    if (error instanceof BillError) throw stop(error.fault.code, error.message);
    throw error;
  } finally {
    close();
  }
}

/** The factors of the carbon figure as a bill carries them; undefined where the configuration has none. */
export function carbonFactors({ carbon }: AggregatorConfig): CarbonEvidence | undefined {
  if (carbon === undefined) return undefined;
  const { source, gramsPerKwh } = carbon;
  const mg = (grams: number) => Math.round(grams * 1000);
  const { solar, wind, rest } = gramsPerKwh;
  return { source, solar: mg(solar), wind: mg(wind), rest: mg(rest) };
}

/** The newest state that still holds the month: this one, or an older one that is made again. */
function sourceOf(grounds: Grounds, wanted: string): { source: BillSource; close(): void } {
  const { store, blocks, application, genesis } = grounds;
  const newest = store.header(store.height);
  if (newest === undefined || newest.certificate.length === 0) {
    throw stop("bill.nothing", "the ledger has no certified block yet");
  }
  const steps = store.councilSteps.after(0).flatMap(({ proof }) => {
    const decoded = decodeStateProof(proof);
    return decoded.ok ? [decoded.proof] : [];
  });
  const common = { blocks, history: store.history, paths: new FramePaths(blocks), steps };
  const from = monthStart(grounds, wanted);
  if (newest.header.time < from + billableMs) {
    const prove = (key: string) => application.query(key).path;
    return { source: { ...common, head: newest, state: store.state, prove }, close() {} };
  }
  const height = firstHeightAt(blocks, from + billableMs, store.height) - 1;
  const past = stateAt(height, { store, blocks, genesis, verify });
  const tree = StateTree.of(past.state.scan(""));
  const { header, hash, certificate, state } = past;
  const head = { header, hash, certificate };
  return {
    source: { ...common, head, state, prove: (key) => tree.prove(key) },
    close: () => past.close(),
  };
}

function monthStart({ store, genesis }: Grounds, wanted: string): number {
  const parameters = parametersTable.get(store.state, "current");
  const zone = parameters && parseTimeZone(parameters.timeZone);
  const period = zone && monthPeriod(wanted, zone);
  if (period !== undefined && period.to <= genesis.time) {
    const begins = new Date(genesis.time).toISOString();
    throw stop("bill.month", `the chain begins at ${begins}: it has no slots of ${wanted}`);
  }
  if (period !== undefined) return period.from;
  throw stop("bill.month", `expected a month as 2026-03, got ${wanted}`);
}

function textOf(file: BillFile, { html, json, csv, lang }: BillOptions): string {
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

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
