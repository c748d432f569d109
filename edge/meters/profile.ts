import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, nearest } from "@busbar/protocol";
import { ConfigError, parseConfig } from "@busbar/protocol/config";
import { checkProfile } from "./profile-check.ts";
import { type ProfileFile, profileShape } from "./profile-shape.ts";
import { builtInProfiles } from "./telegram-profiles.ts";

type Parts = "protocol" | "registers" | "sums" | "factors" | "sentinels" | "sunspec" | "models";
type Common = Omit<ProfileFile, Parts>;

/** A meter with registers at fixed addresses. Rows carry the sentinels of their type too. */
export type ModbusProfile = Common & {
  readonly protocol: "modbus";
  readonly factors: NonNullable<ProfileFile["factors"]>;
  readonly registers: NonNullable<ProfileFile["registers"]>;
  readonly sums: NonNullable<ProfileFile["sums"]>;
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
  const parsed = parseConfig(file, text, profileShape.superRefine(checkProfile));
  const { registers = [], sums = [], factors = {}, sentinels = {}, ...rest } = parsed;
  const { sunspec = { bases: [] }, models = [], protocol, ...common } = rest;
  if (protocol === "sunspec") return { ...common, protocol, sunspec, models };
  const rows = registers.map((row) => {
    const all = [...(sentinels[row.type] ?? []), ...(row.sentinels ?? [])];
    return all.length === 0 ? row : { ...row, sentinels: all };
  });
  return { ...common, protocol, factors, registers: rows, sums };
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

/** Whether a profile is named by its file, as `./acme-em3.yaml` is, and not by its id. */
export const isProfileFile = (name: string): boolean => /\/|\.ya?ml$/.test(name);

/** The named profile. Throws: `Failure` `meter.profile-unknown` that names the nearest there is. */
export function findProfile(profiles: ReadonlyMap<string, Profile>, id: string): Profile {
  const profile = profiles.get(id);
  if (profile !== undefined) return profile;
  const known = [...profiles.keys(), ...builtInProfiles];
  const near = nearest(id, known);
  const hint =
    near === undefined
      ? "busbar-edge profiles list shows those there are"
      : `did you mean ${near}?`;
  throw new Failure("meter.profile-unknown", `no meter profile ${id}; ${hint}`, { retry: "never" });
}

/** The profile with an id, or in a file. Throws: `Failure` `meter.profile-*`, `ConfigError`. */
export function profileOf(name: string): Profile {
  if (isProfileFile(name)) return loadProfile(name);
  const file = new URL(`${encodeURIComponent(name)}.yaml`, profileFolder);
  return existsSync(file) ? loadProfile(file) : findProfile(loadProfiles(), name);
}
