/**
 * A process that plays an edge unit which was long without a link: records a backlog in its journal,
 * says so, and once it is told an aggregator's address brings it there and says what that took.
 */
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { clockSource, type Membership, type ReadingEntry, utcMs } from "@busbar/protocol";
import { pino } from "pino";
import { openDatabase, transaction } from "../../edge/journal/database.ts";
import { Journal } from "../../edge/journal/journal.ts";
import { ReadingsOutbox } from "../../edge/journal/readings-outbox.ts";
import { summarise } from "../../edge/journal/summary.ts";
import { Link } from "../../edge/link/link.ts";
import { Counters } from "../../edge/status/counters.ts";
import { testSigner } from "./memory-registry.ts";

/** How many readings of each meter, how far apart, and how many of them are signed together. */
export type Backlog = {
  readonly folder: string;
  readonly chain: string;
  readonly device: string;
  readonly meters: readonly string[];
  readonly readings: number;
  readonly everyMs: number;
  readonly batch: number;
  readonly registers: number;
};

/** Megabytes are of resident memory, sampled each 100 ms; seconds are wall time. */
export type Recorded = { readonly seconds: number; readonly mbMax: number; readonly mb: number };
export type Replayed = Recorded & {
  readonly committed: number;
  readonly cpuSeconds: number;
  readonly counts: Readonly<Record<string, number>>;
};
/** Where to bring it. */
export type Target = { readonly url: string; readonly member: string };

/** The key of `testSigner` that the unit signs with. */
export const unitKey = 4;

/** What the reading of a number says. */
export function readingAt(n: number, { everyMs, registers }: Backlog): ReadingEntry {
  return {
    time: utcMs(1_750_000_000_000 + n * everyMs),
    clock: clockSource.ntp,
    registers: new Map(
      Array.from({ length: registers }, (_, i) => [`1-0:${i + 1}.8.0`, [n * 17 + i, 0]] as const),
    ),
    quality: 0,
  };
}

/** Readings that share a commit, so that preparing a month does not take an hour of fsyncs. */
const perCommit = 200;

if (import.meta.main) await play(JSON.parse(process.argv[2] ?? "{}") as Backlog);

async function play(backlog: Backlog): Promise<void> {
  const { folder, chain } = backlog;
  const database = openDatabase(join(folder, "journal.db"));
  const journal = new Journal(database, { chain, signer: testSigner(unitKey) });
  const recorded = await measured(async () => record(journal, backlog));
  console.log(JSON.stringify(recorded satisfies Recorded));
  const [line] = await once(createInterface({ input: process.stdin }), "line");
  const replayed = await replay(journal, backlog, JSON.parse(String(line)) as Target);
  console.log(JSON.stringify(replayed));
  process.exit(0);
}

async function record(journal: Journal, backlog: Backlog): Promise<void> {
  const { meters, readings, batch } = backlog;
  for (let from = 0; from < readings; from += perCommit) {
    const numbers = Array.from(
      { length: Math.min(perCommit, readings - from) },
      (_, i) => from + i + 1,
    );
    const samples = numbers.flatMap((n) =>
      meters.map((meter) => ({ meter, entry: readingAt(n, backlog) })),
    );
    journal.append(samples);
    for (const meter of meters) journal.seal(meter, batch);
    await new Promise(setImmediate);
  }
}

async function replay(journal: Journal, backlog: Backlog, target: Target): Promise<Replayed> {
  const { chain, device } = backlog;
  const key = new Uint8Array(Buffer.from(target.member, "base64url"));
  const membership: Membership = { chain, members: [{ id: "m1", key, voting: true }] };
  const counters = new Counters();
  const readings = new ReadingsOutbox(journal.database);
  const ended = Promise.withResolvers<void>();
  const link = new Link({
    chain,
    device,
    signer: testSigner(unitKey),
    membership,
    brokers: [{ url: target.url, allowPlainText: false }],
    outboxes: [readings],
    nextSession: () => journal.nextSession(),
    birth: () => ({}),
    atOnce: (work) => transaction(journal.database, work),
    onCommitted: () => {
      if (readings.lanes().length === 0) ended.resolve();
    },
    counters,
    log: pino({ level: process.env.BUSBAR_LOG ?? "silent" }, process.stderr),
  });
  const cpu = process.cpuUsage();
  const figures = await measured(async () => {
    link.start();
    await ended.promise;
  });
  const { user, system } = process.cpuUsage(cpu);
  await link.stop();
  const { meters } = summarise(journal.database);
  return {
    ...figures,
    committed: meters.reduce((sum, { committed }) => sum + committed, 0),
    cpuSeconds: (user + system) / 1e6,
    counts: counters.all(),
  };
}

async function measured(work: () => Promise<void>): Promise<Recorded> {
  const megabytes = () => process.memoryUsage.rss() / 2 ** 20;
  let mbMax = megabytes();
  const sampling = setInterval(() => {
    mbMax = Math.max(mbMax, megabytes());
  }, 100);
  const start = performance.now();
  await work();
  clearInterval(sampling);
  return { seconds: (performance.now() - start) / 1000, mbMax, mb: megabytes() };
}
