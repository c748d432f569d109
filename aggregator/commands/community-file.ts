import { Failure, type MicroPerKwh, type UtcMs, type Wh } from "@busbar/protocol";
import type {
  Community,
  CommunityMember,
  CommunitySlot,
  MemberEnergy,
} from "../settlement/what-if/community.ts";
import { expectedPrice, readPrice } from "./book-file.ts";
import { type Column, decimal, readTable, wrongForm } from "./table-file.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A quarter of an hour of 1 000 members for two days, or of 50 for a month, with room. */
const rowsMax = 400_000;

const time: Column<number> = {
  read: (text) => {
    // Without its zone a time would mean another slot on another machine.
    const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;
    const value = isTime.test(text) ? Date.parse(text) : Number.NaN;
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  },
  expected: "a slot's start with its zone, as in 2026-06-01T12:15:00Z",
};
const name: Column<string> = {
  read: (text) => (text.length <= 64 ? text : undefined),
  expected: "a name of 1 to 64 characters",
};
const energy: Column<Wh> = {
  read: decimal(3, { least: 0, most: 100_000_000 }) as (text: string) => Wh | undefined,
  expected: "kWh from 0 to 100000 with at most 3 decimals, as in 0.125",
};
const price: Column<MicroPerKwh | undefined> = { read: readPrice, expected: expectedPrice };

const meterColumns = {
  time,
  member: name,
  import: energy,
  export: { ...energy, absent: 0 as Wh },
  generation: { ...energy, absent: undefined as Wh | undefined },
};

const memberColumns = {
  member: name,
  party: {
    read: (text: string) => (["company", "user"] as const).find((word) => word === text),
    expected: "company or user",
    absent: "user" as const,
  },
  weight: {
    read: decimal(0, { least: 0, most: 1_000_000 }),
    expected: "an integer from 0 to 1000000",
    absent: 1,
  },
  bid: { ...price, absent: undefined },
  ask: { ...price, absent: undefined },
  "game-weight": {
    read: decimal(0, { least: 1, most: 100 }),
    expected: "an integer from 1 to 100",
    absent: undefined as number | undefined,
  },
  "band-low": { ...price, absent: undefined },
  "band-high": { ...price, absent: undefined },
  "feed-in": { ...price, absent: undefined },
  retail: { ...price, absent: undefined },
  fee: { ...price, absent: undefined },
};

/**
 * A community from files. `meters`: columns time (the slot's start), member, import, export and
 * generation (kWh; the last two may be missing), one row for each member and slot. `members`: columns
 * member, party, weight, bid, ask, game-weight, band-low, band-high, feed-in, retail and fee; all but the first
 * may be missing, and a member that it does not name has the defaults.
 * Throws: `Failure` as `readTable`; `table.form` for rows that repeat, slots of different lengths and
 * members without a row.
 */
export function communityFromFiles(meters: string, members?: string): Community {
  const rows = readTable(meters, "meters", meterColumns);
  if (rows.length === 0) throw wrongForm(meters, ["expected rows below the header, got none"]);
  if (rows.length > rowsMax) {
    throw wrongForm(meters, [`expected at most ${rowsMax} rows, got ${rows.length}`]);
  }
  const slotMs = slotLength(meters, rows);
  const ids = [...new Set(rows.map(({ member }) => member))].sort();
  const numbers = new Map(ids.map((id, i) => [id, i]));
  const slots = new Map<number, (MemberEnergy | undefined)[]>();
  for (const { time, member, generation, row, ...of } of rows) {
    const slot = slots.get(time) ?? ids.map(() => undefined);
    slots.set(time, slot);
    const at = numbers.get(member) ?? 0;
    if (slot[at] !== undefined) {
      const when = new Date(time).toISOString();
      throw wrongForm(meters, [`row ${row}: expected ${member} at ${when} once, got it again`]);
    }
    const known = generation === undefined ? {} : { generationWh: generation };
    slot[at] = { importWh: of.import, exportWh: of.export, ...known };
  }
  const known = members === undefined ? new Map() : membersFrom(members, numbers);
  return {
    slotMs,
    members: ids.map((id) => known.get(id) ?? { id, party: "user", weight: 1 }),
    slots: Array.from(
      slots,
      ([start, all]): CommunitySlot => ({ start: start as UtcMs, energy: all }),
    ).sort((a, b) => a.start - b.start),
  };
}

