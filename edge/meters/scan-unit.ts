import { Failure, utcMs } from "@busbar/protocol";
import type { BusPool } from "../framing/bus-pool.ts";
import type { Connection, SerialSettings } from "../framing/line.ts";
import type { GuardedPort } from "../framing/modbus/guarded-port.ts";
import { ModbusMeter, type Recognition } from "./modbus-meter.ts";
import { fitOf, hasFurtherPhase, hasRowsOf, probeOf, samplesOf } from "./plausible.ts";
import type { ModbusProfile, Profile } from "./profile.ts";
import type { MeterIdentity, MeterReading } from "./reading.ts";
import { type MeterLease, type RegisterPort, remembering } from "./reply-memory.ts";
import { SunspecMeter } from "./sunspec-meter.ts";

/** A profile that fits: the meter named itself, or answered everything plausibly. */
export type Candidate = {
  readonly how: "identified" | "probed";
  readonly identity: MeterIdentity;
};

/** What a unit is. `unknown`: something answers, and no profile fits it. */
export type UnitResult = {
  readonly status: "found" | "ambiguous" | "unknown";
  readonly candidates: readonly Candidate[];
  /** Profiles that read further parts of what was found, at the same unit id. */
  readonly also: readonly string[];
};

/** One unit of a bus, and what it could be. */
export type UnitPlace = {
  readonly connection: Connection;
  readonly serial: SerialSettings;
  readonly unit: number;
  readonly profiles: readonly Profile[];
  readonly bus: BusPool;
};

type Found = Candidate & {
  readonly profile: Profile;
  readonly reading?: MeterReading;
  /** Where the SunSpec model that the profile reads starts. */
  readonly modelStart?: number | undefined;
};

/** The unit with what it has answered already. */
type AskedPlace = UnitPlace & { readonly port: RegisterPort };

/**
 * What one unit is; undefined when nothing answers. Meters that name themselves and read plausibly
 * leave the others out; without one, every profile is tried that no register spoke against.
 * Throws: `Failure` of the port.
 */
export async function askUnit(unitPlace: UnitPlace): Promise<UnitResult | undefined> {
  const lease = unitPlace.bus.acquire(unitPlace.connection, unitPlace.serial);
  const place: AskedPlace = { ...unitPlace, port: remembering(lease.port) };
  try {
    if (!(await isAlive(lease.port, place.unit))) return undefined;
    const silences = lease.port.counters.timeouts;
    const named: Found[] = [];
    const open: ModbusProfile[] = [];
    for (const profile of place.profiles) {
      // Silence about its code speaks neither for a profile nor against it.
      const recognition = (await unlessRefused(() => recognise(place, profile))) ?? "open";
      if (recognition === "open" && profile.protocol === "modbus") open.push(profile);
      if (recognition !== "confirmed") continue;
      const found = await unlessRefused(() => identified(place, profile));
      if (found !== undefined) named.push(found);
    }
    if (named.length > 0) return verdict(named);
    const probed: Found[] = [];
    for (const profile of open) {
      const found = await unlessRefused(() => probe(place, profile));
      if (found !== undefined) probed.push(found);
    }
    // A read that was not answered may have cost the right profile: nothing is certain then.
    if (lease.port.counters.timeouts > silences) return unsure(probed, open);
    return verdict(probed.filter((one) => !probed.some((other) => outdoes(other, one))));
  } finally {
    await lease.release();
  }
}

function verdict(found: readonly Found[]): UnitResult {
  const hostOf = ({ profile: { beside } }: Found) =>
    beside === undefined ? undefined : found.find(({ profile }) => profile.id === beside);
  const candidates = found
    .filter((one) => hostOf(one) === undefined)
    .map(({ how, identity }) => ({ how, identity }));
  const status = (["unknown", "found"] as const)[candidates.length] ?? "ambiguous";
  // A part that reads the very model that its host reads adds nothing.
  const further = found.filter((one) => {
    const host = hostOf(one);
    const sameModel = one.modelStart !== undefined && one.modelStart === host?.modelStart;
    return host !== undefined && !sameModel;
  });
  return { status, candidates, also: further.map(({ profile }) => profile.id) };
}

