import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Evidence, lookAtClock } from "./evidence.ts";

/** What a unit's clock rests on: the machine's clocks, and what it says of them. */
export type Machine = {
  /** ms since 1970 by the clock that can be set. */
  wall(): number;
  /** ms since the machine started; nobody can set it, and it goes on over restarts of the unit. */
  monotonic(): number;
  /** Another one after each start of the machine. */
  readonly boot: string;
  /** ms since 1970 by the battery's clock; undefined without one. */
  batteryClock(): number | undefined;
  look(): Promise<Evidence>;
};

export function thisMachine(): Machine {
  return {
    wall: Date.now,
    monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
    boot: bootId(),
    batteryClock: () => {
      const seconds = Number(textOf("/sys/class/rtc/rtc0/since_epoch") ?? Number.NaN);
      return Number.isFinite(seconds) ? seconds * 1000 : undefined;
    },
    look: () => lookAtClock(),
  };
}

/** Where the service may not see all of /proc, systemd hands the id over. Without either, each start
 * of the unit counts as one of the machine: less is then known of the readings before it. */
function bootId(): string {
  const own = process.env.BUSBAR_BOOT_ID?.replaceAll("-", "");
  const told = textOf("/proc/sys/kernel/random/boot_id")?.replaceAll("-", "");
  return [told, own].find((id) => id !== undefined && /^[0-9a-f]{32}$/.test(id)) ?? randomUUID();
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // Not there, or not for us: then nothing is known from it.
    return undefined;
  }
}
