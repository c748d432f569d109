import type { UtcMs } from "@busbar/protocol";
import type { MeterConfig } from "../config/schema.ts";

/** One value as a driver reads it: mantissa · 10^exponent in a base unit (Wh, W, V, A, Hz). */
export type MeterValue = {
  readonly obis?: string | undefined;
  readonly quantity: string;
  readonly unit: string;
  readonly mantissa: number;
  readonly exponent: number;
};

/** What a meter showed. `unknown` names quantities that it does not know now. */
export type MeterReading = {
  readonly time: UtcMs;
  readonly values: readonly MeterValue[];
  readonly unknown: readonly string[];
};

/** A meter that is read again and again; connects by itself and again after a failure. */
export type Source = {
  readonly config: MeterConfig;
  /** Throws: `Failure` of the port or the meter. */
  read(): Promise<MeterReading>;
  /** Once a meter has answered: what it said it is. */
  readonly serial: string | undefined;
  /** OBIS codes and units of its profile, for the birth message. */
  readonly registers: readonly {
    readonly obis: string;
    readonly unit: string;
    readonly quantity: string;
  }[];
  close(): Promise<void>;
};
