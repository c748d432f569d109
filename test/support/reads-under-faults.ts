import { Failure } from "@busbar/protocol";
import type { BusCounters } from "../../edge/framing/bus-counters.ts";
import { GuardedPort } from "../../edge/framing/modbus/guarded-port.ts";
import type { ReadReply } from "../../edge/framing/modbus/requests.ts";
import { seededRandom, VirtualTimers } from "../../edge/framing/test-support/virtual-timers.ts";
import { sleep } from "../../edge/framing/timers.ts";
import type { Faults } from "../../hardware/virtual-site/meters/faults/faults.ts";
import { type Device, FaultLine } from "./fault-line.ts";

/** How the reads reach the meters. */
export const ways = ["rtu", "rtu-over-tcp", "tcp"] as const;
export type Way = (typeof ways)[number];

/** What many reads came to. A wrong one was given as good and is not what the meter held. */
export type Outcome = {
  readonly reads: number;
  readonly right: number;
  readonly refused: number;
  readonly failed: ReadonlyMap<string, number>;
  readonly wrong: readonly string[];
  readonly counters: Readonly<BusCounters>;
  /** On the line's own clock. */
  readonly lineMs: number;
};

/** Everything at once, far more often than on any line that somebody would leave as it is. */
export const everyFault: Faults = {
  late: 0.04,
  dropped: 0.02,
  cut: 0.03,
  damaged: 0.03,
  noise: 0.06,
  merged: 0.02,
  repeated: 0.03,
  wrongUnit: 0.02,
  foreign: 0.02,
  crossed: 0.02,
  babble: 0.005,
  busy: 0.01,
  dead: 0.000_5,
  unplug: 0.000_5,
};

/** Registers change this often, so that an answer of another moment is another answer. */
const tickMs = 37;
const registersMax = 80;
const lastAddress = 399;
const deadUnit = 4;

/** A register at one tick: no two places or ticks are alike. */
function wordAt(unit: number, address: number, tick: number): number {
  let hash = Math.imul(unit * 65_536 + address, 0x9e37_79b1) ^ Math.imul(tick, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a_2d39);
  return (hash ^ (hash >>> 15)) & 0xffff;
}

type Read = { readonly unit: number; readonly address: number; readonly count: number };

/**
 * Reads three meters and a dead one on one line again and again: the same blocks each round as a
 * poll does, and single values between them. A value is two registers; it is wrong when the meter
 * did not hold both of them, at that address, at one instant between the question and the answer.
 */
export async function readsUnderFaults(options: {
  readonly way: Way;
  readonly reads: number;
  readonly seed: number;
  readonly faults: Faults;
}): Promise<Outcome> {
  const { way, reads, seed, faults } = options;
  const timers = new VirtualTimers();
  const random = seededRandom(seed);
  const framing = way === "tcp" ? "tcp" : "rtu";
  const line = new FaultLine(timers, random, framing);
  for (const unit of [1, 2, 3]) line.devices.set(unit, meter(unit, timers));
  line.faults = faults;
  const port = new GuardedPort({
    name: way,
    line,
    framing,
    baud: way === "rtu" ? 9600 : undefined,
    timers,
    random,
    replyMs: 200,
  });
  const count = { right: 0, refused: 0 };
  const failed = new Map<string, number>();
  const wrong: string[] = [];
  const one = async (read: Read): Promise<void> => {
    const from = timers.now();
    try {
      const reply = await port.read({ ...read, ...limits });
      if (!reply.ok) count.refused += 1;
      else if (isRight(read, reply, from, timers.now())) count.right += 1;
      else wrong.push(`${way}: ${whence(read, reply.registers, [from, timers.now()])}`);
    } catch (error) {
      const code = error instanceof Failure ? error.code : String(error);
      failed.set(code, (failed.get(code) ?? 0) + 1);
      // A unit polls on at its rhythm: it does not spin while an adapter is away.
      if (/port|bus/.test(code)) await sleep(timers, 500);
    }
  };
  await timers.run(inTurns(nextRead(random, reads), one));
  await timers.run(port.close());
  const { now } = timers;
  return { reads, ...count, failed, wrong, counters: port.counters, lineMs: now.call(timers) };
}

const limits = {
  function: 4,
  maxRegisters: registersMax,
  evenCount: true,
  cuts: Array.from({ length: 200 }, (_, i) => 2 * i),
} as const;

/** Two ask at the same time, as two meters' polls do. */
async function inTurns(all: Iterator<Read>, one: (read: Read) => Promise<void>): Promise<void> {
  const worker = async () => {
    for (let next = all.next(); next.done !== true; next = all.next()) await one(next.value);
  };
  await Promise.all([worker(), worker()]);
}

function meter(unit: number, timers: VirtualTimers): Device {
  return (_code, address, count) => {
    if (count > registersMax) return 3;
    if (address + count - 1 > lastAddress) return 2;
    const tick = Math.floor(timers.now() / tickMs);
    return Array.from({ length: count }, (_, i) => wordAt(unit, address + i, tick));
  };
}

const blocks = [
  { address: 0, count: 80 },
  { address: 200, count: 10 },
  { address: 342, count: 40 },
] as const;

function* nextRead(random: () => number, reads: number): Generator<Read> {
  const below = (end: number) => Math.floor(random() * end);
  for (let i = 0; i < reads; i += 1) {
    const unit = random() < 0.005 ? deadUnit : 1 + (Math.floor(i / blocks.length) % 3);
    const block = blocks[i % blocks.length] ?? blocks[0];
    if (random() < 0.6) yield { unit, ...block };
    else yield { unit, address: 2 * below(190), count: random() < 0.7 ? 2 : 2 + 2 * below(9) };
  }
}

/** Whether each value was held at one tick of the window. */
function isRight(
  { unit, address, count }: Read,
  reply: Extract<ReadReply, { ok: true }>,
  fromMs: number,
  toMs: number,
): boolean {
  const { registers } = reply;
  if (registers.length !== count) return false;
  const [first, last] = [fromMs, toMs].map((ms) => Math.floor(ms / tickMs));
  for (let i = 0; i < count; i += 2) {
    let tick = first ?? 0;
    const held = () =>
      registers[i] === wordAt(unit, address + i, tick) &&
      registers[i + 1] === wordAt(unit, address + i + 1, tick);
    while (tick <= (last ?? 0) && !held()) tick += 1;
    if (tick > (last ?? 0)) return false;
  }
  return true;
}

/** Where wrong registers came from, for whoever has to mend it. */
function whence(
  { unit, address, count }: Read,
  registers: readonly number[],
  [fromMs, toMs]: readonly [number, number],
): string {
  const parts = new Set<string>();
  const ticks = (ms: number) => Math.floor(ms / tickMs);
  for (let i = 0; i < count; i += 2) {
    let found = "of nobody";
    for (let tick = ticks(toMs); tick > ticks(toMs) - 2000; tick -= 1) {
      for (let at = 0; at < lastAddress; at += 2) {
        if (registers[i] !== wordAt(unit, at, tick)) continue;
        if (registers[i + 1] !== wordAt(unit, at + 1, tick)) continue;
        found = `${at - address - i} registers on, ${Math.round(toMs - tick * tickMs)} ms old`;
      }
    }
    parts.add(found);
  }
  const asked = `${count} registers of unit ${unit} from ${address}`;
  return `${asked}, asked for at ${Math.round(fromMs)} ms during ${Math.round(toMs - fromMs)} ms: ${[...parts].join("; ")}`;
}
