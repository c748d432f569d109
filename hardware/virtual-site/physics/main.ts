import { parseArgs } from "node:util";
import { defaultPlace, type Flows, makeSite, peakWatts, stepMs } from "./site.ts";

const usage = `usage: node hardware/virtual-site/physics/main.ts --day YYYY-MM-DD [--seed N]
Prints the virtual site's day, hour by hour: average kW, and who is short or long.`;

const hourMs = 3_600_000;
const stepsPerHour = hourMs / stepMs;

/** Columns: heading, average power in W, what a full bar stands for in W. */
const columns = [
  ["pv", (f: Flows) => f.pv, peakWatts.pv],
  ["wind", (f: Flows) => f.wind, peakWatts.wind],
  ["own load", (f: Flows) => f.ownLoad, peakWatts.ownLoad],
  ["users", (f: Flows) => f.user1 + f.user2, peakWatts.user1 + peakWatts.user2],
  ["surplus", surplus, peakWatts.pv],
] as const;

main();

function main(): void {
  try {
    const { day, seed } = asked();
    print(day, makeSite(seed, defaultPlace));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exitCode = 1;
  }
}

function asked(): { day: number; seed: number } {
  const { values } = parseArgs({
    options: { day: { type: "string" }, seed: { type: "string", default: "1" } },
  });
  const day = /^\d{4}-\d{2}-\d{2}$/.test(values.day ?? "") ? Date.parse(`${values.day}`) : NaN;
  if (Number.isNaN(day)) throw new Error(`--day: expected a date, got ${values.day ?? "none"}`);
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed: expected an integer, got ${values.seed}`);
  return { day: day - defaultPlace.utcOffsetHours * hourMs, seed };
}

function print(fromMs: number, site: (step: number) => Flows): void {
  const headings = columns.map(([heading]) => heading.padStart(8).padEnd(18));
  console.log(`hour  ${headings.join("")}seller to users`);
  const totals = columns.map(() => 0);
  for (let hour = 0; hour < 24; hour++) {
    const first = fromMs / stepMs + hour * stepsPerHour;
    const steps = Array.from({ length: stepsPerHour }, (_, i) => site(first + i));
    const means = columns.map(([, of]) => mean(steps.map(of)));
    means.forEach((value, i) => {
      totals[i] = (totals[i] ?? 0) + value / 1000;
    });
    const cells = columns.map(([, , full], i) => cell(means[i] ?? 0, full));
    const [users = 0, left = 0] = means.slice(3);
    const seller = left < 0 ? "bureau" : left < users ? "both" : "company, rest to bureau";
    console.log(`${String(hour).padStart(2, "0")}    ${cells.join("")}${seller}`);
  }
  const sums = totals.map((kwh) => kwh.toFixed(0).padStart(8).padEnd(18));
  console.log(`kWh   ${sums.join("")}`);
}

function surplus({ pv, wind, ownLoad }: Flows): number {
  return pv + wind - ownLoad;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Kilowatts and a bar of eight characters. */
function cell(watts: number, full: number): string {
  return `${(watts / 1000).toFixed(0).padStart(8)} ${bar(watts / full).padEnd(9)}`;
}

function bar(part: number): string {
  const eighths = Math.min(64, Math.round(Math.max(0, part) * 64));
  const rest = eighths % 8;
  return "█".repeat(Math.floor(eighths / 8)) + (rest === 0 ? "" : " ▏▎▍▌▋▊▉".charAt(rest));
}
