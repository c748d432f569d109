import type { LoadResult, Sample } from "./result.ts";

/** All figures in one line. */
export function jsonOf(result: LoadResult): string {
  return JSON.stringify(result);
}

/** What a run came to, in words. */
export function textOf(result: LoadResult): string {
  const { meters, members, everyMs, entries, seconds, signed, receipts, samples } = result;
  const perSecond = signed / seconds;
  const cpu = samples.length < 2 ? 0 : cpuBetween(samples[0], samples.at(-1)) / members;
  const after = (samples.at(-1)?.signed ?? 0) - (samples[0]?.signed ?? 0);
  const held = samples.at(-1)?.members ?? [];
  return [
    "",
    `${meters} meters, ${members} members, ${result.cores} cores: a batch of ${entries} readings each ${everyMs / 1000} s, for ${(seconds / 60).toFixed(1)} minutes`,
    `  batches        ${signed} signed (${perSecond.toFixed(1)} a second), ${receipts} receipts verified`,
    `  to the receipt ${result.p50Ms.toFixed(0)} ms (median), ${result.p99Ms.toFixed(0)} ms (99 %), ${result.mostMs.toFixed(0)} ms at most`,
    `  processor      ${after > 0 ? ((1e6 * cpu) / after).toFixed(0) : "?"} µs a batch in each member`,
    `  memory         ${held.map(({ residentMb }) => residentMb).join(", ")} MB of the members at the end; ${chart(samples)}`,
    `  open files     ${held.map(({ files }) => files).join(", ")}`,
    `  blocks         ${result.height}`,
    ...(Object.keys(result.refused).length > 0
      ? [`  refused first  ${JSON.stringify(result.refused)}`]
      : []),
    ...(result.problems.length > 0
      ? result.problems.map((problem) => `  WRONG: ${problem}`)
      : [
          "  each meter's chain is on each member's ledger as its unit signed it: nothing lost, nothing twice",
        ]),
  ].join("\n");
}

function cpuBetween(first: Sample | undefined, last: Sample | undefined): number {
  const sum = (one: Sample | undefined) =>
    (one?.members ?? []).reduce((all, { cpuSeconds }) => all + cpuSeconds, 0);
  return sum(last) - sum(first);
}

const bars = "▁▂▃▄▅▆▇█";

/** All members' memory together over the run, from nothing to the most. */
function chart(samples: readonly Sample[]): string {
  const sums = samples.map(({ members }) =>
    members.reduce((all, { residentMb }) => all + residentMb, 0),
  );
  const most = Math.max(1, ...sums);
  return sums.map((sum) => bars[Math.round((sum / most) * (bars.length - 1))] ?? "").join("");
}
