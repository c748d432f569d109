import type { Bill } from "./document.ts";
import { accountLineName, lineName, slotName } from "./names.ts";

/** Where a bill differs from what its evidence makes: the place, both values, the lines concerned. */
export type Difference = {
  readonly path: string;
  readonly stated: unknown;
  readonly made: unknown;
  readonly lines: readonly string[];
};

/**
 * The first place at which a stated bill is not the one that was made; undefined where they are equal,
 * to the order of their keys, so that there is one text for each bill.
 */
export function firstDifference(stated: unknown, made: Bill): Difference | undefined {
  const found = differ(stated, made, []);
  if (found === undefined) return undefined;
  return {
    path: found.path.join("."),
    stated: found.stated,
    made: found.made,
    lines: concerned(made, found.path),
  };
}

type Found = { readonly path: readonly string[]; readonly stated: unknown; readonly made: unknown };

function differ(stated: unknown, made: unknown, path: readonly string[]): Found | undefined {
  if (Object.is(stated, made)) return undefined;
  if (!isObject(stated) || !isObject(made) || Array.isArray(stated) !== Array.isArray(made)) {
    return { path, stated, made };
  }
  const [ours, theirs] = [Object.keys(made), Object.keys(stated)];
  for (const [i, key] of ours.entries()) {
    if (!(key in stated)) return { path: [...path, key], stated: undefined, made: made[key] };
    const found = differ(stated[key], made[key], [...path, key]);
    if (found !== undefined) return found;
    if (theirs[i] !== key)
      return { path: [...path, theirs[i] ?? key], stated: theirs[i], made: key };
  }
  const [more] = theirs.slice(ours.length);
  if (more === undefined) return undefined;
  return { path: [...path, more], stated: stated[more], made: undefined };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The lines that a place in the bill is about; that of a sum is about no single one. */
function concerned(bill: Bill, [part, at = "", inner, line = ""]: readonly string[]) {
  const entry = part === "account" ? bill.account[Number(at)] : undefined;
  if (entry !== undefined) return [accountLineName(bill, entry)];
  if (part !== "slots") return [`the bill's ${[part, at].filter((one) => one !== "").join(" ")}`];
  const slot = bill.slots[Number(at)];
  if (slot === undefined) return ["a slot that is not there"];
  const own = inner === "lines" ? slot.lines[Number(line)] : undefined;
  if (own !== undefined) return [lineName(bill, slot, own)];
  const name = `slot ${slotName(bill, slot.slot)}`;
  const all = slot.lines.map((one) => lineName(bill, slot, one));
  return inner === "lines" ? [`${name}: a line that is not there`] : [name, ...all];
}
