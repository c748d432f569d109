import { loadProfiles, type Profile } from "../meters/profile.ts";
import { builtInProfiles } from "../meters/telegram-profiles.ts";

let files: ReadonlyMap<string, Profile> | undefined;

/** The project's profile files, read once: a conversation comes back to them at every meter. */
export function profileFiles(): ReadonlyMap<string, Profile> {
  files ??= loadProfiles();
  return files;
}

/** Ids of all profiles there are. */
export const profileIds = (): readonly string[] => [...builtInProfiles, ...profileFiles().keys()];
