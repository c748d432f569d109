import type { MeterReading, RegisterInfo, Source } from "../schedule/source.ts";
import type { AnnouncedMeter } from "./home-assistant.ts";
import { PowerHistory } from "./power-history.ts";
import type { ReadTimes } from "./read-times.ts";

type Line = {
  readonly source: Source;
  reading: MeterReading | undefined;
  readings: number;
  failures: number;
  failuresInRow: number;
  error: string | undefined;
  /** Registers of the profile, and all that were ever read, by OBIS code. */
  readonly registers: Map<string, RegisterInfo>;
  readonly history: PowerHistory;
  /** Wall ms of the last good reading, and how it came about as the wire says it. */
  readAt: number | undefined;
  quality: number | undefined;
  /** When its last poll ended, well or not, in ms of `performance.now()`: a wall clock that is set, as
   * every boot does without a clock chip, is no stall. */
  polledAt: number;
};

/** Brokers of ours close a connection for a packet beyond 16 KiB: a birth that large would keep the
 * unit from ever sending anything. */
const birthBytesMax = 12_000;

/** What the unit's meters showed last: for the status page, the live topic and the birth message. */
export class MeterBoard {
  readonly #device: string;
  readonly #lines: ReadonlyMap<string, Line>;
  /** Grows when a meter shows something of itself that was not known: a serial number, a register. */
  shape = 0;

  constructor(device: string, sources: readonly Source[]) {
    this.#device = device;
    this.#lines = new Map(
      sources.map((source) => [
        source.config.id,
        {
          source,
          reading: undefined,
          readings: 0,
          failures: 0,
          failuresInRow: 0,
          error: undefined,
          history: new PowerHistory(),
          readAt: undefined,
          quality: undefined,
          polledAt: performance.now(),
          registers: new Map(source.registers.map((register) => [register.obis, register])),
        },
      ]),
    );
  }

  read(meter: string, reading: MeterReading): void {
    const line = this.#lines.get(meter);
    if (line === undefined) return;
    if (line.readings === 0) this.shape += 1;
    for (const { obis, unit, quantity } of reading.values) {
      if (obis === undefined || line.registers.has(obis)) continue;
      line.registers.set(obis, { obis, unit, quantity });
      this.shape += 1;
    }
    const watts = powerOf(reading);
    if (watts !== undefined) line.history.add(reading.time, watts);
    Object.assign(line, {
      reading,
      readAt: Date.now(),
      failuresInRow: 0,
      error: undefined,
      readings: line.readings + 1,
      polledAt: performance.now(),
    });
  }

  failed(meter: string, error: string): void {
    const line = this.#lines.get(meter);
    if (line === undefined) return;
    Object.assign(line, {
      error,
      polledAt: performance.now(),
      failures: line.failures + 1,
      failuresInRow: line.failuresInRow + 1,
    });
  }

  /** A poll ended whose reading the disk did not take: that the disk tells, and no restart mends. */
  polled(meter: string): void {
    const line = this.#lines.get(meter);
    if (line !== undefined) line.polledAt = performance.now();
  }

  /**
   * The meters whose last poll ended longer ago than they are allowed, which `allowedMs` says of a
   * meter with so many failures in a row: a read that never ends, however well its neighbours do.
   */
  stalled(allowedMs: (failuresInRow: number) => number): string[] {
    const now = performance.now();
    return [...this.#lines]
      .filter(([, line]) => now - line.polledAt >= allowedMs(line.failuresInRow))
      .map(([meter]) => meter);
  }

  /**
   * The birth message: every meter, and the registers that the unit will tell of by profile, as far
   * as they fit one packet.
   */
  birth() {
    const sources = [...this.#lines.values()].map(({ source }) => source);
    const meters = sources.map(({ config: { id, role, profile }, serial }) => ({
      id,
      role,
      profile,
      ...(serial === undefined ? {} : { serial }),
    }));
    const registers: Record<string, Source["registers"]> = {};
    let room = birthBytesMax - JSON.stringify(meters).length;
    for (const { config, registers: rows } of sources) {
      const bytes = JSON.stringify({ [config.profile]: rows }).length;
      if (config.profile in registers || bytes > room) continue;
      registers[config.profile] = rows;
      room -= bytes;
    }
    return { meters, registers };
  }

  /** What there is to know of each meter but its values. */
  meters(): readonly AnnouncedMeter[] {
    return [...this.#lines.values()].map(({ source, registers }) => ({
      id: source.config.id,
      profile: source.config.profile,
      serial: source.serial,
      registers: [...registers.values()],
    }));
  }

  /** A meter's newest values for people's tools: numbers in base units, by OBIS code and quantity. */
  live(
    meter: string,
    entry: { readonly seq: number; readonly quality: number },
  ): object | undefined {
    const line = this.#lines.get(meter);
    const reading = line?.reading;
    if (line === undefined || reading === undefined) return undefined;
    const { seq, quality } = entry;
    line.quality = quality;
    const head = { device: this.#device, meter, time: reading.time, seq, quality };
    return { ...head, ...numbersOf(reading) };
  }

  /** Everything, for the status page. `now`: site ms. */
  view(now: number, times: ReadTimes) {
    return [...this.#lines.values()].map(
      ({ source, reading, registers, history, polledAt: _, ...rest }) => ({
        id: source.config.id,
        role: source.config.role,
        profile: source.config.profile,
        serial: source.serial,
        time: reading?.time,
        powerW: reading === undefined ? undefined : powerOf(reading),
        /** Mean power of each half minute of the last hour, oldest first. */
        historyW: history.points(now),
        readTime: times.of(source.config.id),
        values: (reading?.values ?? []).map(({ obis, quantity, unit, mantissa, exponent }) => ({
          obis,
          quantity,
          unit,
          value: numberOf(mantissa, exponent),
        })),
        unknown: reading?.unknown ?? [],
        ...rest,
      }),
    );
  }
}

/** Active power now, positive when drawn from the grid: as the meter says it, else by direction. */
function powerOf({ values }: MeterReading): number | undefined {
  const of = (code: string) => {
    const found = values.find(({ obis }) => obis === code);
    return found === undefined ? undefined : numberOf(found.mantissa, found.exponent);
  };
  const net = of("1-0:16.7.0");
  if (net !== undefined) return net;
  const [drawn, given] = [of("1-0:1.7.0"), of("1-0:2.7.0")];
  return drawn === undefined && given === undefined ? undefined : (drawn ?? 0) - (given ?? 0);
}

function numbersOf({ values }: MeterReading) {
  const numbers: { values: Record<string, number>; quantities: Record<string, number> } = {
    values: {},
    quantities: {},
  };
  values.forEach(({ obis, quantity, mantissa, exponent }) => {
    const number = numberOf(mantissa, exponent);
    if (obis !== undefined) numbers.values[obis] = number;
    numbers.quantities[quantity] = number;
  });
  return numbers;
}

/** The decimal as the nearest number, as `Number("123e-1")` reads it: both are exact up to 10²², so one
 * operation rounds once. For people's eyes and tools; what is billed stays mantissa and exponent. */
function numberOf(mantissa: number, exponent: number): number {
  if (Math.abs(exponent) > exactPowerMax) return Number(`${mantissa}e${exponent}`);
  return exponent < 0 ? mantissa / 10 ** -exponent : mantissa * 10 ** exponent;
}

/** Powers of ten up to this one are floats without rounding. */
const exactPowerMax = 22;
