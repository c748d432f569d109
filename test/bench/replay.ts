/** `npm run bench -- replay`: a unit as the system service runs it brings a backlog to the ledger. */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeMessage, openFrame } from "@busbar/protocol";
import { openDatabaseToRead } from "../../edge/journal/database.ts";
import { type Backlog, readingAt } from "../support/backlog.ts";
import type { FakeAggregator } from "../support/fake-aggregator.ts";
import { median, meters, ServiceScene } from "../support/service-scene.ts";

export const name = "replay";
export const title =
  "A unit's backlog to the ledger and its receipts back, by MQTT on this machine, as the service";

const recorder = fileURLToPath(new URL("../support/backlog.ts", import.meta.url));
const residentMbMax = 90;
const stepMs = 100;
/** Nothing takes so long that is not broken. */
const secondsEnd = 900;

type Case = {
  readonly what: string;
  readonly readings: number;
  readonly everySeconds: number;
  readonly batch: number;
  readonly secondsMax: number | undefined;
};
const cases: readonly Case[] = [
  { what: "one day at 1 s", readings: 86_400, everySeconds: 1, batch: 12, secondsMax: 60 },
  {
    what: "40 days at 60 s",
    readings: 40 * 1440,
    everySeconds: 60,
    batch: 5,
    secondsMax: undefined,
  },
];

export async function run(): Promise<void> {
  for (const each of cases) await measure(each);
}

async function measure({ what, readings, everySeconds, batch, secondsMax }: Case): Promise<void> {
  const scene = await ServiceScene.open({ everySeconds });
  try {
    await scene.warm();
    const everyMs = everySeconds * 1000;
    const backlog: Backlog = {
      data: scene.data,
      key: join(scene.folder, "device.key"),
      chain: scene.host.chain,
      meters: meters.map(({ id }) => id),
      ...{ readings, everyMs, batch, registers: 16 },
      fromMs: Date.now() - (readings + 1) * everyMs,
    };
    execFileSync(process.execPath, [recorder, JSON.stringify(backlog)], { stdio: "inherit" });
    const all = readings * meters.length;
    const megabytes = statSync(join(scene.data, "journal.db")).size / 1e6;
    console.log(
      `  ${what}: ${all} readings of ${meters.length} meters, ${megabytes.toFixed(0)} MB`,
    );
    const { seconds, cpuSeconds, resident } = await replay(scene, readings);
    const wrong = disorder(scene.host, backlog);
    const most = Math.max(...resident);
    const limit = secondsMax === undefined ? "" : ` (limit ${secondsMax} s)`;
    console.log(`    all receipts  ${seconds.toFixed(1)} s${limit}, readings taken meanwhile`);
    console.log(
      `    resident      ${median(resident).toFixed(1)} MB median, ${most.toFixed(1)} MB most (limit ${residentMbMax} MB)`,
    );
    console.log(`    unit's CPU    ${cpuSeconds.toFixed(1)} s`);
    console.log(`    on the ledger ${wrong} out of order or changed`);
    if (seconds > (secondsMax ?? secondsEnd) || most > residentMbMax || wrong > 0) {
      process.exitCode = 1;
    }
  } finally {
    await scene.close();
  }
}

/** From the unit's start to the receipt of the last reading that it began with. */
async function replay(scene: ServiceScene, readings: number) {
  const database = openDatabaseToRead(join(scene.data, "journal.db"));
  const waiting = database.prepare(
    "SELECT 1 FROM batch WHERE meter = ? AND first <= ? AND state <> 'committed' LIMIT 1",
  );
  const isWaiting = () => meters.some(({ id }) => waiting.get(id, readings) !== undefined);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const unit = await scene.start();
  const resident: number[] = [];
  try {
    while (isWaiting()) {
      if (!unit.running || seconds() > secondsEnd)
        throw new Error("the unit does not come to an end");
      resident.push(unit.residentMb());
      await sleep(stepMs);
    }
    return { seconds: seconds(), cpuSeconds: unit.cpuSeconds(), resident };
  } finally {
    await unit.stop();
    database.close();
  }
}

/** Readings of the backlog that are not on the ledger in their place with their time and values. */
function disorder(host: FakeAggregator, backlog: Backlog): number {
  const next = new Map(backlog.meters.map((meter) => [meter, 1]));
  let wrong = 0;
  for (const { kind, bytes } of host.frames) {
    if (kind !== "readings") continue;
    const opened = openFrame(bytes);
    const decoded = opened.ok ? decodeMessage("readings", opened.frame.envelope.payload) : opened;
    if (!decoded.ok) return Number.POSITIVE_INFINITY;
    const { meter, first, entries } = decoded.message;
    for (const [i, entry] of entries.entries()) {
      const seq = first + i;
      const same =
        seq > backlog.readings ||
        JSON.stringify(plain(entry)) === JSON.stringify(plain(readingAt(seq, backlog)));
      if (seq !== next.get(meter) || !same) wrong += 1;
      next.set(meter, seq + 1);
    }
  }
  for (const meter of backlog.meters) {
    wrong += Math.max(0, backlog.readings - host.committed(meter));
  }
  return wrong;
}

const plain = ({ time, clock, quality, registers }: ReturnType<typeof readingAt>) => [
  time,
  clock,
  quality,
  [...registers].sort(([a], [b]) => (a < b ? -1 : 1)),
];
