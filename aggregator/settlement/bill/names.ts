import { parseTimeZone } from "@busbar/protocol";
import type { AccountLine, Bill, BillLine, BillSlot } from "./document.ts";
import type { Concern } from "./grounds.ts";
import { contractOfKey, entryOfKey, slotsOfKey } from "./keys.ts";
import { localTime } from "./period.ts";

/** Most lines that a fault names; how many more there are is said. */
const namedMax = 12;

/** The lines of a bill that something concerns, as people find them in it. */
export function linesAbout(bill: Bill, concern: Concern): readonly string[] {
  const lines = linesOf(bill, concern);
  return lines.length > 0 ? shortened(lines) : [without(bill, concern)];
}

/** What something is about that no line of the bill is. */
function without(bill: Bill, concern: Concern): string {
  if (concern === "all") return "the whole bill";
  if ("contract" in concern) return `contract ${concern.contract}`;
  if ("entry" in concern) return `entry ${concern.entry} of the account`;
  if ("frames" in concern) return `frames ${concern.frames.join(", ")} of the evidence`;
  const slot = "slot" in concern ? concern.slot : slotsOfKey(concern.key)?.from;
  if (slot !== undefined) return `slot ${slotName(bill, slot)}`;
  return "key" in concern ? concern.key : "";
}

function linesOf(bill: Bill, concern: Concern): string[] {
  if (concern === "all") {
    const slots = named(
      bill,
      () => true,
      () => true,
    );
    return [...slots, ...accountNamed(bill, () => true)];
  }
  if ("entry" in concern) return accountNamed(bill, ({ entry }) => entry === concern.entry);
  if ("slot" in concern)
    return named(
      bill,
      ({ slot }) => slot === concern.slot,
      () => true,
    );
  if ("contract" in concern) {
    return named(
      bill,
      () => true,
      ({ contract }) => contract === concern.contract,
    );
  }
  if ("key" in concern) {
    const contract = contractOfKey(concern.key);
    if (contract !== undefined) return linesOf(bill, { contract });
    const entry = entryOfKey(concern.key);
    if (entry !== undefined) return linesOf(bill, { entry });
    const slots = slotsOfKey(concern.key);
    if (slots === undefined) return linesOf(bill, "all");
    return named(
      bill,
      ({ slot }) => slot >= slots.from && slot < slots.to,
      () => true,
    );
  }
  const within = (frames: readonly [number, number] | null) =>
    frames !== null && concern.frames.some((frame) => frame >= frames[0] && frame <= frames[1]);
  const quoted = ({ order }: BillLine) =>
    order !== null && concern.frames.some((frame) => frame === order.sealed);
  const byMeter = named(
    bill,
    ({ meters }) => meters.some(({ frames }) => within(frames)),
    () => true,
  );
  if (byMeter.length > 0) return byMeter;
  const about = ({ payment, demand }: AccountLine) =>
    concern.frames.some((frame) => frame === payment?.frame || frame === demand?.frame);
  return [...named(bill, () => true, quoted), ...accountNamed(bill, about)];
}

function accountNamed(bill: Bill, wanted: (line: AccountLine) => boolean): string[] {
  return bill.account.filter(wanted).map((line) => accountLineName(bill, line));
}

function named(
  bill: Bill,
  slots: (slot: BillSlot) => boolean,
  lines: (line: BillLine) => boolean,
): string[] {
  return bill.slots
    .filter(slots)
    .flatMap((slot) => slot.lines.filter(lines).map((line) => lineName(bill, slot, line)));
}

/** A line's number, time and what it is. */
export function lineName(bill: Bill, { slot }: BillSlot, line: BillLine): string {
  const what = line.contract === null ? (line.charge ?? "") : `contract ${line.contract}`;
  return `line ${line.line} (${slotName(bill, slot)}, ${line.kind}${what === "" ? "" : `, ${what}`})`;
}

/** The same of a line of the account. */
export function accountLineName(
  bill: Bill,
  { line, kind, time, with: other }: AccountLine,
): string {
  return `line ${line} (${slotName(bill, time)}, ${kind}, ${other})`;
}

/** A slot's time by the bill's own clock; as a number where that is none. */
export function slotName({ timeZone }: Bill, slot: number): string {
  const zone = parseTimeZone(String(timeZone));
  const isTime = Number.isSafeInteger(slot) && Math.abs(slot) < 8.64e15;
  return zone === undefined || !isTime ? String(slot) : localTime(slot, zone);
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= namedMax) return lines;
  return [...lines.slice(0, namedMax), `and ${lines.length - namedMax} more`];
}
