import { escaped, minutesText } from "./chart.ts";
import { allKinds, type Kind } from "./plan.ts";
import type { SoakResult } from "./result.ts";
import type { ProcessSample } from "./sample.ts";

/** What a run came to, in words. */
export function textOf(result: SoakResult): string {
  const { seconds, hours, seed, speed, cores, marks, blocks, readings, problems, end } = result;
  return [
    "",
    `${minutesText(seconds)} (of ${minutesText(hours * 3600)} that were asked for), seed ${seed}, ${speed} times as fast as life, ${cores} cores`,
    `  ${marks.length} faults; as before within ${seconds1(slowest(result))} at most (bound ${result.withinS} s)`,
    ...recoveries(result).map(
      ({ kind, times }) => `    ${kind.padEnd(24)} ${times.map((ms) => seconds1(ms)).join(", ")}`,
    ),
    `  ${blocks} blocks, ${readings} readings; ${end?.settledTrades ?? "?"} trades settled, ${end?.notices ?? "?"} notices read`,
    ...growth(result).map(({ name, words }) => `    ${name.padEnd(24)} ${words}`),
    ...result.leftOut.map((why) => `  left out: ${why}`),
    ...(problems.length > 0
      ? [...problems.map((problem) => `  WRONG: ${problem}`), `  again: ${againText(result)}`]
      : [
          "  chains are equal, every reading is on each ledger once, sums are 0, every ledger replays to the same",
        ]),
  ].join("\n");
}

/** The command that lets the same go wrong again: the seed chooses from the kinds it is given. */
function againText({ seed, hours, speed, withinS, among }: SoakResult): string {
  const isAll = allKinds.every((kind) => among.includes(kind));
  const flags = `--seed ${seed} --hours ${hours} --speed ${speed} --within ${withinS}`;
  const only = isAll ? "" : ` --only "${among.join(",")}"`;
  return `npm run soak -- ${flags}${only}`;
}

/** The same as a page, with the charts. */
export function htmlOf(result: SoakResult, svg: string): string {
  return `<!doctype html>
<meta charset="utf-8">
<title>Soak, seed ${result.seed}</title>
<style>body { font: 14px sans-serif; max-width: 1100px; margin: 1em auto } pre { white-space: pre-wrap }</style>
${svg}
<pre>${escaped(textOf(result))}</pre>
<pre>${escaped(result.marks.map(({ second, text }) => `${minutesText(second).padStart(12)}  ${text}`).join("\n"))}</pre>
`;
}

/** How long it took after each kind of fault, ms. */
export function recoveries({
  marks,
}: Pick<SoakResult, "marks">): { readonly kind: Kind; readonly times: readonly number[] }[] {
  const all = new Map<Kind, number[]>();
  for (const { kind, recoveredMs } of marks) {
    if (recoveredMs === undefined) continue;
    all.set(kind, [...(all.get(kind) ?? []), recoveredMs]);
  }
  return [...all].map(([kind, times]) => ({ kind, times }));
}

function slowest(result: SoakResult): number {
  return Math.max(0, ...recoveries(result).flatMap(({ times }) => times));
}

/** How each process stood early and at the end: medians of the second sixth of the run and of the last. */
function growth({ samples }: SoakResult): { readonly name: string; readonly words: string }[] {
  const sixth = Math.floor(samples.length / 6);
  if (sixth < 3) return [];
  const names = (samples.at(-1)?.processes ?? []).map(({ name }) => name);
  return names.map((name) => {
    const median = (from: number, to: number, of: (one: ProcessSample) => number | undefined) => {
      const values = samples.slice(from, to).flatMap(({ processes }) => {
        const found = processes.find((one) => one.name === name);
        return (found && of(found)) ?? [];
      });
      return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
    };
    const both = (of: (one: ProcessSample) => number | undefined) => {
      const [early, late] = [median(sixth, 2 * sixth, of), median(-sixth, samples.length, of)];
      return `${early?.toFixed(0) ?? "–"} → ${late?.toFixed(0) ?? "–"}`;
    };
    const parts = [
      `${both(({ residentMb }) => residentMb)} MB resident`,
      `${both(({ heapMb }) => heapMb)} MB heap`,
      `${both(({ files }) => files)} files`,
      `${both(({ diskMb }) => diskMb)} MB on disk`,
    ];
    return { name, words: parts.join(", ") };
  });
}

function seconds1(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
