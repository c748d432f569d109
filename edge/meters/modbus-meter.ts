import { Failure, type UtcMs } from "@busbar/protocol";
import type { BusLease } from "../framing/bus-pool.ts";
import type { Span } from "../planner/plan.ts";
import { assembleReading } from "./assemble-reading.ts";
import { BlockReader } from "./block-reader.ts";
import { decodeValue } from "./decode-value.ts";
import type { ModbusProfile } from "./profile.ts";
import type { Meter, MeterIdentity, MeterReading } from "./reading.ts";
import { wordsOf } from "./register-type.ts";

type Row = ModbusProfile["registers"][number] & Span;
type Place = NonNullable<ModbusProfile["serialNumber"]>;

/** What identification registers said. */
export type Recognition = "confirmed" | "open" | "other";

/** A meter with registers at fixed addresses. */
export class ModbusMeter implements Meter {
  readonly #profile: ModbusProfile;
  readonly #lease: BusLease;
  readonly #unit: number;
  readonly #clock: () => UtcMs;
  readonly #rows: readonly Row[];
  readonly #reader: BlockReader<Row>;

  constructor(options: {
    readonly profile: ModbusProfile;
    readonly lease: BusLease;
    readonly unit: number;
    readonly clock: () => UtcMs;
  }) {
    const { profile, lease, unit, clock } = options;
    this.#profile = profile;
    this.#lease = lease;
    this.#unit = unit;
    this.#clock = clock;
    this.#rows = profile.registers.map((row) => ({ ...row, words: wordsOf(row.type) }));
    const { read } = profile;
    this.#reader = new BlockReader<Row>({
      port: lease.port,
      unit,
      function: read.function,
      limits: read,
      clock,
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
      const value = await this.#value(place);
      if (value === undefined || value === 0) confirmed = false;
      else if (!place.equals.includes(value)) return "other";
    }
    return confirmed ? "confirmed" : "open";
  }

  async read(): Promise<MeterReading> {
    const answers = await this.#reader.read(this.#rows);
    const { wordOrder } = this.#profile.read;
    const decoded = this.#rows.map((row) => {
      const answer = answers.get(row);
      const value = answer && decodeValue(answer.words, { ...row, wordOrder });
      const { obis, quantity, unit } = row;
      return { obis, quantity, unit, answer, raw: answer?.words ?? [], value };
    });
    return assembleReading(decoded, this.#clock());
  }

  close(): Promise<void> {
    return this.#lease.release();
  }

  async #serialNumber(): Promise<string | undefined> {
    const place = this.#profile.serialNumber;
    if (place === undefined) return undefined;
    const value = await this.#value(place);
    return value === undefined || value === 0 ? undefined : String(value);
  }

  /** The integer in one place; undefined when the meter refuses it. */
  async #value({ address, function: code, type }: Place): Promise<number | undefined> {
    const { read } = this.#profile;
    const words = wordsOf(type);
    // Whether the limits of the measured values hold here is not known: exactly first, then padded.
    for (const limits of [{ ...read, evenCount: false, evenStart: false }, read]) {
      const reader = new BlockReader<Span>({
        port: this.#lease.port,
        unit: this.#unit,
        function: code,
        limits,
        clock: this.#clock,
      });
      const answer = await reader.one({ address, words });
      if (answer === undefined) continue;
      const shape = { type, wordOrder: read.wordOrder, unit: "" };
      return decodeValue(answer.words, shape)?.mantissa;
    }
    return undefined;
  }
}
