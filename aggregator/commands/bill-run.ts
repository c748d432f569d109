import { type MonthBill, bills as readyBills } from "../ledger/rules/bills/tables.ts";
import { owners } from "../ledger/tables.ts";
import { type BillFault, type BillFile, linesIn } from "../settlement/bill/document.ts";
import type { CarbonEvidence } from "../settlement/bill/evidence.ts";
import { monthIn } from "../settlement/bill/month.ts";
import { billedOwners, monthBills } from "../settlement/bill/month-bills.ts";
import { money } from "../settlement/bill/numbers.ts";
import { localTime } from "../settlement/bill/period.ts";
import { wholeHundredths } from "../settlement/bill/totals.ts";
import { type RunBill, RunFolder, type RunHead, type RunWish } from "./bill-run-file.ts";
import { against, type Grounds, type MonthSource, sourceOf, stop, told } from "./bill-source.ts";

export type RunOptions = Omit<RunWish, "chain"> & {
  readonly out: string;
  readonly isDryRun: boolean;
  readonly carbon: CarbonEvidence | undefined;
  textOf(file: BillFile): string;
  print(line: string): void;
};

/**
 * Makes the bills of a month of everybody into a folder, all from the state after one block. What is there already is
 * kept, and a run that was ended goes on from the block that it began with. Returns whether there is a bill now of
 * everybody who is to have one. Throws: `Failure` `bill.other-run`, `bill.month`, `bill.nothing`, `export.height`.
 */
export function runMonth(grounds: Grounds, options: RunOptions): boolean {
  const { month, kind, lang, out } = options;
  const wish = { chain: grounds.genesis.chain, month, kind, lang };
  const folder = new RunFolder(out, wish);
  const before = folder.read(wish);
  if (before !== undefined) insistOnMonth(grounds, { month, out, height: before.head.height });
  const from = sourceOf(grounds, month, before?.head.height);
  try {
    const { header } = from.source.head;
    const appHash = Buffer.from(header.appHash).toString("hex");
    const head: RunHead = { format: "busbar-bill-run/1", ...wish, height: header.height, appHash };
    const run = { folder, head, done: before?.bills ?? [] };
    return options.isDryRun
      ? foretell(from, run, options)
      : make(grounds, from, { ...run, options });
  } finally {
    from.close();
  }
}

/** That a run from before the month was over is not taken for the month's. Throws: `Failure` `bill.other-run`. */
function insistOnMonth(
  { store, blocks }: Grounds,
  { month, out, height }: Pick<RunOptions, "month" | "out"> & { readonly height: number },
): void {
  const end = monthIn(store.state, month)?.to ?? 0;
  const timeOf = (at: number) => blocks.header(at)?.header.time ?? 0;
  if (timeOf(height) >= end || timeOf(store.height) < end) return;
  const message = `the bills in ${out} are of block ${height}, when the month was not over, as it is now. Name another folder with --out`;
  throw stop("bill.other-run", message);
}

type Run = {
  readonly folder: RunFolder;
  readonly head: RunHead;
  readonly done: readonly RunBill[];
};

function make(
  grounds: Grounds,
  { source }: MonthSource,
  { folder, head, done, options }: Run & { readonly options: RunOptions },
): boolean {
  const { month, carbon, print } = options;
  const isDone = new Set(done.map(({ owner }) => owner));
  const all = billedOwners(source);
  const left = all.filter((owner) => !isDone.has(owner));
  folder.begin(head, done);
  for (const line of heading(source, head)) print(line);
  print(`${done.length} there, ${left.length} to make, into ${folder.path}`);
  const failed: string[] = [];
  let count = done.length;
  const made = monthBills(source, { owners: left, month, carbon, ...against(grounds) });
  for (;;) {
    const next = told(() => made.next());
    if (next.done === true) break;
    count += 1;
    const { owner, made: file } = next.value;
    const place = `${count} of ${all.length}  ${owner}`;
    if ("ok" in file) {
      failed.push(owner);
      print(`${place}: not made: ${faultLine(file)}`);
      continue;
    }
    const kept = keep(folder, head, file, options);
    print(`${place}: ${billLine(kept, file.bill.currency)}`);
  }
  print(closing({ failed, folder }));
  return failed.length === 0;
}

function keep(
  folder: RunFolder,
  { month, kind }: RunHead,
  file: BillFile,
  { textOf }: RunOptions,
): RunBill {
  const { bill } = file;
  const { due, slots } = bill.totals;
  const lines = linesIn(bill);
  const isEmpty = bill.slots.length === 0 && lines === 0;
  const name = isEmpty ? null : `bill-${bill.owner.id}-${month}.${kind}`;
  const about = { owner: bill.owner.id, file: name, due, lines };
  const { provisional, open } = slots;
  return folder.keep({ ...about, provisional, open }, isEmpty ? undefined : textOf(file));
}

function billLine({ file, due, lines, provisional, open, bytes }: RunBill, currency: string) {
  if (file === null) return "nothing to bill";
  const what = `${due > 0 ? "gets" : "pays"} ${money(Math.abs(due))} ${currency}`;
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  return [`${what}, ${lines} lines`, ...loose({ provisional, open }), `${size}  ${file}`].join(
    ", ",
  );
}

/** What of a month may still change. */
function loose({ provisional, open }: Pick<RunBill, "provisional" | "open">): string[] {
  return [
    ...(provisional === 0 ? [] : [`${provisional} slots provisional`]),
    ...(open === 0 ? [] : [`${open} slots without a settlement`]),
  ];
}

function faultLine({ code, message, lines }: BillFault): string {
  return `${message} (${code})${lines.length === 0 ? "" : `; ${lines.join("; ")}`}`;
}

function closing({ failed, folder }: { failed: readonly string[]; folder: RunFolder }): string {
  if (failed.length === 0) return `all are made: ${folder.path}`;
  return `not made are those of ${failed.join(", ")}; the others are in ${folder.path}, and the same command tries again`;
}

/** Of which state the bills are, and whether that has all of the month. */
function heading({ state, head }: MonthSource["source"], { month, height }: RunHead): string[] {
  const period = monthIn(state, month);
  const { time } = head.header;
  const when = period === undefined ? "" : ` (${localTime(time, period.zone)})`;
  return [
    `bills of ${month} as of block ${height}${when}`,
    ...(time < (period?.to ?? 0) ? ["the month is not over: slots are still to come"] : []),
  ];
}

/** Says what a run would do, and what the ledger says of the bills already; makes nothing. */
function foretell(
  { source }: MonthSource,
  { head, done, folder }: Run,
  { month, print }: RunOptions,
): boolean {
  const { state } = source;
  const isDone = new Set(done.map(({ owner }) => owner));
  const all = billedOwners(source);
  const left = all.filter((owner) => !isDone.has(owner));
  for (const line of heading(source, head)) print(line);
  for (const owner of all) {
    const about = owners.get(state, owner);
    const what = isDone.has(owner)
      ? "there already"
      : readyLine(readyBills.get(state, `${owner}/${month}`));
    print(`  ${owner} (${about?.name ?? ""}, ${about?.party ?? ""}): ${what}`);
  }
  print(`${left.length} of ${all.length} would be made into ${folder.path}; nothing was written`);
  return true;
}

/** What the ledger made out when the month was settled. */
function readyLine(ready: MonthBill | undefined): string {
  if (ready === undefined) return "the ledger has not made it out yet, or there is nothing to bill";
  const due = wholeHundredths(ready.total);
  const what = `${due > 0 ? "gets" : "pays"} ${money(Math.abs(due))}`;
  return [what, ...loose(ready)].join(", ");
}
