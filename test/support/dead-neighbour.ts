import { utcMs } from "@busbar/protocol";
import { BusPool } from "../../edge/framing/bus-pool.ts";
import { seededRandom, VirtualTimers } from "../../edge/framing/test-support/virtual-timers.ts";
import { sleep } from "../../edge/framing/timers.ts";
import { openMeter } from "../../edge/meters/meter.ts";
import { nextDue } from "../../edge/schedule/due.ts";
import { FaultLine } from "./fault-line.ts";
import { device, floatRegisters, modbusProfile } from "./simulated-meter.ts";

const rhythm = { everyMs: 10_000, slotMs: 3_600_000 };
const baud = 9600;
const turnaroundMs = 20;

/**
 * How long the live meters of a bus need for their readings, from when they are due until the last
 * is in, ms. The line takes its time for each byte; the dead meter is tried as a unit's schedule has
 * it, when the live ones are read.
 */
export async function busyMsPerCycle(options: { readonly hours: number; readonly dead: boolean }) {
  const timers = new VirtualTimers();
  const line = new FaultLine(timers, seededRandom(1));
  line.wireMs = (request, answer) => ((request + answer) * 10_000) / baud + turnaroundMs;
  const profile = modbusProfile("eastron-sdm630");
  const registers = floatRegisters(profile);
  line.devices.set(1, device(registers)).set(2, device(registers));
  const bus = new BusPool({ timers, random: seededRandom(2), openLine: () => line });
  const connection = { kind: "rtu", path: "/dev/simulated", baud } as const;
  const clock = () => utcMs(Math.floor(timers.now()));
  const meters = [1, 2, 3].map((unit) => openMeter({ profile, connection, unit, clock, bus }));
  const until = options.hours * 3_600_000;
  const cycles: number[] = [];
  let tries = 0;

  const live = async () => {
    for (let due = rhythm.everyMs; due < until; due = nextOf(due, 0)) {
      await sleep(timers, due - timers.now());
      await Promise.all(meters.slice(0, 2).map((meter) => meter.read()));
      cycles.push(timers.now() - due);
    }
  };
  const dead = async () => {
    let failures = 0;
    for (let due = rhythm.everyMs; due < until; due = nextOf(due, failures)) {
      await sleep(timers, due - timers.now());
      tries += 1;
      await meters[2]?.read().catch(() => {
        failures += 1;
      });
    }
  };
  const nextOf = (last: number, failures: number) =>
    nextDue(rhythm, { last, now: timers.now(), failures });
  // The dead one first: its timeout is in the others' way whenever it is tried.
  await timers.run(Promise.all([...(options.dead ? [dead()] : []), live()]));
  await timers.run(Promise.all(meters.map((meter) => meter.close())));
  const mean = cycles.reduce((sum, ms) => sum + ms, 0) / cycles.length;
  return { mean, most: Math.max(...cycles), cycles: cycles.length, tries };
}
