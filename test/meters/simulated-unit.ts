import { utcMs } from "@busbar/protocol";
import { BusPool } from "../../edge/framing/bus-pool.ts";
import { seededRandom, VirtualTimers } from "../../edge/framing/test-support/virtual-timers.ts";
import type { Bank } from "../../hardware/virtual-site/meters/bank.ts";
import { loadProfile } from "../../hardware/virtual-site/meters/profile.ts";
import { makeQuantities, type Quantities } from "../../hardware/virtual-site/meters/quantities.ts";
import { type Quirks, registerBank } from "../../hardware/virtual-site/meters/register-bank.ts";
import { sunspecBank } from "../../hardware/virtual-site/meters/sunspec-bank.ts";
import type { Source } from "../../hardware/virtual-site/physics/site.ts";
import { type Device, FaultLine } from "../support/fault-line.ts";

/** What a simulated unit is like; by default a three-phase meter at a plant that feeds in. */
export type UnitOptions = Partial<Quirks> & {
  readonly models?: readonly number[];
  readonly source?: Source;
  readonly powerWatts?: number;
  readonly importWh?: number;
  readonly exportWh?: number;
  /** Whether its identification registers answer. */
  readonly named?: boolean;
  /** It says nothing where others answer with an exception. */
  readonly silent?: boolean;
};

/** A unit generated from a profile, and what it measures, in V, A, W, Wh … and ratios. */
export async function simulatedUnit(
  id: string,
  options: UnitOptions = {},
): Promise<{ readonly device: Device; readonly quantities: Quantities }> {
  const profile = await loadProfile(id);
  const { source = "company.pv", powerWatts = -30_200, named = true } = options;
  const { importWh = 5_188_847, exportWh = 20_500_120 } = options;
  const phases = singlePhase.has(id) ? 1 : 3;
  const reading = { powerWatts, importJoules: importWh * 3600, exportJoules: exportWh * 3600 };
  const quantities = makeQuantities({ seed: 1, source, phases })(reading, timeMs);
  const quirks = { serialNumber: 10_000_017, unit: 1, source, ...options };
  const bank =
    profile.protocol === "sunspec"
      ? sunspecBank(profile, quirks, () => quantities)
      : registerBank(
          { ...profile, identify: named ? profile.identify : [] },
          quirks,
          () => quantities,
        );
  const device = deviceOf(bank);
  if (options.silent !== true) return { device, quantities };
  const silent: Device = (...request) => {
    const reply = device(...request);
    return typeof reply === "number" && request[1] !== 0 ? undefined : reply;
  };
  return { device: silent, quantities };
}

/** Profiles of meters with one phase only. */
const singlePhase = new Set(["eastron-sdm120", "eastron-sdm230"]);
const timeMs = Date.UTC(2026, 5, 1, 10);

/** What such registers answer on a line. */
export function deviceOf(bank: Bank): Device {
  return (functionCode, address, count) => {
    if (!bank.knows(functionCode)) return 1;
    const reply = bank.read({ functionCode, address, count });
    return reply.ok ? [...reply.words] : reply.exception;
  };
}

/** A bus on a clock of its own that the units are wired to, unit id 1 first. */
export function wiredBus(devices: readonly Device[]) {
  const timers = new VirtualTimers();
  const line = new FaultLine(timers, seededRandom(1));
  for (const [i, device] of devices.entries()) line.devices.set(i + 1, device);
  const bus = new BusPool({ timers, random: seededRandom(2), openLine: () => line, replyMs: 200 });
  const connection = { kind: "rtu", path: "/dev/simulated", baud: 9600, parity: "none" } as const;
  return { timers, line, bus, connection, clock: () => utcMs(timeMs + Math.floor(timers.now())) };
}
