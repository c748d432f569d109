/** `BUSBAR_POLLS=100000 npm run bench -- soak`: whether a unit, as the system service runs it, grows while it polls. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { utcMs } from "@busbar/protocol";
import { writeClockFile } from "../../hardware/virtual-site/clock-file.ts";
import { median, meters, type ServiceProcess, ServiceScene } from "../support/service-scene.ts";

export const name = "soak";
export const title =
  "Edge unit over 10⁵ polls: three meters behind TCP, as the service, on a fast clock";

const polls = Number(process.env.BUSBAR_POLLS ?? 100_000);
/** 90 polls a second are due; a slower machine polls as often as it can. */
const speed = 1800;
const everySeconds = 60;
/** Until then caches and buffers fill, and pruning has not begun: a day of site time is kept. */
const warmUpPolls = polls / 10;
const sampleMs = 5000;
const limits = { residentMb: 90, growthPercent: 3 };

type Sample = { readonly taken: number; readonly mb: number };

export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-clock-"));
  const clockFile = join(folder, "clock.json");
  const originWallMs = Date.now();
  await writeClockFile(clockFile, { originWallMs, originSiteMs: originWallMs, speed });
  const scene = await ServiceScene.open({ everySeconds, days: 1, clockFile });
  scene.host.ledger.time = () =>
    utcMs(Math.floor(originWallMs + (Date.now() - originWallMs) * speed));
  try {
    await scene.warm();
    const unit = await scene.start();
    try {
      await report(scene, unit, await observe(unit));
    } finally {
      await unit.stop();
    }
  } finally {
    await scene.close();
    rmSync(folder, { recursive: true });
  }
}

/** Resident memory beside the number of readings taken, from the end of the warm-up on. */
async function observe(unit: ServiceProcess): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let taken = 0; taken < warmUpPolls + polls; ) {
    await sleep(sampleMs);
    if (!unit.running) throw new Error("the unit ended");
    taken = await unit.metric("readings_total");
    if (taken >= warmUpPolls) samples.push({ taken, mb: unit.residentMb() });
  }
  return samples;
}

async function report(
  scene: ServiceScene,
  unit: ServiceProcess,
  samples: readonly Sample[],
): Promise<void> {
  const quarter = Math.max(1, samples.length >> 2);
  const first = median(samples.slice(0, quarter).map(({ mb }) => mb));
  const last = median(samples.slice(-quarter).map(({ mb }) => mb));
  const most = Math.max(...samples.map(({ mb }) => mb));
  const growth = (100 * (last - first)) / first;
  const taken = (samples.at(-1)?.taken ?? 0) - (samples[0]?.taken ?? 0);
  const receipts = meters.reduce((sum, { id }) => sum + scene.host.committed(id), 0);
  const kept = (await unit.metric("journal_bytes")) / 1e6;
  console.log(`  ${taken} polls, ${receipts} readings with receipt, ${kept.toFixed(1)} MB kept`);
  console.log(
    `    resident  ${first.toFixed(1)} MB in the first quarter, ${last.toFixed(1)} MB in the last (limit ${limits.residentMb} MB), ${most.toFixed(1)} MB most`,
  );
  console.log(
    `    growth    ${growth.toFixed(1)} % (limit ${limits.growthPercent} %), ${(slope(samples) * 1e5).toFixed(2)} MB in 10⁵ polls`,
  );
  console.log(
    `    CPU       ${((1e3 * unit.cpuSeconds()) / (taken + warmUpPolls)).toFixed(1)} ms a poll`,
  );
  if (last > limits.residentMb || growth > limits.growthPercent) process.exitCode = 1;
}

/** MB a poll, by least squares. */
function slope(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [taken, mb] = [mean((sample) => sample.taken), mean((sample) => sample.mb)];
  const up = mean((sample) => (sample.taken - taken) * (sample.mb - mb));
  return up / mean((sample) => (sample.taken - taken) ** 2);
}
