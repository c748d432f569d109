import { readdirSync, readFileSync } from "node:fs";

/** What a process holds and has used, as Linux says. */
export type ProcessFigures = {
  readonly residentMb: number;
  readonly files: number;
  readonly cpuSeconds: number;
};

/** `USER_HZ`: the unit of times in /proc, the same on all of Linux's processors that Node.js runs on. */
const ticksPerSecond = 100;

/** Figures of a running process; zeros for one that does not run. */
export function processOf(pid: number): ProcessFigures {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    // The command's name, in parentheses, may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const ticks = Number(stat[11] ?? 0) + Number(stat[12] ?? 0);
    return {
      residentMb: Math.round(resident / 1024),
      files: readdirSync(`/proc/${pid}/fd`).length,
      cpuSeconds: ticks / ticksPerSecond,
    };
  } catch {
    // It ended between two looks; its supervisor says so.
    return { residentMb: 0, files: 0, cpuSeconds: 0 };
  }
}
