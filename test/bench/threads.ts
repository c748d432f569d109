/**
 * `npm run bench -- threads`: what threads beside the ledger's one gain. A recorder at saturation takes signed batches in
 * with their signatures checked in its own thread, and on one and two others, in turns; then `verify` replays what it
 * recorded in the same three ways. The ledger's thread is the bound of a member, so its processor time a batch says what is
 * gained where there are cores for the others, on a busy machine too; batches a second are of this one.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { verify } from "@busbar/protocol/node";
import { SignatureThreads } from "../../aggregator/ingest/signature-threads.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { verifyLedger } from "../../aggregator/ledger/verify.ts";
import { verifyLedgerAhead } from "../../aggregator/ledger/verify-ahead.ts";
import { type MemberProcess, type Span, startMembers } from "./ledger/processes.ts";
import { genesisOf, memberId } from "./ledger/site.ts";

export const name = "threads";
export const title = "Threads beside the ledger's: signatures of what arrives, and of a replay";

const counts = [0, 1, 2] as const;
const rounds = 5;
/** Batches of each unit in a round, and before the first one. */
const [ofRound, warmUp] = [5, 10] as const;
const units = 200;
const replays = 3;

type Way = { readonly threads: number; readonly ledgerUs: number; readonly perSecond: number };

export async function run({ json = false }: { readonly json?: boolean } = {}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  try {
    const site = { members: 1, units, from: Date.now() - 3_600_000 };
    const taking = await takeIn(folder, site);
    const replaying = await replay(join(folder, "0"), site);
    const cores = availableParallelism();
    if (json) return console.log(JSON.stringify({ cores, taking, replaying }));
    console.log(
      `  ${cores} cores; batches of 10 readings; medians of ${rounds} and ${replays} rounds, in turns`,
    );
    show("a recorder at saturation, signatures of what arrives", taking);
    show("a replay (busbar-aggregator verify)", replaying);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function show(what: string, ways: readonly Way[]): void {
  console.log(`  ${what}`);
  const [alone] = ways;
  for (const { threads, ledgerUs, perSecond } of ways) {
    const gain = (alone?.ledgerUs ?? 0) / ledgerUs;
    const wall = perSecond / (alone?.perSecond ?? 1);
    const where =
      threads === 0 ? "in its own thread" : `on ${threads} other${threads > 1 ? "s" : ""}`;
    console.log(
      `    ${where.padEnd(18)} ${ledgerUs.toFixed(0).padStart(5)} µs of the ledger's thread a batch (${gain.toFixed(2)} times less), ${Math.round(perSecond)} batches/s (${wall.toFixed(2)} times as many)`,
    );
  }
}

async function takeIn(
  folder: string,
  site: Parameters<typeof genesisOf>[0],
): Promise<readonly Way[]> {
  const batches = warmUp + rounds * ofRound;
  const recorders: MemberProcess[] = [];
  try {
    for (const threads of counts) {
      const [one] = await startMembers([
        { folder: made(folder, threads), site, index: 0, threads },
      ]);
      if (one === undefined) throw new Error("expected a recorder");
      recorders.push(one);
      await one.ask({ do: "sign", units: Array.from({ length: units }, (_, i) => i), batches });
      await one.ask({ do: "saturate", count: units * warmUp, total: units * warmUp });
    }
    const spans = counts.map((): Span[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, one] of recorders.entries()) {
        const count = units * ofRound;
        spans[i]?.push((await one.ask({ do: "saturate", count, total: count })) as Span);
      }
    }
    for (const one of recorders) await one.ask({ do: "stop" });
    return counts.map((threads, i) => {
      const of = (value: (span: Span) => number) => median((spans[i] ?? []).map(value));
      return {
        threads,
        ledgerUs: (1000 * of(({ ledgerMs }) => ledgerMs)) / (units * ofRound),
        perSecond: (1000 * units * ofRound) / of(({ startMs, endMs }) => endMs - startMs),
      };
    });
  } finally {
    for (const one of recorders) one.end();
  }
}

function made(folder: string, threads: number): string {
  const own = join(folder, String(threads));
  mkdirSync(own);
  return own;
}

async function replay(
  folder: string,
  site: Parameters<typeof genesisOf>[0],
): Promise<readonly Way[]> {
  const store = new Store(join(folder, `${memberId(0)}.sqlite`));
  const ledger = { store, genesis: genesisOf(site), verify };
  const taken = counts.map((): { readonly cpuMs: number; readonly ms: number }[] => []);
  let batches = 0;
  try {
    for (let round = 0; round < replays; round++) {
      for (const [i, count] of counts.entries()) {
        const threads = new SignatureThreads({
          count,
          verify,
          failed: (error) => {
            throw error;
          },
        });
        const [start, cpu] = [performance.now(), process.threadCpuUsage()];
        const found =
          count === 0
            ? verifyLedger(ledger)
            : await verifyLedgerAhead({ ...ledger, check: (signed) => threads.check(signed) });
        const used = process.threadCpuUsage(cpu);
        taken[i]?.push({ cpuMs: (used.user + used.system) / 1000, ms: performance.now() - start });
        await threads.stop();
        if (!found.ok) throw new Error(found.message);
        batches = found.transactions;
      }
    }
  } finally {
    store.close();
  }
  return counts.map((threads, i) => ({
    threads,
    ledgerUs: (1000 * median((taken[i] ?? []).map(({ cpuMs }) => cpuMs))) / batches,
    perSecond: (1000 * batches) / median((taken[i] ?? []).map(({ ms }) => ms)),
  }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
