import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Children } from "../../hardware/virtual-site/supervisor/children.ts";
import { cli } from "../../hardware/virtual-site/supervisor/programs.ts";
import { Asked } from "../bench/ledger/processes.ts";
import { judge } from "./judge.ts";
import { processOf } from "./process-figures.ts";
import type { LoadOptions, LoadResult, Sample } from "./result.ts";
import { type LoadSite, makeSite, tipsOf } from "./site.ts";
import type { UnitEnd } from "./unit.ts";
import type { UnitsLook, UnitsRequest, UnitsTask } from "./units-process.ts";

const sampleMs = 10_000;
/** A broker lets one address connect 200 times at once and then 20 times a second. */
const rampPerBroker = 18;
/** Without a single receipt for so long nothing comes any more. */
const silentMsMax = 120_000;

/** Runs it from nothing to nothing: the site's folder is gone afterwards. Throws: `Failure` `site.*`. */
export async function runLoad(
  options: LoadOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<LoadResult> {
  say(`a site of ${options.members} members and ${options.meters} meters`);
  const site = await makeSite(options);
  const children = new Children(() => {});
  try {
    return await underLoad(options, { site, children, say, signal });
  } finally {
    await children.stop();
    rmSync(site.home, { recursive: true, force: true });
  }
}

type Scene = {
  readonly site: LoadSite;
  readonly children: Children;
  say(line: string): void;
  /** Ends it early: nothing is left behind. */
  readonly signal: AbortSignal;
};

async function underLoad(options: LoadOptions, scene: Scene): Promise<LoadResult> {
  const { site, children, say, signal } = scene;
  const logs = join(site.home, "logs");
  mkdirSync(logs);
  const members = await Promise.all(
    site.configs.map((config, i) => {
      const args = [cli("aggregator"), "run", "--config", config];
      return children.launch(
        { name: `member-${i + 1}`, args, log: join(logs, `${i + 1}.log`) },
        say,
      );
    }),
  );
  const units = await startUnits(options, site);
  const all = async <T>(request: UnitsRequest) =>
    (await Promise.all(units.map((process) => process.ask(request)))) as T[];
  try {
    say(`connecting ${options.meters} units`);
    await all({ do: "connect" });
    for (let connected = 0; connected < options.meters; ) {
      await sleep(sampleMs / 2, undefined, { signal });
      const looks = await all<UnitsLook>({ do: "look" });
      connected = looks.reduce((sum, look) => sum + look.connected, 0);
      say(`  ${connected} of ${options.meters} are connected`);
    }
    const took: number[] = [];
    const samples: Sample[] = [];
    const start = performance.now();
    const sample = async () => {
      const looks = await all<UnitsLook>({ do: "look" });
      const now = looks.flatMap(({ tookMs }) => tookMs).sort((a, b) => a - b);
      took.push(...now);
      const sum = (of: "signed" | "waiting" | "connected") =>
        looks.reduce((count, look) => count + look[of], 0);
      const figures = members.map(({ pid }) => processOf(pid ?? 0));
      const one: Sample = {
        second: Math.round((performance.now() - start) / 1000),
        signed: sum("signed"),
        waiting: sum("waiting"),
        connected: sum("connected"),
        p50Ms: percentile(now, 0.5),
        p99Ms: percentile(now, 0.99),
        members: figures,
      };
      samples.push(one);
      say(lineOf(one));
      return { one, refused: looks.map(({ refused }) => refused) };
    };
    await all({ do: "publish" });
    const until = start + options.minutes * 60_000;
    while (performance.now() < until) {
      await sleep(Math.min(sampleMs, Math.max(0, until - performance.now())), undefined, {
        signal,
      });
      await sample();
    }
    await all({ do: "finish" });
    const seconds = (performance.now() - start) / 1000;
    let last = await sample();
    let heardAt = performance.now();
    while (last.one.waiting > 0 && performance.now() - heardAt < silentMsMax) {
      await sleep(1000, undefined, { signal });
      const before = took.length;
      last = await sample();
      if (took.length > before) heardAt = performance.now();
    }
    const ends = (await all<readonly UnitEnd[]>({ do: "stop" })).flat();
    const { restarts } = children;
    await children.stop();
    say("comparing each meter's chain on each member's ledger with its unit's");
    const ledgers = site.configs.map(tipsOf);
    took.sort((a, b) => a - b);
    const figures = { seconds, samples, restarts, refused: sumOf(last.refused) };
    return {
      ...options,
      ...figures,
      cores: availableParallelism(),
      signed: last.one.signed,
      receipts: took.length,
      p50Ms: percentile(took, 0.5),
      p99Ms: percentile(took, 0.99),
      mostMs: percentile(took, 1),
      height: Math.max(...ledgers.map(({ height }) => height)),
      problems: judge({ ends, ledgers, samples, restarts }),
    };
  } finally {
    for (const process of units) process.end();
  }
}

/** One process for each core: they sign, check receipts, and hold the connections. */
async function startUnits(options: LoadOptions, site: LoadSite): Promise<Asked[]> {
  const step = Math.max(2, availableParallelism());
  const file = new URL("./units-process.ts", import.meta.url);
  const started = await Promise.all(
    Array.from({ length: step }, (_, first) => {
      const { membership, brokers } = site;
      const rampPerSecond = (rampPerBroker * brokers.length) / step;
      const task: UnitsTask = { ...options, first, step, membership, brokers, rampPerSecond };
      return Asked.start(file, task);
    }),
  );
  return started.map(({ process }) => process);
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [code, count] of counts.flatMap(Object.entries<number>)) {
    sums[code] = (sums[code] ?? 0) + count;
  }
  return sums;
}

export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function lineOf({ second, signed, waiting, p50Ms, p99Ms, members }: Sample): string {
  const at = `${Math.floor(second / 60)}:${String(second % 60).padStart(2, "0")}`;
  const memory = members.map(({ residentMb }) => residentMb).join(" ");
  const receipts = `receipts after ${p50Ms.toFixed(0)} ms, 99 % ${p99Ms.toFixed(0)} ms`;
  return `  ${at}  ${signed} batches, ${waiting} wait; ${receipts}; members ${memory} MB`;
}