/** What fits, and what reads the same registers and was not spoken against. */
function unsure(probed: readonly Found[], open: readonly ModbusProfile[]): UnitResult {
  const rivals = open.filter(({ id }) => !probed.some(({ profile }) => profile.id === id));
  const alike = rivals.filter((rival) =>
    probed.some(
      ({ profile }) =>
        profile.protocol === "modbus" && (hasRowsOf(profile, rival) || hasRowsOf(rival, profile)),
    ),
  );
  const candidates: Candidate[] = [
    ...probed.map(({ how, identity }) => ({ how, identity })),
    ...alike.map(({ id }) => ({ how: "probed" as const, identity: { profile: id } })),
  ];
  return { status: candidates.length === 0 ? "unknown" : "ambiguous", candidates, also: [] };
}

/** A three-phase meter answers all that a single-phase one of its family does: the live phase tells. */
function outdoes(other: Found, one: Found): boolean {
  if (other.profile.protocol !== "modbus" || one.profile.protocol !== "modbus") return false;
  const { reading } = other;
  return reading !== undefined && hasFurtherPhase(other.profile, reading, one.profile);
}

/** Whether anything answers at this unit id, an exception included. One timeout when nothing does. */
async function isAlive(port: GuardedPort, unit: number): Promise<boolean> {
  const first = { unit, address: 0, count: 2, maxRegisters: 80, evenCount: true } as const;
  try {
    const reply = await port.read({ ...first, function: 3 });
    // A gateway answers in the name of units that are not there: exceptions 10 and 11.
    return reply.ok || (reply.exception !== 10 && reply.exception !== 11);
  } catch (error) {
    if (error instanceof Failure && error.code === "meter.timeout") return false;
    throw error;
  }
}

const notThis = new Set([
  "meter.timeout",
  "meter.exception",
  "meter.refused",
  "meter.suspect",
  "meter.wrong-model",
]);

/** The unit answered before, so a refusal or silence now is about this profile's registers. */
async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Failure && notThis.has(error.code)) return undefined;
    throw error;
  }
}

const epoch = utcMs(0);

type Opened = {
  readonly lease: MeterLease;
  readonly unit: number;
  readonly clock: () => typeof epoch;
};

/** The unit's share of the bus is held for all of them; none closes it. */
async function withMeter<M extends { close(): Promise<void> }, T>(
  { port, unit }: AskedPlace,
  open: (options: Opened) => M,
  ask: (meter: M) => Promise<T>,
): Promise<T> {
  const lease = { port, release: async () => {} };
  const meter = open({ lease, unit, clock: () => epoch });
  try {
    return await ask(meter);
  } finally {
    await meter.close();
  }
}

const modbus = (profile: ModbusProfile) => (options: Opened) =>
  new ModbusMeter({ profile, ...options });

async function recognise(place: AskedPlace, profile: Profile): Promise<Recognition> {
  if (profile.protocol === "sunspec") return "confirmed";
  return withMeter(place, modbus(profile), (meter) => meter.recognise());
}

/** A code may stand by chance where another kind of meter has a measured value: the rest must fit. */
async function identified(place: AskedPlace, profile: Profile): Promise<Found | undefined> {
  if (profile.protocol === "sunspec") {
    const open = (options: Opened) => new SunspecMeter({ profile, ...options });
    return withMeter(place, open, async (meter) => {
      const identity = await meter.identify();
      return { how: "identified", identity, profile, modelStart: meter.modelStart };
    });
  }
  return withMeter(place, modbus(profile), async (meter) => {
    const fit = fitOf(profile, await meter.read());
    if (fit === "none") return undefined;
    return { how: "identified", identity: await meter.identify(), profile };
  });
}

/**
 * One register first: most profiles are out of the question after one answer, and most of the others
 * after a few. Reading all rows of a map that is not the unit's would take hundreds of requests.
 */
async function probe(place: AskedPlace, profile: ModbusProfile): Promise<Found | undefined> {
  const short = probeOf(profile);
  if (short.registers.length === 0) return undefined;
  const first = await withMeter(place, modbus(short), (meter) => meter.read());
  if (first.values.length === 0 || fitOf(short, first) === "none") return undefined;
  for (const sample of samplesOf(profile)) {
    const { unknown } = await withMeter(place, modbus(sample), (meter) => meter.read());
    if (unknown.length > 0) return undefined;
  }
  return withMeter(place, modbus(profile), async (meter) => {
    const reading = await meter.read();
    if (fitOf(profile, reading) !== "whole") return undefined;
    return { how: "probed", identity: await meter.identify(), profile, reading };
  });
}
