/**
 * One member in a process of its own: ingest, durable pool, engine, ledger and store as an aggregator
 * runs them, without its broker and portal. Does what its parent asks by IPC.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { openSiteClock, verify } from "@busbar/protocol/node";
import { pino } from "pino";
import { Counters } from "../../../aggregator/broker/counters.ts";
import { DurablePool } from "../../../aggregator/consensus/durable-pool.ts";
import type { Engine } from "../../../aggregator/consensus/engine.ts";
import { TlsLinks } from "../../../aggregator/consensus/links/tls-links.ts";
import { PbftEngine } from "../../../aggregator/consensus/pbft-engine.ts";
import { Recorder } from "../../../aggregator/consensus/recorder.ts";
import { createIngest } from "../../../aggregator/ingest/ingest.ts";
import { SignatureThreads, usualThreads } from "../../../aggregator/ingest/signature-threads.ts";
import { Application } from "../../../aggregator/ledger/application.ts";
import { noteNeverVoted } from "../../../aggregator/ledger/restored.ts";
import { sha256 } from "../../../aggregator/ledger/sha256.ts";
import { Store } from "../../../aggregator/ledger/store.ts";
import { chain, signerOfName } from "../../../aggregator/ledger/test-site.ts";
import { rememberingVerify } from "../../../aggregator/ledger/verified.ts";
import { clockMs, Observer } from "./observer.ts";
import type { Latency, Observed, Report, Request, Span, Task } from "./processes.ts";
import { batchesOf, deviceOf, genesisOf, lightUnit, memberId } from "./site.ts";

/** Frames that wait for their block at most, of those that come to this member. */
const inFlightMax = 8_192;

/** Frames that come in one turn of the event loop. */
const framesPerTurn = 256;

const task = JSON.parse(process.argv[2] ?? "") as Task;
const { site, index } = task;
const id = memberId(index);
const observer = task.observe === true ? new Observer(site.members - 1) : undefined;
const signer = observer?.signer(signerOfName(id)) ?? signerOfName(id);
const genesis = genesisOf(site);
const storeFile = join(task.folder, `${id}.sqlite`);
const store = new Store(storeFile);
noteNeverVoted(store);
observer?.store(store);
const check = observer?.verify(verify) ?? verify;
const remembering = rememberingVerify(check);
const application = new Application({ genesis, store, verify: remembering });
application.initChain();
const pool = new DurablePool(store);
const clock = await openSiteClock({ kind: "system" });
const log = pino({ level: "silent" });
const counters = new Counters();

const links = new TlsLinks({
  listen: { host: "127.0.0.1", port: 0 },
  keys: { seed: sha256(Buffer.from(`test key of ${id}`)), box: sha256(Buffer.from(`box ${id}`)) },
  chain,
  log,
});
const member = { id, chain, signer };
const engine: Engine =
  site.members === 1
    ? new Recorder({ application, pool, clock, member, blockIntervalMs: 5 })
    : new PbftEngine({
        application,
        store,
        pool,
        links: observer?.links(links) ?? links,
        clock,
        verify: remembering,
        member,
      });
const threads = new SignatureThreads({
  count: task.threads ?? usualThreads(),
  verify: check,
  failed: (error) => {
    throw error;
  },
});
const { ingest } = createIngest({
  chain,
  registry: application.registry,
  verify: remembering,
  threads,
  pool,
  answers: {
    refuse: () => Promise.resolve(),
    receipt: () => Promise.resolve(),
  },
  receiptOf: () => undefined,
  now: Date.now,
  counters,
  log,
});

let committed = 0;
/** Those that were waited for. */
let counted = 0;
let own = 0;
let wake = () => {};
const waiting = new Map<string, () => void>();
engine.onCommit(({ hashes }) => {
  committed += hashes.length;
  for (const hash of hashes) {
    const name = Buffer.from(hash).toString("latin1");
    waiting.get(name)?.();
    waiting.delete(name);
  }
  wake();
});
engine.onRefused(({ refusal }) => counters.count(refusal.code));

/** Those that were not sent yet. */
let frames: { readonly device: string; readonly frame: Uint8Array }[] = [];

