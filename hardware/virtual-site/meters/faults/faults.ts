import { Failure, nearest } from "@busbar/protocol";
import { z } from "zod";

const share = z.number().min(0).max(1).optional();
const span = z
  .tuple([z.number().min(0).max(600_000), z.number().min(0).max(600_000)])
  .refine(([from, to]) => from <= to, "expected [from, to] with from ≤ to")
  .optional();

/**
 * What goes wrong with a bus or with one meter. Shares are of answers, 0 … 1; spans are [from, to]
 * in ms, from which each time is drawn. The descriptions are the documentation.
 */
export const faultsShape = z.strictObject({
  late: share.describe("comes lateMs after its time, when others may have been asked"),
  lateMs: span.describe("default 150 to 4000"),
  dropped: share.describe("is lost"),
  cut: share.describe("loses its end"),
  damaged: share.describe("has up to 8 flipped bits in a row"),
  noise: share.describe("has up to 11 random bytes before and after it"),
  merged: share.describe("is held back and comes joined to the next bytes"),
  repeated: share.describe("comes a second time, repeatMs later"),
  repeatMs: span.describe("default 0 to 1900"),
  wrongUnit: share.describe("comes from another unit id, in time"),
  foreign: share.describe("comes behind another master's read of the same unit and its answer"),
  crossed: share.describe("tcp: is lost, and is given to the next request as its answer"),
  babble: share.describe("is random bytes for babbleMs instead"),
  babbleMs: span.describe("default 300 to 1500"),
  busy: share.describe("is exception 6"),
  dead: share.describe("is the last before deadMs of silence; 1: the unit never answers"),
  deadMs: span.describe("default 5000 to 60 000"),
  echo: share.describe("requests that come back before their answer; 1: an adapter that echoes"),
  unplug: share.describe("rtu: requests at which the adapter is unplugged for awayMs"),
  awayMs: span.describe("default 2000 to 8000"),
  torn: share.describe(
    "holds words of two instants: those before a place in it are older, or younger",
  ),
  sentinel: share.describe("has one value that says: not known"),
  reset: share.describe("energy counters begin at 0 again"),
  rolloverKwh: z.number().positive().optional().describe("counters roll over to 0 here"),
});

/** Faults of a bus or of one meter; what is left out does not happen. */
export type Faults = z.output<typeof faultsShape>;

/** Where times come from that a configuration leaves open, ms. */
export const usualMs = {
  lateMs: [150, 4000],
  repeatMs: [0, 1900],
  babbleMs: [300, 1500],
  deadMs: [5000, 60_000],
  awayMs: [2000, 8000],
} as const;

/**
 * Faults as a command line has them: `late=0.01,lateMs=150-4000,echo=1`.
 * Throws: `Failure` `site.faults` that names what is wrong.
 */
export function parseFaults(text: string): Faults {
  const entries = text.split(",").filter((part) => part.trim() !== "");
  const parsed = faultsShape.safeParse(Object.fromEntries(entries.map(parseOne)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(`${issue?.path.join(".")}: ${issue?.message}`);
}

function parseOne(entry: string): [string, number | number[]] {
  const [name = "", value = "", ...more] = entry.trim().split("=");
  if (!Object.hasOwn(faultsShape.shape, name)) {
    const known = Object.keys(faultsShape.shape);
    const near = nearest(name, known);
    const hint = near === undefined ? `known: ${known.join(", ")}` : `did you mean ${near}?`;
    throw wrong(`there is no fault ${name}; ${hint}`);
  }
  const numbers = value.split("-").map((part) => (part === "" ? Number.NaN : Number(part)));
  if (more.length > 0 || numbers.some(Number.isNaN)) {
    throw wrong(`${entry}: expected ${name}=0.01, or ${name}=150-4000 for a time`);
  }
  if (!name.endsWith("Ms")) return [name, numbers.length === 1 ? (numbers[0] ?? 0) : numbers];
  return [name, numbers.length === 1 ? [...numbers, ...numbers] : numbers];
}

const wrong = (text: string) => new Failure("site.faults", `--faults: ${text}`, { retry: "never" });
