import type { z } from "zod";
import type { ProfileFile } from "./profile-shape.ts";
import { isText, wordsOf } from "./register-type.ts";

type Report = z.core.$RefinementCtx<ProfileFile>;
type Path = readonly (string | number)[];
type Row = NonNullable<ProfileFile["registers"]>[number];
type ModelRow = NonNullable<ProfileFile["models"]>[number]["registers"][number];

const modbusParts = ["registers"] as const;
const modbusOnly = ["registers", "sums", "factors", "sentinels"] as const;
const sunspecParts = ["sunspec", "models"] as const;

/** What a JSON Schema cannot say: parts that belong together, and addresses that fit the limits. */
export function checkProfile(profile: ProfileFile, report: Report): void {
  checkParts(profile, report);
  checkIdentify(profile, report);
  if (profile.protocol === "modbus") checkRegisters(profile, report);
  else checkModels(profile, report);
}

function checkParts(profile: ProfileFile, report: Report): void {
  const { protocol } = profile;
  const modbus = protocol === "modbus";
  for (const key of modbus ? modbusParts : sunspecParts) {
    if (profile[key] === undefined) issue(report, [key], `protocol ${protocol} needs ${key}`);
  }
  for (const key of modbus ? sunspecParts : modbusOnly) {
    if (profile[key] !== undefined) issue(report, [key], `protocol ${protocol} has no ${key}`);
  }
  if (profile.serial === undefined && profile.tcp === undefined) {
    issue(report, ["serial"], "expected serial, tcp or both: how is the meter connected?");
  }
}

function checkIdentify({ identify }: ProfileFile, report: Report): void {
  for (const [i, { type, equals, startsWith }] of identify.entries()) {
    const [needs, other] = isText(type)
      ? (["startsWith", equals] as const)
      : (["equals", startsWith] as const);
    const given = isText(type) ? startsWith : equals;
    if (given === undefined || other !== undefined) {
      issue(report, ["identify", i], `type ${type} is recognised by ${needs}, and by that alone`);
    }
  }
}

function checkRegisters(profile: ProfileFile, report: Report): void {
  const { read, registers = [], sums = [], factors = {} } = profile;
  checkUnique(report, ["registers"], registers);
  const names = Object.keys(factors);
  for (const [name, factor] of Object.entries(factors)) {
    checkRow(read, factor, (message) => issue(report, ["factors", name], message));
  }
  for (const [i, row] of registers.entries()) {
    const refuse = (message: string) => issue(report, ["registers", i], message);
    checkRow(read, row, refuse);
    const strange = row.multiplyBy?.find((name) => !names.includes(name));
    if (strange !== undefined) {
      refuse(`multiplyBy names no factor ${strange}; there are: ${names.join(", ") || "none"}`);
    }
  }
  checkSums(registers, sums, report);
}

function checkSums(
  registers: readonly Row[],
  sums: NonNullable<ProfileFile["sums"]>,
  report: Report,
): void {
  const known = new Set(registers.flatMap(({ quantity, obis = quantity }) => [quantity, obis]));
  for (const [i, { quantity, obis = quantity, of }] of sums.entries()) {
    const parts = registers.filter((row) => of.includes(row.quantity));
    const missing = of.find((name) => !parts.some((row) => row.quantity === name));
    const path = ["sums", i];
    if (missing !== undefined) issue(report, path, `no row has the quantity ${missing}`);
    if (new Set(parts.map(({ unit }) => unit)).size > 1) {
      issue(report, path, "its rows have different units");
    }
    for (const name of new Set([quantity, obis])) {
      if (known.has(name)) issue(report, path, `${name} stands twice`);
      known.add(name);
    }
  }
}

function checkModels({ read, models = [] }: ProfileFile, report: Report): void {
  for (const [m, model] of models.entries()) {
    checkUnique(report, ["models", m, "registers"], model.registers);
    for (const [i, row] of model.registers.entries()) {
      checkModelRow(read.maxRegisters, model.length, row, (message) =>
        issue(report, ["models", m, "registers", i], message),
      );
    }
  }
}

function checkRow(
  read: ProfileFile["read"],
  { address, type, scale }: Pick<Row, "address" | "type" | "scale">,
  refuse: (message: string) => void,
): void {
  const words = wordsOf(type);
  if (address + words > 0x10000) refuse(`a ${type} at ${address} ends behind register 65535`);
  if (scale === 0) refuse("scale 0 makes every value 0");
  const padded = words + (read.evenStart ? address % 2 : 0);
  const count = read.evenCount ? padded + (padded % 2) : padded;
  if (count > read.maxRegisters) {
    refuse(`a ${type} at ${address} takes ${count} registers, more than maxRegisters`);
  }
}

function checkModelRow(
  maxRegisters: number,
  length: number,
  { offset, type, scaleFactor = offset }: ModelRow,
  refuse: (message: string) => void,
): void {
  const end = Math.max(offset + wordsOf(type), scaleFactor + 1);
  const start = Math.min(offset, scaleFactor);
  if (start < 2 || end > length + 2) {
    refuse(`expected offsets from 2 to ${length + 1}, got ${start} to ${end - 1}`);
  }
  // Both come in one answer, so that a value never meets another moment's scale factor.
  if (end - start > maxRegisters) {
    refuse(`value and scale factor are ${end - start} registers apart, more than maxRegisters`);
  }
}

function checkUnique(
  report: Report,
  path: Path,
  rows: readonly { readonly quantity: string; readonly obis?: string | undefined }[],
): void {
  for (const key of ["quantity", "obis"] as const) {
    const seen = new Set<string>();
    for (const [i, row] of rows.entries()) {
      const value = row[key];
      if (value === undefined) continue;
      if (seen.has(value)) issue(report, [...path, i, key], `${value} stands twice`);
      seen.add(value);
    }
  }
}

function issue(report: Report, path: Path, message: string): void {
  report.addIssue({ code: "custom", path: [...path], message, input: undefined });
}
