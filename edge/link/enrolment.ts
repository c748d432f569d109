import type { Logger } from "pino";
import type { LoadedConfig } from "../config/load.ts";
import { loadMembership, type MembershipFile } from "../config/membership-file.ts";
import type { Counters } from "../status/counters.ts";

/** How often a unit that is not enrolled yet looks for its membership, wall ms. */
const lookMs = 2_000;

/**
 * Gives the membership now, or when its file comes: until then the unit records and waits.
 * Throws: `Failure`, `ConfigError` for a file that is there now and cannot be used.
 */
export function awaitMembership(
  { membership: file, site }: LoadedConfig,
  {
    onMembership,
    counters,
    log,
  }: {
    readonly onMembership: (membership: MembershipFile) => void;
    readonly counters: Counters;
    readonly log: Logger;
  },
): { stop(): void } {
  const now = loadMembership(file, site);
  if (now !== undefined) {
    onMembership(now);
    return { stop: () => {} };
  }
  log.warn({ file }, "no membership yet: recording only");
  const timer = setInterval(() => {
    try {
      const membership = loadMembership(file, site);
      if (membership === undefined) return;
      clearInterval(timer);
      onMembership(membership);
    } catch (error) {
      // A file that is being copied is half there; a wrong one is told of at each look.
      counters.count("membership.unusable");
      log.error({ err: error }, "membership file cannot be used");
    }
  }, lookMs);
  return { stop: () => clearInterval(timer) };
}
