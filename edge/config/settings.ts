import { type Profile, profileOf } from "../meters/profile.ts";
import { isBuiltInProfile } from "../meters/telegram-profiles.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";
import { loadMembership, type MembershipFile } from "./membership-file.ts";

/** All that a unit reads from files of people before it starts. */
export type Settings = {
  readonly config: LoadedConfig;
  /** Of the meters that have a profile file, by the name in the configuration. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Undefined while the unit is not enrolled. */
  readonly membership: MembershipFile | undefined;
};

/** Reads the configuration and what it names. Throws: `Failure`, `ConfigError` for any file of them. */
export function loadSettings(file: string): Settings {
  const config = loadConfig(file);
  const names = config.meters.map(({ profile }) => profile);
  const fromFiles = names.filter((name) => !isBuiltInProfile(name));
  return {
    config,
    profiles: new Map(fromFiles.map((name) => [name, profileOf(name)])),
    membership: loadMembership(config.membership, config.site),
  };
}
