import { writeFileSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import type { Command } from "commander";
import { schemeNames } from "../settlement/what-if/figures.ts";
import { whatIfPage } from "../settlement/what-if/page.ts";
import { type WhatIf, whatIf } from "../settlement/what-if/what-if.ts";
import { addSourceOptions, type SourceOptions, sourceOf } from "./community-source.ts";

export type ReportOptions = SourceOptions & {
  readonly whatIf: boolean;
  readonly html?: string;
  readonly json: boolean;
};

/** Adds `busbar-aggregator report`. */
export function addReportCommand(program: Command): void {
  const command = program
    .command("report")
    .description("the same meters under other rules: retail, keys, auctions, bargaining")
    .option("--what-if", "compare schemes for each member and the community", false);
  addSourceOptions(command)
    .option("--html <file>", "write a page with charts, too")
    .option("--json", "print the result as JSON (Wh, 10⁻⁶ currency)", false)
    .addHelpText(
      "after",
      `
Examples:
  busbar-aggregator report --what-if --file meters.csv --members members.csv --html what-if.html
  busbar-aggregator report --what-if --config .busbar/aggregator/member-1/aggregator.yaml --json`,
    )
    .action((options) => reportCommand(options, (line) => console.log(line)));
}

/**
 * Prints what each member and the community would have paid under each scheme.
 * Throws: `Failure` `report.usage`, `report.empty`, `report.file`, `table.*`, `config.*`.
 */
export function reportCommand(options: ReportOptions, write: (line: string) => void): void {
  if (!options.whatIf) {
    const message = "expected --what-if: the same meters under each scheme";
    throw new Failure("report.usage", message, { retry: "never" });
  }
  const { source, community, terms } = sourceOf(options);
  const report = whatIf(community, terms);
  if (options.html !== undefined) writePage(options.html, whatIfPage(report, source));
  if (options.json) return write(JSON.stringify({ source, ...report }));
  for (const line of textOf(report, source)) write(line);
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    const message = `${file}: cannot be written (${cause instanceof Error ? cause.message : cause})`;
    throw new Failure("report.file", message, { retry: "never", cause });
  }
}

function* textOf(report: WhatIf, source: string): Generator<string> {
  const { community, members, worstOff, slots, slotMs } = report;
  yield `${source}: ${members.length} members, ${slots} slots of ${slotMs / 60_000} minutes; money in currency, saved against retail alone.`;
  yield "";
  yield row([
    "scheme",
    "paid",
    "saved",
    "self-suff.",
    "self-cons.",
    "peak kW",
    "worst off",
    "saves",
  ]);
  for (const [s, total] of community.entries()) {
    const worst = worstOff[s];
    yield row([
      schemeNames[total.scheme],
      money(total.costMicro),
      money(total.savingMicro),
      percent(total.selfSufficiency),
      percent(total.selfConsumption),
      (total.peakW / 1000).toFixed(2),
      worst?.id ?? "",
      money(worst?.savingMicro ?? 0),
    ]);
  }
  yield "";
  yield row(["pays", ...community.map(({ scheme }) => schemeNames[scheme])]);
  for (const { id, totals } of members) {
    yield row([id, ...totals.map(({ costMicro }) => money(costMicro))]);
  }
}

const money = (micro: number) => (Math.round(micro / 10_000) / 100 || 0).toFixed(2);
const percent = (part: number | null) => (part === null ? "–" : `${(100 * part).toFixed(1)} %`);
const row = (texts: readonly string[]) =>
  `  ${texts.map((text, i) => (i === 0 ? text.padEnd(16) : text.padStart(14))).join("")}`;
