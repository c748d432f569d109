import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { decodeMessage, openFrame } from "@busbar/protocol";
import { FakeAggregator } from "../support/fake-aggregator.ts";
import { testSigner } from "../support/memory-registry.ts";
import {
  type Backlog,
  type Recorded,
  type Replayed,
  readingAt,
  unitKey,
} from "../support/replaying-unit.ts";

export const name = "replay";
export const title =
  "A unit's backlog to the ledger and its receipts back, by MQTT on this machine";

const secondsMax = 60;
const meters = ["grid", "solar", "battery"];
const unit = fileURLToPath(new URL("../support/replaying-unit.ts", import.meta.url));
const program = { chain: "demo", device: "unit-1", meters, registers: 16 };

export async function run(): Promise<void> {
  const day = 86_400;
  await measure("one day at 1 s", { ...program, readings: day, everyMs: 1000, batch: 12 }, true);
  const days = 40 * 1440;
  await measure(
    "40 days at 60 s",
    { ...program, readings: days, everyMs: 60_000, batch: 5 },
    false,
  );
}

async function measure(
  what: string,
  rest: Omit<Backlog, "folder">,
  limited: boolean,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-replay-"));
  const host = new FakeAggregator(rest.chain, testSigner(1));
  host.devices.set(rest.device, testSigner(unitKey).publicKey);
  await host.start();
  const backlog = { ...rest, folder };
  const child = spawn(process.execPath, [unit, JSON.stringify(backlog)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout });
    const recorded = (await nextOf(lines, child)) as Recorded;
    const megabytes = statSync(join(folder, "journal.db")).size / 2 ** 20;
    const member = Buffer.from(host.member.publicKey).toString("base64url");
    child.stdin.write(`${JSON.stringify({ url: host.url, member })}\n`);
    const replayed = (await nextOf(lines, child)) as Replayed;
    const all = rest.readings * meters.length;
    const wrong = disorder(host, backlog);
    console.log(
      `  ${what}: ${all} readings of ${meters.length} meters, ${megabytes.toFixed(0)} MB`,
    );
    console.log(`    recorded without a link    ${figures(recorded, all)}`);
    console.log(`    replayed, receipts checked ${figures(replayed, all)}`);
    if (limited) console.log(`    limit                      ${secondsMax} s`);
    console.log(`    unit's CPU time            ${replayed.cpuSeconds.toFixed(1)} s`);
    console.log(
      `    on the ledger              ${replayed.committed}, ${wrong} out of order or changed`,
    );
    const late = limited && replayed.seconds > secondsMax;
    if (late || replayed.committed !== all || wrong > 0) {
      console.log(`    counts                     ${JSON.stringify(replayed.counts)}`);
      process.exitCode = 1;
    }
  } finally {
    child.kill();
    await host.stop();
    rmSync(folder, { recursive: true });
  }
}

async function nextOf(lines: Interface, child: ChildProcess): Promise<unknown> {
  const ended = once(child, "exit").then(() => {
    throw new Error("the unit ended early");
  });
  const [line] = await Promise.race([once(lines, "line"), ended]);
  return JSON.parse(String(line));
}

const figures = ({ seconds, mbMax }: Recorded, readings: number) =>
  `${seconds.toFixed(1)} s, ${Math.round(readings / seconds)} readings/s, at most ${mbMax.toFixed(0)} MB resident`;

/** Readings on the ledger that are not in their place with their time and values. */
function disorder(host: FakeAggregator, backlog: Backlog): number {
  const next = new Map(backlog.meters.map((meter) => [meter, 1]));
  let wrong = 0;
  for (const { bytes } of host.frames) {
    const opened = openFrame(bytes);
    const decoded = opened.ok ? decodeMessage("readings", opened.frame.envelope.payload) : opened;
    if (!decoded.ok) return Number.POSITIVE_INFINITY;
    const { meter, first, entries } = decoded.message;
    for (const [i, entry] of entries.entries()) {
      const seq = first + i;
      const same = JSON.stringify(plain(entry)) === JSON.stringify(plain(readingAt(seq, backlog)));
      if (seq !== next.get(meter) || !same) wrong += 1;
      next.set(meter, seq + 1);
    }
  }
  return wrong;
}

const plain = ({ time, clock, quality, registers }: ReturnType<typeof readingAt>) => [
  time,
  clock,
  quality,
  [...registers].sort(([a], [b]) => (a < b ? -1 : 1)),
];
