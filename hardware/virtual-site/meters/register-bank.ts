import { type Bank, exception, refuse } from "./bank.ts";
import type { CellType, ModbusProfile } from "./profile.ts";
import { inUnit, type Quantities } from "./quantities.ts";
import { encodeWords, notAvailable, type WordOrder, wordCount } from "./words.ts";

/** How one device differs from its type: what an edge has to learn about it. */
export type Quirks = {
  readonly serialNumber: string | number;
  /** Registers per request, where this unit takes fewer than its type. */
  readonly maxRegisters?: number | undefined;
  /** Rows that this unit lacks, by their address. */
  readonly missing?: readonly number[] | undefined;
  /** What its factor registers hold, by name, such as a transformer's ratio; default 1. */
  readonly factors?: Readonly<Record<string, number>> | undefined;
};

/** One row: its place and how its words come from what is measured. */
type Row = {
  readonly address: number;
  readonly count: number;
  readonly words: (now: Quantities) => readonly number[];
};

/** Firmware answers 0 for reserved registers inside a table; longer holes are between tables. */
const reservedMax = 24;

/** Registers of a plain Modbus meter. A read takes one look at the site, however long it is. */
export function registerBank(
  profile: ModbusProfile,
  quirks: Quirks,
  measure: () => Quantities,
): Bank {
  const { read } = profile;
  const limit = Math.min(read.maxRegisters, quirks.maxRegisters ?? read.maxRegisters);
  const spaces = new Map<number, Space>();
  for (const code of [3, 4] as const) {
    const rows = rowsOf(profile, quirks, code);
    if (rows.length > 0) spaces.set(code, makeSpace(rows, quirks.missing ?? []));
  }
  return {
    knows: (code) => spaces.has(code),
    read: ({ functionCode, address, count }) => {
      const space = spaces.get(functionCode);
      if (space === undefined) return refuse(exception.illegalFunction);
      if (count < 1 || count > limit) return refuse(exception.illegalValue);
      // Identification registers are single words: only the table of values counts in pairs.
      const paired = functionCode === read.function;
      if (paired && read.evenCount && count % 2 !== 0) return refuse(exception.illegalValue);
      if (paired && read.evenStart && address % 2 !== 0) return refuse(exception.illegalAddress);
      const words: number[] = new Array(count).fill(0);
      for (let i = 0; i < count; i++) {
        if (!space.readable.has(address + i)) return refuse(exception.illegalAddress);
      }
      const now = measure();
      for (const row of space.rows) copyOverlap(row, now, words, address);
      return { ok: true, words };
    },
  };
}

/** Rows of one function code, and every address that can be read under it. */
type Space = { readonly rows: readonly Row[]; readonly readable: ReadonlySet<number> };

function rowsOf(profile: ModbusProfile, quirks: Quirks, code: 3 | 4): Row[] {
  const { wordOrder } = profile.read;
  const fixed = (address: number, type: CellType, value: number | string): Row => {
    const words = encodeWords(type, value, wordOrder);
    return { address, count: words.length, words: () => words };
  };
  const rows: Row[] = [];
  for (const { function: of, address, type, equals, startsWith } of profile.identify) {
    if (of === code) rows.push(fixed(address, type, equals?.[0] ?? startsWith?.[0] ?? 0));
  }
  const serial = profile.serialNumber;
  if (serial?.function === code) {
    rows.push(fixed(serial.address, serial.type, quirks.serialNumber));
  }
  if (code !== profile.read.function) return rows;
  for (const [name, { address, type, scale }] of Object.entries(profile.factors)) {
    rows.push(fixed(address, type, factorOf(quirks, name) / scale));
  }
  for (const row of profile.registers) {
    const { address, type, scale, unit, quantity, multiplyBy } = row;
    const unknown = unknownWords(profile, row);
    // A register behind transformers shows the secondary side.
    const step = multiplyBy.reduce((product, name) => product * factorOf(quirks, name), scale);
    rows.push({
      address,
      count: wordCount(type),
      words: (now) => {
        const value = now.get(quantity) ?? 0;
        if (Number.isNaN(value) && unknown !== undefined) return unknown;
        const raw = inUnit(Number.isNaN(value) ? 0 : value, unit) / step;
        return encodeWords(type, counted(quantity, raw, type), wordOrder);
      },
    });
  }
  return rows;
}

const factorOf = ({ factors }: Quirks, name: string): number => factors?.[name] ?? 1;

/** What this type of meter shows for a value that it does not know; undefined: it has no such thing. */
function unknownWords(
  { sentinels, read }: ModbusProfile,
  { type, sentinels: own }: ModbusProfile["registers"][number],
): number[] | undefined {
  if (type === "f32" || type === "f64") return inOrder(notAvailable(type), read.wordOrder);
  const [raw] = [...own, ...(sentinels[type] ?? [])];
  if (raw === undefined) return undefined;
  const count = wordCount(type);
  const words = Array.from({ length: count }, (_, i) =>
    Number((BigInt(raw) >> BigInt(16 * (count - 1 - i))) & 0xffffn),
  );
  return inOrder(words, read.wordOrder);
}

const inOrder = (words: number[], order: WordOrder): number[] =>
  order === "lsw" ? words.reverse() : words;

/** Integer counters show whole steps that are complete, not the nearest one. */
function counted(quantity: string, raw: number, type: CellType): number {
  const isFloat = type === "f32" || type === "f64";
  return quantity.includes("energy") && !isFloat ? Math.floor(raw) : raw;
}

function makeSpace(rows: readonly Row[], missing: readonly number[]): Space {
  const sorted = rows.toSorted((a, b) => a.address - b.address);
  const readable = new Set<number>();
  let end: number | undefined;
  for (const row of sorted) {
    const from = end !== undefined && row.address - end <= reservedMax ? end : row.address;
    for (let at = from; at < row.address + row.count; at++) readable.add(at);
    end = row.address + row.count;
  }
  for (const row of sorted) {
    if (!missing.includes(row.address)) continue;
    for (let i = 0; i < row.count; i++) readable.delete(row.address + i);
  }
  return { rows: sorted, readable };
}

/** A read may cut a wide value in two, as on a real meter: only the part inside is copied. */
function copyOverlap(row: Row, now: Quantities, into: number[], address: number): void {
  const first = Math.max(row.address, address);
  const last = Math.min(row.address + row.count, address + into.length);
  if (first >= last) return;
  const words = row.words(now);
  for (let at = first; at < last; at++) into[at - address] = words[at - row.address] ?? 0;
}
