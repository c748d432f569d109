import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { utcMs } from "@busbar/protocol";
import { openSiteClock, verify } from "@busbar/protocol/node";
import { pino } from "pino";
import { type Broker, startBroker } from "../../aggregator/broker/broker.ts";
import { Counters } from "../../aggregator/broker/counters.ts";
import { DurablePool } from "../../aggregator/consensus/durable-pool.ts";
import { Recorder } from "../../aggregator/consensus/recorder.ts";
import { createAnswers } from "../../aggregator/ingest/answers.ts";
import { createIngest } from "../../aggregator/ingest/ingest.ts";
import { SignatureThreads, usualThreads } from "../../aggregator/ingest/signature-threads.ts";
import { Application } from "../../aggregator/ledger/application.ts";
import { receiptOf } from "../../aggregator/ledger/receipts.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { chain, signerOfName, testGenesis } from "../../aggregator/ledger/test-site.ts";
import { rememberingVerify } from "../../aggregator/ledger/verified.ts";
import type { DevicesReport, DevicesTask } from "../support/publishing-devices.ts";
import { verifiesPerSecond } from "../support/verify-limit.ts";

export const name = "ingest";
export const title =
  "From MQTT publish to receipt: signed reading batches through broker and ledger";

const devices = 50;
const batches = 100;
const entries = 10;
const window = 64;
const member = "member-a";

export async function run(): Promise<void> {
  const limit = verifiesPerSecond();
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  try {
    const { seconds, report, counters } = await measure(folder);
    const total = devices * batches;
    const rate = report.latencies.length / seconds;
    console.log(
      `  ${devices} devices, ${total} batches of ${entries} readings, ${window} in flight`,
    );
    console.log(`  committed      ${Math.round(rate)} signed batches/s`);
    console.log(`                 ${Math.round(rate * entries)} readings/s`);
    console.log(
      `  verify limit   ${Math.round(limit)} Ed25519 checks/s on one thread (node:crypto)`,
    );
    console.log(`  share          ${Math.round((100 * rate) / limit)} % of the limit`);
    const [half, most] = [0.5, 0.95].map((part) => percentile(report.latencies, part));
    console.log(`  to the receipt ${half} ms (median), ${most} ms (95 %)`);
    if (report.refused.length > 0 || counters.of("ingest-stored") !== total) {
      console.log(`  refused        ${JSON.stringify([...new Set(report.refused)])}`);
      console.log(`  counters       ${JSON.stringify(counters.all())}`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(folder: string) {
  const units = Array.from({ length: devices }, (_, n) => `u${n}`);
  const from = Date.now() - 3_600_000;
  const counters = new Counters();
  const { broker, stop } = await startAggregator(folder, { units, from, counters });
  const task: DevicesTask = { port: broker.port, units, batches, entries, window, from };
  const file = new URL("../support/publishing-devices.ts", import.meta.url);
  const worker = new Worker(file, { workerData: task });
  await once(worker, "message");
  const start = performance.now();
  worker.postMessage("go");
  const [report] = (await once(worker, "message")) as [DevicesReport];
  const seconds = (performance.now() - start) / 1000;
  await stop();
  return { seconds, report, counters };
}

/** Broker, ingest, durable pool, recorder and ledger in this thread, as one aggregator runs them. */
async function startAggregator(
  folder: string,
  site: { readonly units: readonly string[]; readonly from: number; readonly counters: Counters },
) {
  const log = pino({ level: "silent" });
  const genesis = testGenesis({
    time: utcMs(site.from - 60_000),
    devices: site.units.map((unit) => ({
      id: `${unit}-unit`,
      owner: "user-a",
      key: signerOfName(`${unit}-unit`).publicKey,
      meters: [{ id: `${unit}-meter`, role: "connection", feeder: "feeder-1" }],
    })),
  });
  const store = new Store(join(folder, "ledger.sqlite"));
  const remembering = rememberingVerify(verify);
  const application = new Application({ genesis, store, verify: remembering });
  application.initChain();
  const pool = new DurablePool(store);
  const signer = signerOfName(member);
  const clock = await openSiteClock({ kind: "system" });
  const engine = new Recorder({
    application,
    pool,
    clock,
    member: { id: member, chain, signer },
  });
  const { registry } = application;
  let broker: Broker | undefined;
  const answers = createAnswers({
    councils: { epoch: () => 0, stepsAfter: () => [] },
    site: chain,
    registry,
    log,
    publish: async (...message) => broker?.publish(...message),
    tipOf: () => undefined,
  });
  const threads = new SignatureThreads({
    count: usualThreads(),
    verify: remembering,
    failed: (error) => {
      throw error;
    },
  });
  const { ingest } = createIngest({
    chain,
    registry,
    verify: remembering,
    threads,
    pool,
    answers,
    receiptOf: (hash) => receiptOf(store, hash),
    now: () => Date.now(),
    counters: site.counters,
    log,
  });
  engine.onCommit((block) => void answers.committed(block));
  engine.onRefused((refused) => void answers.refused(refused));
  engine.start();
  broker = await startBroker({
    host: "127.0.0.1",
    port: 0,
    id: member,
    chain,
    site: chain,
    registry,
    verify: remembering,
    ingest,
    now: () => Date.now(),
    log,
    counters: site.counters,
    limits: { connectBurst: devices },
  });
  const running = broker;
  return {
    broker: running,
    async stop() {
      await running.stop();
      await threads.stop();
      await engine.stop();
      store.close();
    },
  };
}

function percentile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
}
