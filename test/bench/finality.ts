import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Counts } from "./ledger/observer.ts";
import {
  type Latency,
  type MemberProcess,
  type Observed,
  startMembers,
  type Task,
} from "./ledger/processes.ts";
import type { Site } from "./ledger/site.ts";

export const name = "finality";
export const title = "Finality: four members at light load, and where a block's milliseconds go";

/** Frames at light load, all members together. */
const framesInAll = Number(process.env.BUSBAR_FRAMES ?? 400);

/** Batches of each unit that go before: code is compiled with them. */
const warmUp = 20;

/** Frames at light load of each member that go before: at saturation there are too few blocks for that. */
const lightWarmUp = Number(process.env.BUSBAR_WARM ?? 100);

type Figures = {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  /** Members that took no part in the view, and followed the others' blocks. */
  readonly outside: number;
  readonly perBlock: Counts;
  readonly stages: Readonly<Record<string, number>>;
};

/** One frame, the member that it came to, and what all did meanwhile. */
type One = Latency & { readonly at: number };

/** Prints the figures, with `json` as one line. */
export async function run({ json = false }: { readonly json?: boolean } = {}): Promise<void> {
  const site: Site = { members: 4, units: 100, from: Date.now() - 3_600_000 };
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  const indexes = Array.from({ length: site.members }, (_, i) => i);
  const load = loadavg()[0] ?? 0;
  const members = await startMembers(
    indexes.map((index): Task => ({ folder, site, index, observe: true })),
  );
  try {
    await warm(members, site);
    const before = await observed(members);
    const frames: One[] = [];
    for (const [at, member] of members.entries()) {
      const count = framesInAll / members.length;
      const taken = (await member.ask({ do: "light", count, everyMs: 60 })) as Latency[];
      frames.push(...taken.map((one) => ({ ...one, at })));
    }
    const after = await observed(members);
    const perBlock = perBlockOf(before, after, frames.length);
    const ms = sortedOf(frames.map(({ start, end }) => end - start));
    const stages = stagesOf(frames, after);
    const outside = after.filter(({ inView }) => !inView).length;
    await Promise.all(members.map((member) => member.ask({ do: "stop" })));
    const figures: Figures = {
      p50Ms: part(ms, 0.5),
      p90Ms: part(ms, 0.9),
      p99Ms: part(ms, 0.99),
      outside,
      perBlock,
      stages,
    };
    if (json) console.log(JSON.stringify({ cores: availableParallelism(), load, ...figures }));
    else for (const line of linesOf(figures, load)) console.log(line);
  } finally {
    for (const member of members) member.end();
    rmSync(folder, { recursive: true });
  }
}

async function warm(members: readonly MemberProcess[], site: Site): Promise<void> {
  const { units } = site;
  await Promise.all(
    members.map((member, index) =>
      member.ask({
        do: "sign",
        units: Array.from({ length: units }, (_, unit) => unit).filter(
          (unit) => unit % members.length === index,
        ),
        batches: warmUp,
      }),
    ),
  );
  const total = units * warmUp;
  const count = total / members.length;
  await Promise.all(members.map((member) => member.ask({ do: "saturate", count, total })));
  for (const member of members) await member.ask({ do: "light", count: lightWarmUp, everyMs: 10 });
}

function observed(members: readonly MemberProcess[]): Promise<Observed[]> {
  return Promise.all(members.map((member) => member.ask({ do: "observed" }))) as Promise<
    Observed[]
  >;
}

/** What one member does for one block, mean of all. */
function perBlockOf(
  before: readonly Observed[],
  after: readonly Observed[],
  blocks: number,
): Counts {
  const names = [
    "writes",
    "writeMs",
    "checks",
    "signatures",
    "sent",
    "sentBytes",
    "userMs",
    "systemMs",
  ] as const;
  const sum = (list: readonly Observed[], name: keyof Counts) =>
    list.reduce((all, { counts }) => all + counts[name], 0);
  return Object.fromEntries(
    names.map((name) => [name, (sum(after, name) - sum(before, name)) / blocks / after.length]),
  ) as Counts;
}

/**
 * Ms from a frame's arrival to what happened first after it, median over the frames that came to a
 * member which does not lead; `entrance` is that member.
 */
function stagesOf(frames: readonly One[], members: readonly Observed[]): Record<string, number> {
  const leader = members.findIndex(({ marks }) =>
    marks.some(({ what }) => what === "send pre-prepare"),
  );
  const lists = new Map<string, number[]>();
  for (const { start, end, at } of frames.filter(({ at }) => at !== leader)) {
    for (const [role, index] of [
      ["entrance", at],
      ["leader", leader],
    ] as const) {
      const seen = new Map<string, number>();
      for (const mark of members[index]?.marks ?? []) {
        if (mark.at < start || mark.at > end) continue;
        const nth = (seen.get(mark.what) ?? 0) + 1;
        seen.set(mark.what, nth);
        const name = `${role} ${mark.what} ${nth}`;
        const list = lists.get(name) ?? [];
        list.push(mark.at - start);
        lists.set(name, list);
      }
    }
    const list = lists.get("entrance end") ?? [];
    list.push(end - start);
    lists.set("entrance end", list);
  }
  const often = [...lists].filter(([, { length }]) => length > frames.length / 4);
  return Object.fromEntries(
    often
      .map(([name, list]) => [name, part(sortedOf(list), 0.5)] as const)
      .toSorted(([, a], [, b]) => a - b),
  );
}

function linesOf(
  { p50Ms, p90Ms, p99Ms, outside, perBlock, stages }: Figures,
  load: number,
): string[] {
  const perMember = Object.entries(perBlock).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  const left = outside === 0 ? "" : `; ${outside} of the members had left the view`;
  return [
    `  load ${load.toFixed(1)} before, ${framesInAll} frames (BUSBAR_FRAMES), ${lightWarmUp} of each member before (BUSBAR_WARM)${left}`,
    `  ${p50Ms.toFixed(1)} ms (median, goal ≤ 15), ${p90Ms.toFixed(1)} ms (90 %), ${p99Ms.toFixed(1)} ms (99 %, goal ≤ 60)`,
    `  a block in each member: ${perMember.join(", ")}`,
    "  where a frame is, ms after it came (medians; by what the member saw that it came to, and the leader)",
    ...Object.entries(stages).map(([name, ms]) => `    ${ms.toFixed(2).padStart(7)}  ${name}`),
  ];
}

const sortedOf = (list: readonly number[]): number[] => list.toSorted((a, b) => a - b);

function part(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
