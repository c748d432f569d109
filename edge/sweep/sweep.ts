import { Failure } from "@busbar/protocol";
import type { BusPool } from "../framing/bus-pool.ts";
import { busName, type Connection, settingsText } from "../framing/line.ts";
import { ProbeLine } from "../framing/probe-line.ts";
import type { Profile } from "../meters/profile.ts";
import { wordsOf } from "../meters/register-type.ts";
import { type ScanEffort, type ScanResult, scan } from "../meters/scan.ts";
import { type Speed, speedsOf } from "../meters/scan-speeds.ts";
import type { SerialPortInfo } from "../meters/serial-ports.ts";
import { isTelegramProfile } from "../meters/telegram-profiles.ts";
import { askOnce, listen, type Question, settleMsOf } from "./ask.ts";
import type { Exchange, Idle } from "./exchange.ts";
import type { SweepFinding } from "./finding.ts";
import { judgeBus, parityOf, type UnitFacts } from "./judge.ts";
import { badShare, statisticsOf } from "./statistics.ts";

/** How thoroughly a bus is swept. */
export type SweepOptions = {
  readonly units: readonly number[];
  readonly profiles: readonly Profile[];
  readonly bus: BusPool;
  readonly effort: ScanEffort;
  /** How often each meter that was found is asked the same. */
  readonly reads: number;
  /** How long the line is listened to before anybody is asked, ms. */
  readonly idleMs: number;
  /** From a question to the first byte, ms. */
  readonly replyMs: number;
  /** Silence that ends an exchange, ms. Default: by what adapters and networks need. */
  readonly settleMs?: number;
  /** Whether a line without a Modbus meter is listened to and asked by other protocols. */
  readonly otherProtocols: boolean;
  /** The port behind a path, as the machine knows it. */
  readonly portAt: (path: string) => SerialPortInfo | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What a sweep of one bus found. */
export type SweptBus = {
  /** Its path, or host and port. */
  readonly bus: string;
  readonly connection: Connection;
  readonly port?: Pick<SerialPortInfo, "device" | "driver" | "product"> & {
    readonly parity?: string;
  };
  /** The speed and parity at which something answered. */
  readonly settings?: string;
  readonly settingsTried: number;
  readonly ms: number;
  readonly idle: Idle;
  readonly units: readonly UnitFacts[];
  /** Meters that do not speak Modbus, by profile. */
  readonly others: readonly string[];
  readonly findings: readonly SweepFinding[];
  /** Why it could not be swept at all. */
  readonly failure?: { readonly code: string; readonly message: string };
};

type Sought = { readonly speed: Speed; readonly exchanges: ReadonlyMap<number, Exchange> };

const nothing: Idle = { ms: 0, bytes: 0, levels: 0, requests: 0 };

/**
 * Looks at one line: listens, asks each unit id at each setting, asks whoever answers again and again, and
 * judges. Reads only. What the port fails with is told, not thrown.
 */
export async function sweepBus(connection: Connection, options: SweepOptions): Promise<SweptBus> {
  const { bus, profiles, effort } = options;
  const start = bus.timers.now();
  const found = connection.kind === "rtu" ? options.portAt(connection.path) : undefined;
  const speeds = speedsOf(connection, profiles, effort);
  const state = { idle: nothing, tried: [] as Sought[], chosen: undefined as Sought | undefined };
  let [units, others]: [readonly UnitFacts[], readonly string[]] = [[], []];
  let failure: Failure | undefined;
  try {
    state.idle = await withLine(speeds[0], options, (probe) => listen(probe, options.idleMs));
    state.chosen = await seek(speeds, options, state.tried);
    const known = await identify(connection, state.chosen, options);
    others = known.others;
    if (state.chosen !== undefined) units = await askAgain(state.chosen, known.results, options);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failure = error;
  }
  const first = statisticsOf(state.tried.flatMap(({ exchanges }) => [...exchanges.values()]));
  const facts = {
    port: found,
    isSerial: connection.kind === "rtu",
    idle: state.idle,
    first,
    units,
    otherProtocol: others.length > 0,
  };
  return {
    bus: busName(connection),
    connection,
    ...(found === undefined ? {} : { port: portOf(found) }),
    ...(state.chosen === undefined ? {} : { settings: textOf(state.chosen.speed) }),
    settingsTried: state.tried.length,
    ms: Math.round(bus.timers.now() - start),
    ...{ idle: state.idle, units, others },
    findings: failure === undefined ? judgeBus(facts) : [],
    ...(failure === undefined ? {} : { failure: { code: failure.code, message: failure.message } }),
  };
}

function portOf({ device, driver, product }: SerialPortInfo): NonNullable<SweptBus["port"]> {
  const parity = parityOf(driver);
  return { device, driver, product, ...(parity === undefined ? {} : { parity }) };
}

const textOf = ({ connection, serial }: Speed): string =>
  connection.kind === "rtu" ? settingsText({ ...serial, ...connection }) : "as the gateway";

/** One question to each unit id at each setting, until somebody answers whole; else where bytes came at all. */
async function seek(
  speeds: readonly Speed[],
  options: SweepOptions,
  tried: Sought[],
): Promise<Sought | undefined> {
  for (const speed of speeds) {
    if (options.signal?.aborted === true) break;
    options.onStep?.(`asks ${options.units.length} unit ids at ${textOf(speed)}`);
    const exchanges = await withLine(speed, options, async (_, ask) => {
      const all = new Map<number, Exchange>();
      for (const unit of options.units) {
        if (options.signal?.aborted === true) break;
        all.set(unit, await ask({ unit, function: 3, address: 0, count: 2 }));
      }
      return all;
    });
    const sought = { speed, exchanges };
    tried.push(sought);
    if ([...exchanges.values()].some(({ answers }) => answers.length > 0)) return sought;
  }
  // Of two meters that talk at once nothing comes whole; where every unit id "answers", it is noise.
  return tried.find(({ exchanges }) => {
    const some = [...exchanges.values()].filter(({ kind }) => kind !== "silent").length;
    return some > 0 && some < Math.max(2, exchanges.size);
  });
}

/** Who they are: by the profiles, and of other protocols where no Modbus meter is. */
async function identify(
  connection: Connection,
  chosen: Sought | undefined,
  { profiles, bus, effort, signal, onStep, otherProtocols }: SweepOptions,
): Promise<{ readonly results: readonly ScanResult[]; readonly others: readonly string[] }> {
  const units = chosen === undefined ? [] : answering(chosen);
  if (units.length === 0 && !otherProtocols) return { results: [], others: [] };
  onStep?.(units.length > 0 ? "asks who they are" : "listens for and asks other protocols");
  const { results } = await scan({
    connections: [chosen?.speed.connection ?? connection],
    ...{ units, profiles, bus, effort, signal },
    telegrams: units.length === 0,
  });
  const others = results.flatMap(({ candidates: [first] }) =>
    first !== undefined && isTelegramProfile(first.identity.profile)
      ? [first.identity.profile]
      : [],
  );
  return { results, others };
}

const answering = ({ exchanges }: Sought): number[] =>
  [...exchanges].flatMap(([unit, { kind }]) => (kind === "silent" ? [] : [unit]));

/** The same questions to each meter, many times over. */
function askAgain(
  sought: Sought,
  results: readonly ScanResult[],
  options: SweepOptions,
): Promise<UnitFacts[]> {
  return withLine(sought.speed, options, async (_, ask) => {
    const all: UnitFacts[] = [];
    for (const unit of answering(sought)) {
      if (options.signal?.aborted === true) break;
      options.onStep?.(`asks unit ${unit} ${options.reads} times`);
      const result = results.find((one) => one.unit === unit && one.status === "found");
      all.push(await askUnitAgain({ unit, result, ask, options }));
    }
    return all;
  });
}

type Ask = (question: Question) => Promise<Exchange>;

async function askUnitAgain({
  unit,
  result,
  ask,
  options: { profiles, reads, signal },
}: {
  readonly unit: number;
  readonly result: ScanResult | undefined;
  readonly ask: Ask;
  readonly options: SweepOptions;
}): Promise<UnitFacts> {
  const many = async (question: Question, times: number) => {
    const all: Exchange[] = [];
    for (let i = 0; i < times && signal?.aborted !== true; i += 1) all.push(await ask(question));
    return statisticsOf(all);
  };
  const identity = result?.candidates[0]?.identity;
  const profile = profiles.find(({ id }) => id === identity?.profile);
  const asked = await many({ unit, ...(await dataOf(profile, unit, ask)) }, reads);
  const place = profile?.serialNumber;
  const serials =
    place === undefined
      ? undefined
      : await many(
          { unit, ...place, count: place.oneByOne === true ? 1 : wordsOf(place.type) },
          Math.ceil(reads / 2),
        );
  const isBad = badShare(asked) > 0;
  const none = { unit, function: 3, address: 0xfffe, count: 1 } as const;
  const refusals = isBad ? await many(none, Math.ceil(reads / 2)) : undefined;
  return {
    unit,
    profile: identity?.profile,
    serialNumber: identity?.serialNumber,
    reads: asked,
    ...(serials === undefined ? {} : { serials }),
    ...(refusals === undefined ? {} : { refusals }),
  };
}

/** Registers that the unit answers with values: of its profile, else the first that brings any bytes. */
async function dataOf(
  profile: Profile | undefined,
  unit: number,
  ask: Ask,
): Promise<Omit<Question, "unit">> {
  if (profile?.protocol === "modbus") {
    const [row] = profile.registers;
    const code = profile.read.function;
    if (row !== undefined)
      return { function: code, address: row.address, count: wordsOf(row.type) };
  }
  const usual = { address: 0, count: 2 };
  for (const code of [3, 4] as const) {
    const { hasData, kind } = await ask({ unit, function: code, ...usual });
    if (hasData || kind === "garbled") return { function: code, ...usual };
  }
  return { function: 3, ...usual };
}

/** Opens the line at a setting for some questions, and closes it. Throws: `Failure` of the port. */
function withLine<T>(
  speed: Speed | undefined,
  { bus, replyMs, settleMs, signal }: SweepOptions,
  use: (probe: ProbeLine, ask: Ask) => Promise<T>,
): Promise<T> {
  if (speed === undefined) throw new Error("there is at least one setting");
  const { connection, serial } = speed;
  const { timers } = bus;
  const waits = { replyMs, settleMs: settleMs ?? settleMsOf(connection), timers };
  const line = bus.ownLine(connection, serial);
  return ProbeLine.use({ name: busName(connection), line, timers, signal }, (probe) =>
    use(probe, (question) => askOnce(probe, question, waits)),
  );
}
