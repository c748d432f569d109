import type { PinnedMembership, Verify } from "@busbar/protocol";
import { firstDifference } from "./compare.ts";
import { type Bill, type BillFault, billFormat, linesIn } from "./document.ts";
import { decodeEvidence } from "./evidence.ts";
import { type Fault, found } from "./grounds.ts";
import { makeBill } from "./make.ts";
import { linesAbout } from "./names.ts";

/** What a good bill was checked by. */
export type CheckedBill = { readonly ok: true; readonly bill: Bill; readonly lines: number };

/**
 * Checks a bill against the members' keys and nothing else: what it rests on is proved, the bill is made
 * anew from that alone, and has to be the one that was handed out, to the last letter.
 *
 * Codes: `bill.form`, `bill.evidence`, those of `proveGrounds` and of `draftBill`, `bill.line` for a bill
 * that says something else than its evidence.
 */
export function checkBill(
  file: { readonly bill: unknown; readonly evidence: unknown },
  { pinned, verify }: { readonly pinned: PinnedMembership; readonly verify: Verify },
): CheckedBill | BillFault {
  const older = formatOf(file.bill);
  if (older !== undefined) {
    const message = `the bill is of form ${older}, this program checks ${billFormat}: make it anew, or check it with the version that made it`;
    return { ok: false, code: "bill.form", message, lines: [] };
  }
  const stated = statedBill(file.bill);
  if (stated === undefined || typeof file.evidence !== "string") {
    return { ok: false, code: "bill.form", message: "this is no bill of busbar's", lines: [] };
  }
  const named = ({ code, message, about }: Fault): BillFault => {
    return { ok: false, code, message, lines: linesAbout(stated, about) };
  };
  const decoded = decodeEvidence(file.evidence);
  if (!decoded.ok) {
    return named({ ok: false, code: "bill.evidence", message: decoded.why, about: "all" });
  }
  const { evidence } = decoded;
  const { owner, month } = stated;
  const { evidence: encoded } = file;
  const claims = { pinned, verify, owner: owner.id, month };
  const made = found(() => makeBill(evidence, encoded, claims));
  if (!made.ok) return named(made);
  const difference = firstDifference(file.bill, made.value);
  if (difference === undefined) {
    return {
      ok: true,
      bill: made.value,
      lines: linesIn(made.value),
    };
  }
  const { path, stated: says, made: is, lines } = difference;
  const message = `${path}: the bill says ${text(says)}, its evidence makes ${text(is)}`;
  return { ok: false, code: "bill.line", message, lines };
}

/** The form of a bill of another version; undefined for one of this one, and for what is no bill. */
function formatOf(value: unknown): string | undefined {
  const format = typeof value === "object" && value !== null ? Reflect.get(value, "format") : value;
  const isOther = typeof format === "string" && /^busbar-bill\/\d{1,3}$/.test(format);
  return isOther && format !== billFormat ? format : undefined;
}

/** As much of a bill's form as names need; whatever else is wrong in it is found by comparing. */
function statedBill(value: unknown): Bill | undefined {
  const bill = value as Partial<Bill> | null;
  if (typeof bill !== "object" || bill === null) return undefined;
  if (bill.format !== billFormat || typeof bill.month !== "string") return undefined;
  if (typeof bill.owner !== "object" || typeof bill.owner?.id !== "string") return undefined;
  if (!Array.isArray(bill.slots) || !isList(bill.account)) return undefined;
  const sound = bill.slots.every(
    (slot) =>
      typeof slot === "object" && slot !== null && isList(slot.lines) && isList(slot.meters),
  );
  return sound ? (bill as Bill) : undefined;
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null);
}

function text(value: unknown): string {
  const said = JSON.stringify(value) ?? "nothing";
  return said.length > 120 ? `${said.slice(0, 120)}…` : said;
}
