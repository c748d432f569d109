import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Asked } from "./ledger/processes.ts";
import type { MakeReport, Slices, SnapshotTask, TakeReport } from "./ledger/snapshot-process.ts";

export const name = "snapshot";
export const title = "Snapshots: making one beside blocks, taking it, putting it in force";

const accountCounts = [1_000, 100_000, 1_000_000];

/** Prints the figures, with `json` as one line. */
export async function run({ json = false }: { readonly json?: boolean } = {}): Promise<void> {
  const say = (line: string) => json || console.log(line);
  const machine = {
    cores: availableParallelism(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
  say(`  ${machine.cores} cores, load ${machine.load} before`);
  const runs: object[] = [];
  for (const accounts of accountCounts) {
    const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
    try {
      const from = Date.now() - 3_600_000;
      const side = (one: SnapshotTask["side"]) => resultOf({ folder, accounts, side: one, from });
      const made = (await side("make")) as MakeReport;
      const taken = (await side("take")) as TakeReport;
      runs.push({ accounts, made, taken });
      for (const line of linesOf(accounts, made, taken)) say(line);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  if (json) console.log(JSON.stringify({ machine, runs }));
}

async function resultOf(task: SnapshotTask): Promise<unknown> {
  const file = new URL("./ledger/snapshot-process.ts", import.meta.url);
  const { process: asked, first } = await Asked.start(file, task);
  asked.end();
  return first;
}

function linesOf(accounts: number, made: MakeReport, taken: TakeReport): readonly string[] {
  const { make, blockMs, memory } = made;
  return [
    `  ${accounts.toLocaleString("en").padStart(9)} accounts: ${made.chunks} chunks, ${made.megabytes.toFixed(1)} MB`,
    `    made in ${text(make)}; memory ${memory.beforeMb} to ${memory.mostMb} MB`,
    `    an empty block takes ${blockMs.before.toFixed(1)} ms, between slices ${blockMs.between.toFixed(1)} (most ${blockMs.most.toFixed(1)})`,
    `    chunks taken in ${text(taken.chunks)}`,
    `    put in force in ${text(taken.adopt)}; memory ${taken.memory.beforeMb} to ${taken.memory.mostMb} MB`,
  ];
}

function text({ count, totalMs, cpuMs, medianMs, p99Ms, mostMs }: Slices): string {
  const [all, cpu] = [totalMs, cpuMs].map((ms) => Math.round(ms));
  const slices = [medianMs, p99Ms, mostMs].map((ms) => ms.toFixed(1)).join(" / ");
  return `${all} ms (processor ${cpu}), ${count} slices of ${slices} ms (median / p99 / most)`;
}
