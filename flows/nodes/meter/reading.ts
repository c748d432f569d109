import type { MeterReading } from "@busbar/edge";
import { type Measured, type Output, pick } from "../link/live.ts";
import type { Msg } from "../link/red.ts";

/** What a reading's message says besides its payload: the registers, exact, for whoever signs. */
export type ExactReading = {
  readonly meter: string;
  /** ms since 1970 UTC. */
  readonly time: number;
  readonly serial?: string | undefined;
  readonly reset?: boolean | undefined;
  readonly values: readonly {
    readonly obis?: string | undefined;
    readonly mantissa: number;
    readonly exponent: number;
    readonly step?: number | undefined;
  }[];
};

/** Registers as plain numbers: by OBIS code and by the profile's names. */
export function measured({ values }: MeterReading): Measured {
  const number = ({ mantissa, exponent }: (typeof values)[number]) =>
    // Dividing by a power of ten is exact to the last bit, multiplying by 0.1 is not.
    exponent < 0 ? mantissa / 10 ** -exponent : mantissa * 10 ** exponent;
  const coded = values.flatMap((value) =>
    value.obis === undefined ? [] : [[value.obis, number(value)] as const],
  );
  const named = values.map((value) => [value.quantity, number(value)] as const);
  return { values: Object.fromEntries(coded), quantities: Object.fromEntries(named) };
}

/** The message of a reading; undefined where it lacks the value that was chosen. */
export function readingMessage(
  read: {
    readonly meter: string;
    readonly serial: string | undefined;
    readonly reading: MeterReading;
  },
  output: Output,
): Msg | undefined {
  const { meter, serial, reading } = read;
  const payload = pick(measured(reading), output);
  if (payload === undefined) return undefined;
  const values = reading.values.map(({ obis, mantissa, exponent, step }) => ({
    ...(obis === undefined ? {} : { obis }),
    mantissa,
    exponent,
    ...(step === undefined ? {} : { step }),
  }));
  const exact: ExactReading = { meter, time: reading.time, serial, values };
  return {
    topic: meter,
    payload,
    meter,
    time: reading.time,
    serial,
    unknown: reading.unknown,
    reading: exact,
  };
}
