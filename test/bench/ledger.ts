import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { verifyRates } from "../support/verify-limit.ts";
import {
  Asked,
  type Latency,
  type Report,
  type Span,
  startMembers,
  type Task,
} from "./ledger/processes.ts";
import {
  entriesPerBatch,
  framesPerBlock,
  type Site,
  type StateReport,
  type StateTask,
} from "./ledger/site.ts";

export const name = "ledger";
export const title = "Ledger: one recorder and four members beside the Ed25519 verify limit";

/** Batches through a consortium at saturation. */
type Round = {
  readonly framesPerSecond: number;
  /** Checks a second on one thread, measured right before and after. */
  readonly verifyLimit: number;
  /** Of a member's part of the limit. */
  readonly share: number;
  /** Of the processor's time that members took for a batch, the part that one check takes. */
  readonly cpuShare: number;
  readonly cpuMsPerFrame: number;
};

/** One consortium at saturation, the round with the median share, then at light load. */
type Run = Round & {
  readonly members: number;
  /** Of all rounds, the smallest first. */
  readonly shares: readonly number[];
  readonly framesPerBlock: number;
  readonly bytesPerReading: number;
  readonly peakMb: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: Readonly<Record<string, number>>;
};

/** Batches of each unit that go before: code is compiled with them. */
const warmUp = 20;

/** The machine is not ours alone: each round stands beside the limit right before and after it. */
const rounds = 5;

/** Frames at light load of each member that go before: at saturation there are too few blocks for that. */
const lightWarmUp = 100;

/** The tree of a million accounts takes minutes to build, and a gigabyte. */
const accountsMax = Number(process.env.BUSBAR_ACCOUNTS ?? 100_000);
const accountCounts = [1_000, 10_000, 100_000, 1_000_000].filter((count) => count <= accountsMax);

/** What a consortium is to reach: a part of its share of the verify limit, and finality at light load. */
const goals = { oneShare: 0.6, moreShare: 0.5, p50Ms: 15, p99Ms: 60 } as const;

/** Prints the figures, with `json` as one line. */
export async function run({ json = false }: { readonly json?: boolean } = {}): Promise<void> {
  const say = (line: string) => json || console.log(line);
  const machine = { cores: availableParallelism(), load: round(loadavg()[0] ?? 0, 2) };
  say(
    `  ${machine.cores} cores, load ${machine.load} before; batches of ${entriesPerBatch} readings; up to ${accountsMax} accounts (BUSBAR_ACCOUNTS)`,
  );
  const runs: Run[] = [];
  for (const members of [1, 4]) {
    const site = { members, units: 200, from: Date.now() - 3_600_000 };
    const one = await consortium(site, members === 1 ? 120 : 70);
    runs.push(one);
    for (const line of linesOf(one)) say(line);
  }
  const states: ({ readonly accounts: number } & StateReport)[] = [];
  for (const accounts of accountCounts) {
    const state = { accounts, ...(await blocksBeside(accounts)) };
    states.push(state);
    say(
      `  ${accounts.toLocaleString("en").padStart(9)} accounts: ${state.blockMs.toFixed(1)} ms for a block of ${framesPerBlock} batches (median; ${state.cpuMs.toFixed(1)} ms of the processor), opened in ${Math.round(state.openMs)} ms, ${state.rssMb} MB`,
    );
  }
  if (json) console.log(JSON.stringify({ machine, goals, runs, states }));
}

function linesOf(one: Run): string[] {
  const { members } = one;
  const goal = 100 * (members === 1 ? goals.oneShare : goals.moreShare);
  const limit = members === 1 ? "the limit" : `1/${members} of the limit`;
  return [
    `  ${members === 1 ? "one recorder" : `${members} members, each a process, TLS between them`}`,
    `    committed      ${Math.round(one.framesPerSecond)} signed batches/s, ${Math.round(one.framesPerSecond * entriesPerBatch)} readings/s, ${Math.round(one.framesPerBlock)} batches a block`,
    `    verify limit   ${Math.round(one.verifyLimit)} Ed25519 checks/s on one thread`,
    `    share          ${Math.round(100 * one.share)} % of ${limit} (goal ≥ ${goal} %), median of ${one.shares.map((share) => Math.round(100 * share)).join(", ")}`,
    `    processor      ${(1000 * one.cpuMsPerFrame).toFixed(0)} µs a batch in each member, of which one check takes ${Math.round(100 * one.cpuShare)} %`,
    `    light load     ${one.p50Ms.toFixed(1)} ms (median, goal ≤ ${goals.p50Ms}), ${one.p99Ms.toFixed(1)} ms (99 %, goal ≤ ${goals.p99Ms}) from arrival to the block on disk`,
    `    on disk        ${Math.round(one.bytesPerReading)} bytes a reading`,
    `    memory         ${one.peakMb} MB at most (the largest process, its signed load included)`,
    ...(Object.keys(one.refused).length > 0
      ? [`    refused        ${JSON.stringify(one.refused)}`]
      : []),
  ];
}

