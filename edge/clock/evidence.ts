import { execFile } from "node:child_process";
import { existsSync } from "node:fs";

/** What the system says of its own clock. */
export type Evidence = {
  /** Whether it follows a time source outside of the machine; undefined where nobody says. */
  readonly synchronised: boolean | undefined;
  /** How far it may be off, ms, where that is said. */
  readonly boundMs?: number;
  /** Who says so, for people. */
  readonly by: string;
};

/** Runs a program and gives what it prints; undefined where it is not there, fails or hangs. */
export type Ask = (program: string, args: readonly string[]) => Promise<string | undefined>;

/** systemd-timesyncd leaves this file once it has set the clock in this boot. */
const timesyncFile = "/run/systemd/timesync/synchronized";

/** A time service that does not answer for so long says nothing, wall ms. */
const answerMsMax = 3_000;

/**
 * Asks chrony, then systemd (which asks the kernel: adjtimex, whoever disciplines it), then looks for
 * timesyncd's file. Takes no program for granted.
 */
export async function lookAtClock(
  ask: Ask = askProgram,
  exists: (path: string) => boolean = existsSync,
): Promise<Evidence> {
  const chrony = parseTracking((await ask("chronyc", ["-c", "tracking"])) ?? "");
  if (chrony !== undefined) return chrony;
  const said = await ask("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
  const word = said?.trim();
  if (word === "yes" || word === "no") return { synchronised: word === "yes", by: "timedatectl" };
  if (exists(timesyncFile)) return { synchronised: true, by: "systemd-timesyncd" };
  return { synchronised: undefined, by: "no time service" };
}

/**
 * The line of `chronyc -c tracking`: 14 columns, of which 5, 11 and 12 are the offset that is still
 * being slewed, root delay and root dispersion in seconds, and 14 is the leap status. The error is
 * at most |offset| + dispersion + delay / 2 (chronyc(1), "tracking"). Undefined for any other text.
 */
export function parseTracking(text: string): Evidence | undefined {
  const columns = text.trim().split(",");
  const [id, , stratum] = columns;
  const [offset, delay, dispersion] = [columns[4], columns[10], columns[11]].map(seconds);
  if (columns.length !== 14 || stratum === undefined || !/^[0-9A-F]{8}$/.test(id ?? "")) {
    return undefined;
  }
  if (offset === undefined || delay === undefined || dispersion === undefined) return undefined;
  // 127.127.1.1 is chrony's "local" mode: it follows nothing but itself.
  const follows = columns[13] !== "Not synchronised" && id !== "7F7F0101" && id !== "00000000";
  if (!follows) return { synchronised: false, by: "chrony" };
  const boundMs = 1000 * (Math.abs(offset) + dispersion + delay / 2);
  return { synchronised: true, boundMs, by: "chrony" };
}

function seconds(text: string | undefined): number | undefined {
  const value = text === undefined || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function askProgram(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: answerMsMax, maxBuffer: 64 * 1024, encoding: "utf8" } as const;
    execFile(program, args, options, (error, stdout) => {
      resolve(error === null ? stdout : undefined);
    });
  });
}