function membersFrom(path: string, known: ReadonlyMap<string, number>) {
  const rows = readTable(path, "members", memberColumns);
  const seen = new Set<string>();
  const problems = rows.flatMap(({ member, row }) => {
    const twice = seen.has(member);
    seen.add(member);
    if (twice)
      return [`row ${row}, column member: expected each once, got ${JSON.stringify(member)} again`];
    if (known.has(member)) return [];
    return [
      `row ${row}, column member: expected one that has meters, got ${JSON.stringify(member)}`,
    ];
  });
  const odd = rows.flatMap((row) => whyNotMember(row) ?? []);
  if (problems.length + odd.length > 0) throw wrongForm(path, [...problems, ...odd]);
  return new Map(rows.map((row): [string, CommunityMember] => [row.member, memberOf(row)]));
}

type MemberRow = ReturnType<typeof readTable<typeof memberColumns>>[number];

function memberOf({ member: id, party, weight, bid, ask, ...own }: MemberRow): CommunityMember {
  const { "game-weight": gameWeight, "feed-in": feedIn, retail, fee } = own;
  const { "band-low": low, "band-high": high } = own;
  return {
    ...{ id, party, weight },
    ...(bid === undefined ? {} : { bid }),
    ...(ask === undefined ? {} : { ask }),
    ...(gameWeight === undefined ? {} : { gameWeight }),
    ...(low === undefined || high === undefined ? {} : { band: [low, high] as const }),
    ...(feedIn === undefined ? {} : { feedIn }),
    ...(retail === undefined ? {} : { retail }),
    ...(fee === undefined ? {} : { fee }),
  };
}

/** What makes no sense in a member's row; undefined where all of it does. */
function whyNotMember({ row, fee, ...own }: MemberRow): string | undefined {
  const { "band-low": low, "band-high": high, "feed-in": feedIn, retail } = own;
  if (
    (low === undefined) !== (high === undefined) ||
    (low ?? 0) > (high ?? 0) ||
    (low !== undefined && low === high)
  ) {
    return `row ${row}: expected band-low below band-high, or neither of them`;
  }
  if ((fee ?? 0) < 0) return `row ${row}, column fee: expected a price from 0 on`;
  if (feedIn !== undefined && retail !== undefined && feedIn > retail) {
    return `row ${row}: expected a feed-in price up to the retail price`;
  }
  return undefined;
}

/** The distance of the slots' starts: the smallest there is, of which all are multiples. */
function slotLength(
  path: string,
  rows: readonly { readonly time: number; readonly row: number }[],
): number {
  const times = [...new Set(rows.map(({ time }) => time))].sort((a, b) => a - b);
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  const slotMs = steps.reduce((least, step) => Math.min(least, step), hourMs);
  if (slotMs % minuteMs !== 0 || hourMs % slotMs !== 0) {
    const message = `expected slots of a divisor of an hour, got rows ${slotMs / minuteMs} minutes apart`;
    throw wrongForm(path, [message]);
  }
  const odd = rows.find(({ time }) => time % slotMs !== 0);
  if (odd === undefined) return slotMs;
  const minutes = slotMs / minuteMs;
  throw wrongForm(path, [
    `row ${odd.row}, column time: expected the start of a slot of ${minutes} minutes, got ${new Date(odd.time).toISOString()}`,
  ]);
}

/** Says of what has no slots in a span that it has none. */
export function within(community: Community, from: number, to: number): Community {
  const slots = community.slots.filter(({ start }) => start >= from && start < to);
  if (slots.length > 0) return { ...community, slots };
  const [first, last] = [community.slots[0]?.start, community.slots.at(-1)?.start];
  const known =
    first === undefined || last === undefined
      ? "there are none"
      : `known are those from ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`;
  throw new Failure("report.empty", `expected slots in this time; ${known}`, { retry: "never" });
}