/** `batches` of each unit through all members at once, then one frame after the other. */
async function consortium(site: Site, batches: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  const indexes = Array.from({ length: site.members }, (_, i) => i);
  const tasks = indexes.map((index): Task => ({ folder, site, index }));
  const members = await startMembers(tasks);
  try {
    const stored = site.units * batches;
    const ofRound = (stored - site.units * warmUp) / rounds;
    await Promise.all(
      members.map((member, index) =>
        member.ask({ do: "sign", units: unitsOf(site, index), batches }),
      ),
    );
    const saturate = (count: number) =>
      Promise.all(
        members.map((member) =>
          member.ask({ do: "saturate", count: count / site.members, total: count }),
        ),
      ) as Promise<Span[]>;
    await saturate(site.units * warmUp);
    const measured: Round[] = [];
    let before = verifyRates();
    for (let i = 0; i < rounds; i++) {
      const spans = await saturate(ofRound);
      const after = verifyRates();
      measured.push(roundOf(spans, ofRound, { before, after }));
      before = after;
    }
    const middle = measured.toSorted((a, b) => a.share - b.share)[Math.floor(rounds / 2)];
    if (middle === undefined) throw new Error("expected a round");
    const loaded = (await Promise.all(
      members.map((member) => member.ask({ do: "report" })),
    )) as Report[];
    const [largest] = loaded.toSorted((a, b) => b.storeBytes - a.storeBytes);
    const latencies: number[] = [];
    for (const member of members) {
      await member.ask({ do: "light", count: lightWarmUp, everyMs: 10 });
    }
    // One member after the other, so that the load is light.
    for (const member of members) {
      const count = 200 / members.length;
      const taken = (await member.ask({ do: "light", count, everyMs: 60 })) as Latency[];
      latencies.push(...taken.map(({ start, end }) => end - start));
    }
    await Promise.all(members.map((member) => member.ask({ do: "stop" })));
    const sorted = latencies.toSorted((a, b) => a - b);
    return {
      members: site.members,
      ...middle,
      shares: measured.map(({ share }) => share).toSorted((a, b) => a - b),
      framesPerBlock: stored / (loaded[0]?.height ?? 1),
      bytesPerReading: (largest?.storeBytes ?? 0) / (stored * entriesPerBatch),
      peakMb: Math.max(...loaded.map(({ peakMb }) => peakMb)),
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      refused: refusals(loaded),
    };
  } finally {
    for (const member of members) member.end();
    rmSync(folder, { recursive: true });
  }
}

/** Blocks upon a state of so many accounts. */
async function blocksBeside(accounts: number): Promise<StateReport> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  const task: StateTask = { folder, accounts };
  try {
    const { process, first } = await Asked.start(
      new URL("./ledger/state-process.ts", import.meta.url),
      task,
    );
    process.end();
    return first as StateReport;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function unitsOf({ units, members }: Site, index: number): number[] {
  return Array.from({ length: units }, (_, unit) => unit).filter(
    (unit) => unit % members === index,
  );
}

function roundOf(
  spans: readonly Span[],
  frames: number,
  { before, after }: Readonly<Record<"before" | "after", ReturnType<typeof verifyRates>>>,
): Round {
  const verifyLimit = (before.perSecond + after.perSecond) / 2;
  const perCpuSecond = (before.perCpuSecond + after.perCpuSecond) / 2;
  const framesPerSecond = frames / secondsOf(spans);
  const cpuMsPerFrame = spans.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / frames / spans.length;
  return {
    framesPerSecond,
    verifyLimit,
    share: framesPerSecond / (verifyLimit / spans.length),
    cpuShare: 1000 / perCpuSecond / cpuMsPerFrame,
    cpuMsPerFrame,
  };
}

/** From the first that began to the last that had everything. */
function secondsOf(spans: readonly Span[]): number {
  const start = Math.min(...spans.map(({ startMs }) => startMs));
  return (Math.max(...spans.map(({ endMs }) => endMs)) - start) / 1000;
}

function refusals(reports: readonly Report[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [code, count] of reports.flatMap(({ counters }) => Object.entries(counters))) {
    if (code !== "ingest-stored") sums[code] = (sums[code] ?? 0) + count;
  }
  return sums;
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
