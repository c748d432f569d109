import { existsSync } from "node:fs";
import type { Logger } from "pino";
import { membershipAside } from "../config/aside.ts";
import type { MembershipFile } from "../config/membership-file.ts";
import type { Settings } from "../config/settings.ts";
import type { Counters } from "../status/counters.ts";

/** How often a unit that is not enrolled yet looks for its membership, wall ms. */
const lookMs = 2_000;

/** Gives the membership now, or when its file comes: until then the unit records and waits. */
export function awaitMembership(
  { config: { membership: file, site }, membership: now }: Settings,
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
  if (now !== undefined) {
    onMembership(now);
    return { stop: () => {} };
  }
  log.warn({ file }, "no membership yet: recording only");
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async () => {
    try {
      const membership = existsSync(file) ? await membershipAside(file, site) : undefined;
      if (stopped) return;
      if (membership !== undefined) return onMembership(membership);
    } catch (error) {
      if (stopped) return;
      // A file that is being copied is half there; a wrong one is told of at each look.
      counters.count("membership.unusable");
      log.error({ err: error }, "membership file cannot be used");
    }
    timer = setTimeout(look, lookMs);
  };
  timer = setTimeout(look, lookMs);
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
