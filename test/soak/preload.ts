/**
 * Loaded into each process of a soak before its program: its system clock can be put forward or back, as an
 * operator or a time service would, and it says how much memory it uses. The file that `BUSBAR_SOAK_CLOCK`
 * names holds the step in ms; what is used goes beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** How soon a step is noticed, ms; and how often it is said what is used. */
const [lookMs, sayMs] = [250, 4_000];

const file = process.env.BUSBAR_SOAK_CLOCK;
if (file !== undefined && isMainThread) {
  let stepMs = 0;
  const machineNow = Date.now;
  Date.now = () => machineNow() + stepMs;
  globalThis.Date = new Proxy(Date, {
    // Without arguments a date is of now.
    construct: (target, parts, made) =>
      Reflect.construct(target, parts.length === 0 ? [Date.now()] : parts, made),
    apply: () => new Date().toString(),
  });

  const look = () => {
    try {
      stepMs = Number(readFileSync(file, "utf8"));
    } catch {
      // Not written yet: the clock is right.
      stepMs = 0;
    }
  };
  look();
  setInterval(look, lookMs).unref();
  setInterval(() => {
    try {
      writeFileSync(`${file}.memory`, JSON.stringify(process.memoryUsage()));
    } catch {
      // A disk that takes nothing is one of the faults; the next time is soon.
    }
  }, sayMs).unref();
}
