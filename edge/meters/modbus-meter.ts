import { Failure, type UtcMs } from "@busbar/protocol";
import type { Span } from "../planner/plan.ts";
import { assembleReading, type DecodedRow, isBilling } from "./assemble-reading.ts";
import { BlockReader, type RowWords } from "./block-reader.ts";
import { add, type Decimal, multiply } from "./decimal.ts";
import { decodeText } from "./decode-text.ts";
import { decodeValue } from "./decode-value.ts";
import type { LearnedStore } from "./learned-file.ts";
import { Learning } from "./learning.ts";
import type { ModbusProfile } from "./profile.ts";
import type { Meter, MeterIdentity, MeterReading } from "./reading.ts";
import { isText, wordsOf } from "./register-type.ts";
import type { MeterLease } from "./reply-memory.ts";
import { RowDecoder } from "./row-decoder.ts";
import { TornGuard, type WideValue } from "./torn-guard.ts";

type Row = ModbusProfile["registers"][number] & Span;
type Factor = ModbusProfile["factors"][string] & Span;
type Answers = ReadonlyMap<Row | Factor, RowWords>;
type Place = NonNullable<ModbusProfile["serialNumber"]>;
type Mark = ModbusProfile["identify"][number];

/** What identification registers said. */
export type Recognition = "confirmed" | "open" | "other";

/** A meter with registers at fixed addresses. */
export class ModbusMeter implements Meter {
  readonly #profile: ModbusProfile;
  readonly #lease: MeterLease;
  readonly #unit: number;
  readonly #clock: () => UtcMs;
  readonly #rows: readonly Row[];
  readonly #factors: ReadonlyMap<string, Factor>;
  readonly #decoder: RowDecoder<Row>;
  readonly #reader: BlockReader<Row | Factor>;
  readonly #learning: Learning;
  readonly #guard = new TornGuard<Row | Factor>();
  /** What is billed, or is a part of it. */
  readonly #billed: readonly WideValue<Row>[];

