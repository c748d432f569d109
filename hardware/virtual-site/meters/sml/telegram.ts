import type { Quantities } from "../quantities.ts";
import {
  absent,
  type Checksum,
  type Encoded,
  integer,
  list,
  message,
  octets,
  transmission,
} from "./encode.ts";

/** A simulated meter's plate. */
export type SmlPlate = {
  /** Three capital letters. */
  readonly manufacturer: string;
  /** 0 to 99 999 999. */
  readonly serialNumber: number;
  readonly checksum: Checksum;
};

/** A register's value as a whole number of 10^scaler units. */
type Row = {
  readonly obis: readonly [number, number, number];
  readonly quantity: string;
  readonly unit: number;
  readonly scaler: number;
  readonly type: "signed" | "unsigned";
  readonly bytes: number;
};

const tenths = { unit: 30, scaler: -1, type: "unsigned", bytes: 8 } as const;
const watts = { unit: 27, scaler: -2, type: "signed", bytes: 4 } as const;

const rows: readonly Row[] = [
  { obis: [1, 8, 0], quantity: "energy.import.total", ...tenths },
  { obis: [2, 8, 0], quantity: "energy.export.total", ...tenths },
  { obis: [16, 7, 0], quantity: "power.total", ...watts },
  { obis: [36, 7, 0], quantity: "power.l1", ...watts },
  { obis: [56, 7, 0], quantity: "power.l2", ...watts },
  { obis: [76, 7, 0], quantity: "power.l3", ...watts },
  { obis: [32, 7, 0], quantity: "voltage.l1", unit: 35, scaler: -1, type: "unsigned", bytes: 2 },
  { obis: [52, 7, 0], quantity: "voltage.l2", unit: 35, scaler: -1, type: "unsigned", bytes: 2 },
  { obis: [72, 7, 0], quantity: "voltage.l3", unit: 35, scaler: -1, type: "unsigned", bytes: 2 },
  { obis: [14, 7, 0], quantity: "frequency", unit: 44, scaler: -1, type: "unsigned", bytes: 2 },
];

/** What a meter pushes: open, list of values, close. `seconds`: since the meter was started. */
export function telegram(
  plate: SmlPlate,
  quantities: Quantities,
  { number, seconds }: { readonly number: number; readonly seconds: number },
): Uint8Array {
  const { manufacturer, serialNumber, checksum } = plate;
  const maker = [...Buffer.from(manufacturer, "latin1")];
  const server = octets([0x0a, 1, ...maker, 0, ...integer("unsigned", serialNumber, 4).slice(1)]);
  const time = list([integer("unsigned", 1, 1), integer("unsigned", seconds, 4)]);
  const file = octets(integer("unsigned", number, 4).slice(1));
  const open = list([absent, absent, file, server, time, absent]);
  const values = list([
    entry([96, 50, 1, 1], [absent, absent, octets(maker)]),
    entry([96, 1, 0, 255], [absent, absent, server]),
    ...rows.map((row) => register(row, quantities)),
  ]);
  const told = list([absent, server, absent, time, values, absent, absent]);
  const id = 3 * number;
  return transmission(
    [
      ...message(id, { tag: 0x0101, content: open }, checksum),
      ...message(id + 1, { tag: 0x0701, content: told }, checksum),
      ...message(id + 2, { tag: 0x0201, content: list([absent]) }, checksum),
    ],
    checksum,
  );
}

function register({ obis, quantity, unit, scaler, type, bytes }: Row, found: Quantities): Encoded {
  const scaled = Math.round((found.get(quantity) ?? 0) * 10 ** -scaler);
  const parts = [integer("unsigned", unit, 1), integer("signed", scaler, 1)];
  return entry([...obis, 255], [...parts, integer(type, scaled, bytes)]);
}

/** Unit, scaler and value of an object of electricity, without status, time and signature. */
function entry(name: readonly number[], unitScalerValue: readonly Encoded[]): Encoded {
  return list([octets([1, 0, ...name]), absent, absent, ...unitScalerValue, absent]);
}
