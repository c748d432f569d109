import type { UtcMs } from "@busbar/protocol";

/** One register's value, exact, in the base unit: mantissa · 10^exponent, exponent ≤ 0. */
export type RegisterValue = {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly unit: string;
  readonly mantissa: number;
  readonly exponent: number;
  /** The register counts in steps of so many 10^exponent, where that is more than one. */
  readonly step?: number;
  /** The words as they came, first register first. */
  readonly raw: readonly number[];
};

/** What a meter said. `time` is when the block with its energy registers arrived. */
export type MeterReading = {
  readonly time: UtcMs;
  readonly values: readonly RegisterValue[];
  /** Quantities that the meter does not have, does not know, or did not answer for this time. */
  readonly unknown: readonly string[];
};

/** Which meter answers. `model` is given when the meter itself says it. */
export type MeterIdentity = {
  readonly profile: string;
  readonly serialNumber?: string;
  readonly model?: string;
};

/** A meter on a bus. Reads may be asked for at any time; the bus carries them one after another. */
export interface Meter {
  /** Throws: `Failure` as `read`, and `meter.wrong-model` when another kind of meter answers. */
  identify(): Promise<MeterIdentity>;
  /**
   * Throws: `Failure` `meter.timeout` when it does not answer at all, `meter.exception` when it
   * refuses every register, `meter.refused`, `meter.suspect`, and what the port throws.
   */
  read(): Promise<MeterReading>;
  /** Gives up its share of the bus. */
  close(): Promise<void>;
}
