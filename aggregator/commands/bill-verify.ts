import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { type CheckedBill, checkBill } from "../settlement/bill/check.ts";
import type { BillFault, BillFile } from "../settlement/bill/document.ts";
import { billPage, pageDifference, readPage } from "../settlement/bill/page.ts";
import { readMembership } from "./membership-file.ts";

type VerifyOptions = { readonly membership: string; readonly json?: boolean };

/**
 * `busbar-aggregator bill --verify`: checks a bill, or all that lie in a folder, with the members' public keys alone,
 * offline. Exit code 1 where one does not prove itself. Throws: `Failure` `bill.file`, `membership.missing`, `config.*`.
 */
export function verifyBills(
  path: string,
  { membership, json = false }: VerifyOptions,
  print: (value: object) => void,
): void {
  const against = { pinned: readMembership(membership), verify };
  if (!isFolder(path)) return tellOne(checkBillText(readText(path), against), { json, print });
  const names = readdirSync(path).filter((name) => /^bill-.*\.(html|json)$/.test(name));
  if (names.length === 0) {
    throw noBill(`${path} holds no bill: expected files named bill-… that end in .html or .json`);
  }
  let bad = 0;
  for (const name of names.sort()) {
    const checked = checkFile(join(path, name), against);
    if (!checked.ok) bad += 1;
    if (json) print({ file: name, ...(checked.ok ? shortOf(checked) : checked) });
    else console.log(`${name}: ${lineOf(checked)}`);
  }
  if (bad > 0) process.exitCode = 1;
  if (!json) console.log(`${names.length - bad} of ${names.length} bills are good`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What is no bill at all is one that does not prove itself, among others. */
function checkFile(path: string, against: Against): CheckedBill | BillFault {
  try {
    return checkBillText(readText(path), against);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ok: false, code: error.code, message: error.message, lines: [] };
  }
}

function tellOne(
  checked: CheckedBill | BillFault,
  { json, print }: { readonly json: boolean; print(value: object): void },
): void {
  if (!checked.ok) process.exitCode = 1;
  if (json) return print(checked.ok ? shortOf(checked) : checked);
  if (checked.ok) return console.log(goodText(checked));
  console.error(`this bill does not prove itself: ${checked.message}`);
  for (const line of checked.lines) console.error(`  ${line}`);
  console.error(`(${checked.code})`);
}

/** One of many, in a line. */
function lineOf(checked: CheckedBill | BillFault): string {
  if (!checked.ok) {
    const { code, message, lines } = checked;
    return `does not prove itself: ${[message, ...lines].join("; ")} (${code})`;
  }
  const { bill, lines } = checked;
  const { slots } = bill.totals;
  return `good, ${bill.owner.id} ${bill.month} as of block ${bill.asOf.height}, ${lines} lines, ${slots.provisional} slots provisional, nothing of ${slots.open} more`;
}

type Against = Parameters<typeof checkBill>[1];

/** Checks a bill as it was handed out, as a page or as JSON: what a page shows has to be its bill. */
export function checkBillText(text: string, against: Against): CheckedBill | BillFault {
  if (!/^\s*</.test(text)) return checkBill(jsonBill(text), against);
  const page = readPage(text);
  if (page === undefined)
    throw noBill("the page holds no bill, or was cut off: take the whole file");
  const checked = checkBill(page.file, against);
  if (!checked.ok) return checked;
  const difference = pageDifference(text, billPage(page.file, page.language));
  if (difference === undefined) return checked;
  const message = `the page shows something else than its bill: ${difference.shows}`;
  return { ok: false, code: "bill.page", message, lines: [difference.line] };
}

function jsonBill(text: string): Pick<BillFile, "bill" | "evidence"> {
  try {
    const value = JSON.parse(text) as BillFile | null;
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const expected = "expected a bill that busbar-aggregator bill wrote with --html or --json";
  throw noBill(`${expected}, whole; a spreadsheet's lines carry no proofs`);
}

function noBill(message: string): Failure {
  return new Failure("bill.file", message, { retry: "never" });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("bill.file", `${path}: cannot read the bill`, { retry: "never", cause });
  }
}

function shortOf({ ok, bill, lines }: CheckedBill) {
  const { owner, month, asOf, totals, credit, proofs } = bill;
  return { ok, owner: owner.id, month, asOf, totals, credit, lines, proofs };
}

/** What is said of a good bill: also what of its month it does not hold. */
export function goodText({ bill, lines }: CheckedBill): string {
  const { owner, month, asOf, totals, proofs, carbon } = bill;
  const { blocks, frames, entries } = proofs;
  const when = new Date(asOf.time).toISOString();
  return [
    `good: the bill of ${owner.id} for ${month}, as of block ${asOf.height} of ${bill.chain} (${when})`,
    `  ${lines} lines of ${bill.slots.length} slots, ${totals.slots.provisional} of them provisional; nothing of ${totals.slots.open} more`,
    asOf.time < bill.to
      ? "  the month is not over: slots are still to come"
      : "  the month is over",
    ...(carbon === null
      ? []
      : [
          `  carbon ${(carbon.grams / 1000).toFixed(3)} kg CO2e by the maker's factors (${carbon.source})`,
        ]),
    `  made anew from ${frames} signed frames in ${blocks} certified blocks and ${entries} entries of the state`,
  ].join("\n");
}
