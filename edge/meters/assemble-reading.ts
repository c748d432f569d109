import type { UtcMs } from "@busbar/protocol";
import type { RowWords } from "./block-reader.ts";
import type { Decimal } from "./decimal.ts";
import { baseUnit } from "./decode-value.ts";
import type { MeterReading, RegisterValue } from "./reading.ts";

/** A row's answer, decoded. */
export type DecodedRow = {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly unit: string;
  readonly answer: RowWords | undefined;
  readonly raw: readonly number[];
  readonly value: Decimal | undefined;
};

const billing: ReadonlySet<string | undefined> = new Set(["1-0:1.8.0", "1-0:2.8.0"]);

/** Whether a code is that of a register that is billed. */
export const isBilling = (obis: string | undefined): boolean => billing.has(obis);

/** The reading that decoded rows make; undecided values go to `unknown`. `now` dates an empty one. */
export function assembleReading(rows: readonly DecodedRow[], now: UtcMs): MeterReading {
  const known = rows.filter((row) => row.answer !== undefined && row.value !== undefined);
  const dated = known.find(({ obis }) => isBilling(obis)) ?? known[0];
  return {
    time: dated?.answer?.time ?? now,
    values: rows.flatMap(({ obis, quantity, unit, raw, value }): RegisterValue[] =>
      value === undefined ? [] : [{ obis, quantity, unit: baseUnit(unit), ...value, raw }],
    ),
    unknown: rows.filter(({ value }) => value === undefined).map(({ quantity }) => quantity),
  };
}