  constructor(options: {
    readonly profile: ModbusProfile;
    readonly lease: MeterLease;
    readonly unit: number;
    readonly clock: () => UtcMs;
    readonly learned?: LearnedStore | undefined;
  }) {
    const { profile, lease, unit, clock, learned: store } = options;
    this.#profile = profile;
    this.#lease = lease;
    this.#unit = unit;
    this.#clock = clock;
    this.#rows = profile.registers.map((row) => ({ ...row, words: wordsOf(row.type) }));
    const { wordOrder } = profile.read;
    this.#decoder = new RowDecoder(wordOrder);
    const parts = profile.sums.flatMap(({ obis, of }) => (isBilling(obis) ? of : []));
    this.#billed = this.#rows
      .filter(({ obis, quantity }) => isBilling(obis) || parts.includes(quantity))
      .map((row) => ({ row, at: 0, words: row.words, wordOrder }));
    this.#factors = new Map(
      Object.entries(profile.factors).map(([name, factor]) => [
        name,
        { ...factor, words: wordsOf(factor.type) },
      ]),
    );
    this.#learning = new Learning({ store, profile, port: lease.port, unit, clock });
    const { read } = profile;
    this.#reader = new BlockReader<Row | Factor>({
      port: lease.port,
      unit,
      function: read.function,
      limits: read,
      clock,
      urgent: (row) => "obis" in row && isBilling(row.obis),
    });
  }

  async identify(): Promise<MeterIdentity> {
    const { id, model } = this.#profile;
    const recognition = await this.recognise();
    if (recognition === "other") {
      const message = `unit ${this.#unit} at ${this.#lease.port.name} says that it is no ${model}; run a scan to see what it is`;
      throw new Failure("meter.wrong-model", message, { retry: "never" });
    }
    const serialNumber = await this.#serialNumber();
    this.#learning.identified(this.#reader, { serialNumber });
    return {
      profile: id,
      ...(serialNumber === undefined ? {} : { serialNumber }),
      ...(recognition === "confirmed" ? { model } : {}),
    };
  }

  /**
   * Asks the identification registers: "confirmed" by all, "other" when one holds another code,
   * "open" when there are none or the meter does not answer for them (0 is no code).
   */
  async recognise(): Promise<Recognition> {
    let confirmed = this.#profile.identify.length > 0;
    for (const place of this.#profile.identify) {
      const said = await this.#said(place);
      if (said === undefined || said === 0 || said === "") confirmed = false;
      else if (!matches(place, said)) return "other";
    }
    return confirmed ? "confirmed" : "open";
  }

  async read(): Promise<MeterReading> {
    this.#learning.beforeReading(this.#reader);
    const first = await this.#reader.read([...this.#factors.values(), ...this.#rows]);
    const answers = await this.#guard.settle(first, this.#billed, this.#reader);
    this.#learning.afterReading(this.#reader);
    const decoded = this.#rows.map((row) => {
      const answer = answers.get(row);
      const factor = this.#product(row, answers);
      const value = answer && this.#decoder.value(row, answer.words, factor);
      const { obis, quantity, unit } = row;
      return { obis, quantity, unit, answer, raw: answer?.words ?? [], value };
    });
    const sums = this.#profile.sums.map((sum) => sumOf(sum, decoded));
    return assembleReading([...decoded, ...sums], this.#clock());
  }

  close(): Promise<void> {
    return this.#lease.release();
  }

  /** The product of a row's factors, read with it; undefined when one is unknown or not above 0. */
  #product({ multiplyBy }: Row, answers: Answers): Decimal | undefined {
    let product: Decimal | undefined = { mantissa: 1, exponent: 0 };
    for (const name of multiplyBy ?? []) {
      const factor = this.#factors.get(name);
      const words = factor && answers.get(factor)?.words;
      const { wordOrder } = this.#profile.read;
      const value = words && decodeValue(words, { ...factor, wordOrder, unit: "" });
      // Ratios of 0 are of a meter that is not set up: its values mean nothing yet.
      const usable = value !== undefined && value.mantissa > 0 ? value : undefined;
      product = product && usable && multiply(product, usable);
    }
    return product;
  }

  async #serialNumber(): Promise<string | undefined> {
    const place = this.#profile.serialNumber;
    const said = place && (await this.#said(place));
    // Only digits 0 or nothing: a meter whose number was never set.
    return said === undefined || /^0*$/.test(String(said)) ? undefined : String(said);
  }

  /** The whole number or text in one place; undefined when the meter refuses it. */
  async #said(place: Place): Promise<number | string | undefined> {
    const { type } = place;
    const words = await this.#words(place);
    if (words === undefined) return undefined;
    if (isText(type)) return decodeText(words);
    const { wordOrder } = this.#profile.read;
    return decodeValue(words, { type, wordOrder, unit: "" })?.mantissa;
  }

  async #words({ address, type, oneByOne, function: code }: Place): Promise<number[] | undefined> {
    const count = wordsOf(type);
    if (oneByOne !== true) return this.#registers(code, { address, words: count });
    const words: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const [word] = (await this.#registers(code, { address: address + i, words: 1 })) ?? [];
      if (word === undefined) return undefined;
      words.push(word);
    }
    return words;
  }

  async #registers(code: 3 | 4, span: Span): Promise<number[] | undefined> {
    const { read } = this.#profile;
    // Whether the limits of the measured values hold here is not known: exactly first, then padded.
    const exactly = { maxRegisters: 125, evenCount: false, evenStart: false };
    for (const limits of read.evenCount || read.evenStart ? [exactly, read] : [exactly]) {
      const reader = new BlockReader<Span>({
        port: this.#lease.port,
        unit: this.#unit,
        function: code,
        limits,
        clock: this.#clock,
      });
      const answer = await reader.one(span);
      if (answer !== undefined) return [...answer.words];
    }
    return undefined;
  }
}

function matches({ equals, startsWith }: Mark, said: number | string): boolean {
  if (typeof said === "number") return equals?.includes(said) === true;
  const lower = said.toLowerCase();
  return startsWith?.some((start) => lower.startsWith(start.toLowerCase())) === true;
}

function sumOf(
  { quantity, obis, of }: ModbusProfile["sums"][number],
  rows: readonly DecodedRow[],
): DecodedRow {
  const parts = rows.filter((row) => of.includes(row.quantity));
  const value = parts
    .map((row) => row.value)
    .reduce((sum, part) => (sum === undefined || part === undefined ? undefined : add(sum, part)));
  const { unit = "", answer } = parts[0] ?? {};
  return { obis, quantity, unit, answer, raw: parts.flatMap(({ raw }) => raw), value };
}
