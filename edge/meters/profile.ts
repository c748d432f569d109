import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@busbar/protocol";
import { ConfigError, nearest, parseConfig } from "@busbar/protocol/config";
import type { z } from "zod";
import { type ProfileFile, profileShape } from "./profile-shape.ts";
import { wordsOf } from "./register-type.ts";

type Common = Omit<ProfileFile, "protocol" | "registers" | "sunspec" | "models">;

/** A meter with registers at fixed addresses. */
export type ModbusProfile = Common & {
  readonly protocol: "modbus";
  readonly registers: NonNullable<ProfileFile["registers"]>;
};

/** A device that lists its SunSpec models behind a marker. */
export type SunspecProfile = Common & {
  readonly protocol: "sunspec";
  readonly sunspec: NonNullable<ProfileFile["sunspec"]>;
  readonly models: NonNullable<ProfileFile["models"]>;
};

/** How to recognise and read one kind of meter. */
export type Profile = ModbusProfile | SunspecProfile;

/** Where the project's own profiles are. */
export const profileFolder = new URL("../../hardware/meters/", import.meta.url);

/** The profile that YAML text says. Throws: `ConfigError` with every problem and its line. */
export function parseProfile(file: string, text: string): Profile {
  const { registers, sunspec, models, protocol, ...common } = parseConfig(
    file,
    text,
    profileShape.superRefine(checkProfile),
  );
  if (protocol === "modbus") return { ...common, protocol, registers: registers ?? [] };
  return { ...common, protocol, sunspec: sunspec ?? { bases: [] }, models: models ?? [] };
}

/** The profile in a file, whose name must be `<id>.yaml`. Throws: `ConfigError`, `Failure`. */
export function loadProfile(path: string | URL): Profile {
  const file = path instanceof URL ? fileURLToPath(path) : path;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new Failure("meter.profile-missing", `no meter profile can be read at ${file}`, {
      retry: "never",
      cause,
    });
  }
  const profile = parseProfile(basename(file), text);
  if (basename(file) !== `${profile.id}.yaml`) {
    const message = `id: the file is named after the id; expected ${profile.id}.yaml`;
    throw new ConfigError(basename(file), [{ line: 1, message }]);
  }
  return profile;
}

/** All profiles of a folder, by id. Throws as `loadProfile`. */
export function loadProfiles(folder: URL = profileFolder): ReadonlyMap<string, Profile> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  const profiles = files.sort().map((name) => loadProfile(new URL(name, folder)));
  return new Map(profiles.map((profile) => [profile.id, profile]));
}

/** The named profile. Throws: `Failure` `meter.profile-unknown` that lists what there is. */
export function findProfile(profiles: ReadonlyMap<string, Profile>, id: string): Profile {
  const profile = profiles.get(id);
  if (profile !== undefined) return profile;
  const known = [...profiles.keys()];
  const near = nearest(id, known);
  const hint = near === undefined ? `known profiles: ${known.join(", ")}` : `did you mean ${near}?`;
  throw new Failure("meter.profile-unknown", `no meter profile ${id}; ${hint}`, { retry: "never" });
}

type Report = z.core.$RefinementCtx<ProfileFile>;
type Row = NonNullable<ProfileFile["registers"]>[number];
type ModelRow = NonNullable<ProfileFile["models"]>[number]["registers"][number];

/** What a JSON Schema cannot say: parts that belong together, and addresses that fit the limits. */
function checkProfile(profile: ProfileFile, report: Report): void {
  const needs = profile.protocol === "modbus" ? ["registers"] : ["sunspec", "models"];
  for (const key of ["registers", "sunspec", "models"] as const) {
    if (needs.includes(key) !== (profile[key] !== undefined)) {
      const verb = needs.includes(key) ? "needs" : "has no";
      issue(report, [key], `protocol ${profile.protocol} ${verb} ${key}`);
    }
  }
  checkUnique(report, ["registers"], profile.registers ?? []);
  for (const [i, row] of (profile.registers ?? []).entries()) {
    checkRow(profile.read, row, (message) => issue(report, ["registers", i], message));
  }
  for (const [m, model] of (profile.models ?? []).entries()) {
    checkUnique(report, ["models", m, "registers"], model.registers);
    for (const [i, row] of model.registers.entries()) {
      checkModelRow(profile.read.maxRegisters, model.length, row, (message) =>
        issue(report, ["models", m, "registers", i], message),
      );
    }
  }
}

function checkRow(
  read: ProfileFile["read"],
  { address, type, scale }: Row,
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
  path: readonly (string | number)[],
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

function issue(report: Report, path: readonly (string | number)[], message: string): void {
  report.addIssue({ code: "custom", path: [...path], message, input: undefined });
}
