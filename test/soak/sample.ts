import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Status } from "../../edge/status/status.ts";
import { processOf } from "../load/process-figures.ts";
import type { SoakSite, Watched } from "./site.ts";

/** How a process stands at an instant; what cannot be had (it does not run, it does not answer) is undefined. */
export type ProcessSample = {
  readonly name: string;
  readonly residentMb: number | undefined;
  readonly heapMb: number | undefined;
  readonly files: number | undefined;
  /** Of its folder, MB. */
  readonly diskMb: number | undefined;
  /** Its site time less the machine's, in s of the machine's clock; a member's is its newest block's. */
  readonly driftS: number | undefined;
  /** Of a member's chain. */
  readonly height: number | undefined;
  /** Readings of a unit that have no receipt yet. */
  readonly waiting: number | undefined;
  readonly restarts: number;
};

/** All processes at an instant, `second` s after the start. */
export type Sample = { readonly second: number; readonly processes: readonly ProcessSample[] };

const answerMsMax = 2_000;

/** Members' heights, and what else a look at the site tells that faults are judged by. */
export type Look = {
  /** By name, of those that answer. */
  readonly heights: ReadonlyMap<string, number>;
  /** Readings of each meter that were taken, and that have their receipt. */
  readonly taken: ReadonlyMap<string, number>;
  readonly committed: ReadonlyMap<string, number>;
  /** Sums over all accounts that are not 0, in words. */
  readonly sums: readonly string[];
  readonly queued: number | undefined;
};

/** Asks everybody how they stand, over the portals and the units' pages. */
export async function lookAt(
  site: SoakSite,
): Promise<{ readonly look: Look; readonly processes: readonly ProcessSample[] }> {
  const heights = new Map<string, number>();
  const [taken, committed] = [new Map<string, number>(), new Map<string, number>()];
  const sums: string[] = [];
  let queued: number | undefined;
  const aggregators = site.aggregators.map(async (it, i) => {
    const portal = site.ports.members[i]?.portal ?? 0;
    const before = site.now();
    const [status, blocks] = await Promise.all([
      json<MemberStatus>(portal, "api/status"),
      json<readonly { readonly time: number }[]>(portal, "api/blocks?limit=1"),
    ]);
    if (status !== undefined) {
      heights.set(it.name, status.height);
      const { moneySum, energySum } = status;
      if (moneySum !== 0) sums.push(`${it.name}: the sum of all money is ${moneySum}`);
      if (energySum !== 0) sums.push(`${it.name}: the sum of all energy is ${energySum}`);
      if (i === 0) queued = status.notices.queued;
    }
    const time = blocks?.[0]?.time;
    const driftS = time === undefined ? undefined : (time - before) / 1000 / site.speed;
    return { ...held(it), driftS, height: status?.height, waiting: undefined };
  });
  const edges = site.edges.map(async (it, i) => {
    const before = site.now();
    const status = await json<Status>(site.ports.status(i), "status");
    for (const one of status?.journal.meters ?? []) {
      taken.set(one.meter, one.taken);
      committed.set(one.meter, one.committed);
    }
    const meters = status?.journal.meters;
    const waiting = meters?.reduce((sum, one) => sum + one.taken - one.committed, 0);
    const driftS = status === undefined ? undefined : (status.time - before) / 1000 / site.speed;
    return { ...held(it), driftS, height: undefined, waiting };
  });
  const others = [site.meters(), ...(site.flows === undefined ? [] : [site.flows])];
  const none = { driftS: undefined, height: undefined, waiting: undefined };
  const processes = await Promise.all([
    ...aggregators,
    ...edges,
    ...others.map((it) => ({ ...held(it), ...none })),
  ]);
  return { look: { heights, taken, committed, sums, queued }, processes };
}

type MemberStatus = {
  readonly height: number;
  readonly moneySum: number;
  readonly energySum: number;
  readonly notices: { readonly queued: number };
};

/** What a process holds, by /proc, its folder, and its own word. */
function held({ name, child, folder, clock }: Watched) {
  const { pid } = child;
  const { residentMb, files } = pid === undefined ? { residentMb: 0, files: 0 } : processOf(pid);
  const runs = files > 0;
  return {
    name,
    residentMb: runs ? residentMb : undefined,
    heapMb: runs ? heapOf(clock) : undefined,
    files: runs ? files : undefined,
    diskMb: folder === undefined ? undefined : bytesIn(folder) / 2 ** 20,
    restarts: child.restarts,
  };
}

function heapOf(clock: string): number | undefined {
  try {
    const { heapUsed } = JSON.parse(readFileSync(`${clock}.memory`, "utf8")) as {
      heapUsed: number;
    };
    return Math.round(heapUsed / 2 ** 20);
  } catch {
    // It has not said yet, or says so at this moment.
    return undefined;
  }
}

function bytesIn(folder: string): number {
  let sum = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    // Files come and go beside a database.
    sum += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}

async function json<T>(port: number, path: string): Promise<T | undefined> {
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { signal });
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    // Killed, paused or starting: the next look is soon.
    return undefined;
  }
}
