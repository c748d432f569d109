/** How the bytes of one value are written. */
export type Format =
  | {
      readonly kind: "number";
      readonly bytes: number;
      /** Digits behind the point. */
      readonly decimals: number;
      /** The top bit is the sign. */
      readonly signed: boolean;
      readonly unit: string;
    }
  | { readonly kind: "digits" | "text" | "date" | "time"; readonly bytes: number };

/** One value of a data identifier. */
export type Field = {
  readonly quantity: string;
  readonly obis?: string | undefined;
  readonly format: Format;
};

type NumberFormat = Extract<Format, { kind: "number" }>;

const number = (
  bytes: number,
  decimals: number,
  unit: string,
  sign: "signed" | "unsigned" = "unsigned",
): NumberFormat => ({ kind: "number", bytes, decimals, unit, signed: sign === "signed" });

type Energy = {
  readonly quantity: string;
  readonly obisC: number | undefined;
  readonly format: NumberFormat;
};

const kWh = number(4, 2, "kWh");
const kvarh = number(4, 2, "kvarh");
const kVAh = number(4, 2, "kVAh");

/**
 * The second byte of an energy's identifier: Table A.1. What a "combined" register sums is set in
 * the meter (04000601 … 04000603), so that no OBIS code says it; these alone can be negative.
 */
const energies: ReadonlyMap<number, Energy> = new Map<number, Energy>([
  [0x00, { quantity: "energy.combined", obisC: undefined, format: number(4, 2, "kWh", "signed") }],
  [0x01, { quantity: "energy.import", obisC: 1, format: kWh }],
  [0x02, { quantity: "energy.export", obisC: 2, format: kWh }],
  [
    0x03,
    {
      quantity: "reactive_energy.combined1",
      obisC: undefined,
      format: number(4, 2, "kvarh", "signed"),
    },
  ],
  [
    0x04,
    {
      quantity: "reactive_energy.combined2",
      obisC: undefined,
      format: number(4, 2, "kvarh", "signed"),
    },
  ],
  [0x05, { quantity: "reactive_energy.q1", obisC: 5, format: kvarh }],
  [0x06, { quantity: "reactive_energy.q2", obisC: 6, format: kvarh }],
  [0x07, { quantity: "reactive_energy.q3", obisC: 7, format: kvarh }],
  [0x08, { quantity: "reactive_energy.q4", obisC: 8, format: kvarh }],
  [0x09, { quantity: "apparent_energy.import", obisC: 9, format: kVAh }],
  [0x0a, { quantity: "apparent_energy.export", obisC: 10, format: kVAh }],
]);
/** The same kinds of one phase stand 14h, 28h, 3Ch behind those of the sum (combined: none). */
const phases = [
  { name: "l1", at: 0x14, obisC: 20 },
  { name: "l2", at: 0x28, obisC: 40 },
  { name: "l3", at: 0x3c, obisC: 60 },
] as const;
const tariffsMax = 63;

type Row = {
  readonly quantity: string;
  readonly format: NumberFormat;
  /** Total, L1, L2, L3; the first is undefined where there is no total. */
  readonly names: readonly (string | undefined)[];
  readonly obis: readonly (string | undefined)[];
};

const lines = [undefined, "l1", "l2", "l3"];
const withTotal = ["total", "l1", "l2", "l3"];
const none: readonly undefined[] = [];
const obisOf = (...codes: readonly (number | undefined)[]) =>
  codes.map((c) => (c === undefined ? undefined : `1-0:${c}.7.0`));

/** The second byte of a measured value's identifier (02xx…): Table A.3. */
const measured: ReadonlyMap<number, Row> = new Map<number, Row>([
  [
    0x01,
    {
      quantity: "voltage",
      format: number(2, 1, "V"),
      names: lines,
      obis: obisOf(undefined, 32, 52, 72),
    },
  ],
  [
    0x02,
    {
      quantity: "current",
      format: number(3, 3, "A", "signed"),
      names: lines,
      obis: obisOf(undefined, 31, 51, 71),
    },
  ],
  [
    0x03,
    {
      quantity: "power",
      format: number(3, 4, "kW", "signed"),
      names: withTotal,
      obis: obisOf(16, 36, 56, 76),
    },
  ],
  [
    0x04,
    { quantity: "reactive", format: number(3, 4, "kvar", "signed"), names: withTotal, obis: none },
  ],
  [
    0x05,
    {
      quantity: "apparent",
      format: number(3, 4, "kVA", "signed"),
      names: withTotal,
      obis: obisOf(9, 29, 49, 69),
    },
  ],
  [
    0x06,
    {
      quantity: "pf",
      format: number(2, 3, "", "signed"),
      names: withTotal,
      obis: obisOf(13, 33, 53, 73),
    },
  ],
  [0x07, { quantity: "angle", format: number(2, 1, "deg"), names: lines, obis: none }],
]);