function arrive(device: string, frame: Uint8Array): Promise<void> {
  const publisher = application.registry.byId(device);
  if (publisher === undefined) throw new Error(`no device ${device}`);
  const topic = { of: "device", id: device, name: "readings" } as const;
  return ingest({ topic, payload: frame, publisher });
}

/** Each unit's first batch, then each one's second … */
function sign(units: readonly number[], batches: number): void {
  const lists = units.map((unit) => batchesOf(unit, batches, site.from));
  frames = Array.from({ length: batches }, (_, i) =>
    units.flatMap((unit, at) => {
      const frame = lists[at]?.[i];
      return frame === undefined ? [] : [{ device: deviceOf(unit), frame }];
    }),
  ).flat();
}

async function saturate(count: number, total: number): Promise<Span> {
  const startMs = Date.now();
  const cpu = process.cpuUsage();
  const ledger = process.threadCpuUsage();
  let sent = 0;
  for (const { device, frame } of frames.splice(0, count)) {
    while (own >= inFlightMax) await new Promise<void>((done) => (wake = done));
    own += 1;
    waiting.set(Buffer.from(sha256(frame)).toString("latin1"), () => (own -= 1));
    void arrive(device, frame);
    // As from a broker: what comes in one read is handed over together.
    sent += 1;
    if (sent % framesPerTurn === 0) await new Promise((done) => setImmediate(done));
  }
  counted += total;
  while (committed < counted) await new Promise<void>((done) => (wake = done));
  const { user, system } = process.cpuUsage(cpu);
  const used = process.threadCpuUsage(ledger);
  const ledgerMs = (used.user + used.system) / 1000;
  return { startMs, endMs: Date.now(), cpuMs: (user + system) / 1000, ledgerMs };
}

let lightSent = 0;

async function light(count: number, everyMs: number): Promise<Latency[]> {
  const unit = lightUnit(site, index);
  const latencies: Latency[] = [];
  const frames = batchesOf(unit, lightSent + count, site.from).slice(lightSent);
  lightSent += count;
  for (const frame of frames) {
    // Blocks of other members' frames come in between; nothing keeps step with them.
    await new Promise((done) => setTimeout(done, everyMs * (0.5 + Math.random())));
    const start = clockMs();
    const final = new Promise<void>((done) =>
      waiting.set(Buffer.from(sha256(frame)).toString("latin1"), done),
    );
    await arrive(deviceOf(unit), frame);
    await final;
    latencies.push({ start, end: clockMs() });
  }
  return latencies;
}

function report(): Report {
  // What stays: the log is put into the file again and again.
  store.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return {
    height: store.height,
    frames: committed,
    storeBytes: [storeFile, `${storeFile}-wal`].reduce((sum, file) => sum + sizeOf(file), 0),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
    counters: Object.fromEntries(counters.all()),
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function observed(): Observed {
  if (observer === undefined) throw new Error("nobody was to observe");
  const status = engine instanceof PbftEngine ? engine.status() : undefined;
  const inView = status?.view === status?.asked;
  return { counts: observer.counts, marks: observer.marks(), inView };
}

async function answer(request: Request): Promise<unknown> {
  switch (request.do) {
    case "start":
      links.setPeers(
        request.ports.flatMap((port, i) => {
          const key = signerOfName(memberId(i)).publicKey;
          return i === index ? [] : [{ id: memberId(i), key, address: `127.0.0.1:${port}` }];
        }),
      );
      return engine.start();
    case "sign":
      return sign(request.units, request.batches);
    case "saturate":
      return await saturate(request.count, request.total);
    case "light":
      return await light(request.count, request.everyMs);
    case "report":
      return report();
    case "observed":
      return observed();
    case "stop":
      await engine.stop();
      await links.stop();
      await threads.stop();
      store.close();
      return;
    default:
      return request satisfies never;
  }
}

process.on("message", (request: Request) => {
  void answer(request).then((result) => {
    process.send?.({ result });
    if (request.do === "stop") process.disconnect();
  });
});
await links.start();
process.send?.({ result: links.port });
