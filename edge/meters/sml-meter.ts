import { Failure, type UtcMs } from "@busbar/protocol";
import type { Line, SerialSettings } from "../framing/line.ts";
import { parseSmlFile, type SmlList } from "../framing/sml/file.ts";
import { type SmlReading, type SmlShortNegatives, smlReadings } from "../framing/sml/reading.ts";
import { readServerId } from "../framing/sml/server-id.ts";
import { type FeedCounters, TelegramFeed } from "../framing/sml/telegram-feed.ts";
import type { Timers } from "../framing/timers.ts";
import { baseUnit } from "./decode-value.ts";
import type { Meter, MeterIdentity, MeterReading, RegisterValue } from "./reading.ts";

/** What optical heads and the wired interface of SML meters are set to. */
export const smlSerial: SerialSettings = { baud: 9600, parity: "none", stopBits: 1 };

/** Meters push every 1 to 4 s: two whole telegrams fit in, should one be damaged. */
const waitMsDefault = 10_000;

type Told = { readonly list: SmlList; readonly time: UtcMs };

/** A meter that tells its registers by SML, unasked. Nothing is ever written to it. */
export class SmlMeter implements Meter {
  readonly #name: string;
  readonly #timers: Timers;
  readonly #feed: TelegramFeed;
  readonly #waitMs: number;
  readonly #shortNegatives: SmlShortNegatives;
  #serverId: string | undefined;

  constructor(options: {
    /** The line in words, for messages: its path, or host and port. */
    readonly name: string;
    readonly line: Line;
    readonly timers: Timers;
    /** The reading's time. */
    readonly clock: () => UtcMs;
    /** How long to wait for a telegram. Default 10 s. */
    readonly waitMs?: number | undefined;
    /** What negative powers of an old DZG meter are; default "doubtful", which is unknown. */
    readonly shortNegatives?: SmlShortNegatives | undefined;
  }) {
    const { waitMs = waitMsDefault, shortNegatives = "doubtful", ...line } = options;
    this.#name = options.name;
    this.#timers = options.timers;
    this.#feed = new TelegramFeed(line);
    this.#waitMs = waitMs;
    this.#shortNegatives = shortNegatives;
  }

  /** What came over the line. */
  get counters(): FeedCounters {
    return this.#feed.counters;
  }

  async identify(): Promise<MeterIdentity> {
    const { list } = await this.#next();
    const { address } = readServerId(list.serverId);
    this.#serverId = address;
    return { profile: "sml", ...(address === undefined ? {} : { serialNumber: address }) };
  }

  /**
   * The registers of the next telegram.
   * Throws: besides what `Meter` says `meter.garbled`, `meter.line-lost`, `meter.closed`, and
   * `meter.replaced` when another meter tells than the one that was identified.
   */
  async read(): Promise<MeterReading> {
    const { list, time } = await this.#next();
    const { address } = readServerId(list.serverId);
    this.#serverId ??= address;
    if (address !== this.#serverId) {
      const message = `${this.#name}: meter ${address ?? "without id"} tells where ${this.#serverId} told before; was the meter replaced?`;
      throw new Failure("meter.replaced", message, { retry: "later" });
    }
    return assemble(smlReadings(list, this.#shortNegatives), time);
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  /** The first list of values in a telegram; telegrams that are refused or hold none are passed over. */
  async #next(): Promise<Told> {
    const deadline = this.#timers.now() + this.#waitMs;
    let refusal: string | undefined;
    for (;;) {
      const left = deadline - this.#timers.now();
      const { payload, time } = await this.#feed.next(Math.max(0, left)).catch((error: unknown) => {
        throw refusal === undefined ? error : this.#refused(refusal, error);
      });
      const file = parseSmlFile(payload);
      const list = file.ok ? file.value[0] : undefined;
      if (list !== undefined) return { list, time };
      refusal = file.ok ? "it holds no list of values" : file.message;
    }
  }

  #refused(reason: string, cause: unknown): Failure {
    const message = `${this.#name} sends telegrams that cannot be read: ${reason}; record one with --capture for a report`;
    return new Failure("meter.refused", message, { retry: "later", cause });
  }
}

/** The numbers with a unit; a quantity told twice with two values is unknown. */
function assemble(readings: readonly SmlReading[], time: UtcMs): MeterReading {
  const numbers = readings.filter(({ unit, text }) => unit !== "" && text === undefined);
  const byQuantity = Map.groupBy(numbers, ({ quantity }) => quantity);
  const values: RegisterValue[] = [];
  const unknown: string[] = [];
  for (const [quantity, told] of byQuantity) {
    const register = same(told) ? registerOf(told[0]) : undefined;
    if (register === undefined) unknown.push(quantity);
    else values.push(register);
  }
  return { time, values, unknown };
}

function same(told: readonly SmlReading[]): boolean {
  const [first] = told;
  return told.every(
    ({ value }) =>
      value?.mantissa === first?.value?.mantissa && value?.exponent === first?.value?.exponent,
  );
}

function registerOf(reading: SmlReading | undefined): RegisterValue | undefined {
  if (reading?.value === undefined) return undefined;
  const { obis, quantity, unit, value, raw } = reading;
  // DLMS units are base units; only percent is not, and its exponent would have to change.
  if (baseUnit(unit) !== unit) return undefined;
  // A stored period ("1-0:1.8.0*96") is not the register whose code it begins with.
  const current = obis?.includes("*") === true ? undefined : obis;
  return { obis: current, quantity, unit, ...value, raw };
}