const single = (quantity: string, format: Format, obis?: string): Field => ({
  quantity,
  format,
  obis,
});

/** Identifiers of one value each: Tables A.3 and A.5. */
const singles: ReadonlyMap<number, Field> = new Map<number, Field>([
  [0x02800001, single("current.n", number(3, 3, "A", "signed"), "1-0:91.7.0")],
  [0x02800002, single("frequency", number(2, 2, "Hz"), "1-0:14.7.0")],
  [0x02800003, single("power.average.total", number(3, 4, "kW", "signed"))],
  [0x02800007, single("temperature.cabinet", number(2, 1, "C", "signed"))],
  [0x02800008, single("voltage.battery", number(2, 2, "V"))],
  [0x04000101, single("clock.date", { kind: "date", bytes: 4 }, "1-0:0.9.2")],
  [0x04000102, single("clock.time", { kind: "time", bytes: 3 }, "1-0:0.9.1")],
  [0x04000401, single("meter.address", { kind: "digits", bytes: 6 })],
  [0x04000402, single("meter.number", { kind: "digits", bytes: 6 }, "1-0:0.0.0")],
  [0x04000403, single("meter.asset", { kind: "text", bytes: 32 })],
  [0x0400040b, single("meter.model", { kind: "text", bytes: 10 })],
  [0x04800001, single("meter.firmware", { kind: "text", bytes: 32 }, "1-0:0.2.0")],
]);

/**
 * The values that `bytes` bytes under a data identifier hold, in their order; an FF block (all
 * tariffs, all phases) may end early, as meters with fewer of them do. Undefined for an identifier
 * that is not known here, "length" when the bytes cannot be its values.
 */
export function fieldsOf(
  identifier: number,
  bytes: number,
): readonly Field[] | "length" | undefined {
  const candidates = candidatesOf(identifier);
  if (candidates === undefined) return undefined;
  const size = candidates[0]?.format.bytes ?? 1;
  const count = bytes / size;
  const block = ((identifier >>> 8) & 0xff) === 0xff;
  const fits = block ? count >= 1 && count <= candidates.length : count === 1;
  return fits && Number.isInteger(count) ? candidates.slice(0, count) : "length";
}

function candidatesOf(identifier: number): readonly Field[] | undefined {
  const known = singles.get(identifier);
  if (known !== undefined) return [known];
  const group = identifier >>> 24;
  const kind = (identifier >>> 16) & 0xff;
  const place = (identifier >>> 8) & 0xff;
  // The last byte other than 0 names settlement days and harmonics of the past, not of now.
  if ((identifier & 0xff) !== 0) return undefined;
  if (group === 0x00) return energyFields(kind, place);
  return group === 0x02 ? measuredFields(kind, place) : undefined;
}

function energyFields(kind: number, tariff: number): Field[] | undefined {
  const phase = phases.find(({ at }) => kind > at && kind <= at + 0x0a);
  const energy = energies.get(kind - (phase?.at ?? 0));
  if (energy === undefined) return undefined;
  const { quantity, format } = energy;
  if (phase !== undefined) {
    const obisC = energy.obisC === undefined ? undefined : energy.obisC + phase.obisC;
    const obis = obisC === undefined ? undefined : `1-0:${obisC}.8.0`;
    return tariff === 0 ? [{ quantity: `${quantity}.${phase.name}`, obis, format }] : undefined;
  }
  const of = (t: number): Field => ({
    quantity: `${quantity}.${t === 0 ? "total" : `t${t}`}`,
    obis: energy.obisC === undefined ? undefined : `1-0:${energy.obisC}.8.${t}`,
    format,
  });
  if (tariff === 0xff) return Array.from({ length: tariffsMax + 1 }, (_, t) => of(t));
  return tariff <= tariffsMax ? [of(tariff)] : undefined;
}

function measuredFields(kind: number, place: number): Field[] | undefined {
  const row = measured.get(kind);
  if (row === undefined) return undefined;
  const fields = row.names.map((name, i) =>
    name === undefined
      ? undefined
      : { quantity: `${row.quantity}.${name}`, obis: row.obis[i], format: row.format },
  );
  if (place === 0xff) return fields.filter((field) => field !== undefined);
  const field = fields[place];
  return field === undefined ? undefined : [field];
}
