/** What an OBIS code measures. */
export type SmlObject = {
  /** "1-0:1.8.0"; a stored period is appended: "1-0:1.8.0*96". */
  readonly obis: string | undefined;
  readonly quantity: string;
  /** The unit that the quantity has; another one makes a value doubtful. */
  readonly unit?: string;
};

/** The object that six bytes name. Source: IEC 62056-61 (OBIS), tables of electricity. */
export function smlObject(name: Uint8Array): SmlObject {
  if (name.length !== 6)
    return { obis: undefined, quantity: `object.x${Buffer.from(name).toString("hex")}` };
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = name;
  const code = `${a}-${b}:${c}.${d}.${e}`;
  const past = f === 255 ? "" : `.f${f}`;
  const known = device[code] ?? (a === 1 && b === 0 ? electricity(c, d, e) : undefined);
  // The maker's mark is the one object whose sixth byte is part of its name.
  const suffix = device[code] === undefined ? past : "";
  return {
    obis: f === 255 ? code : `${code}*${f}`,
    ...known,
    quantity: (known?.quantity ?? `obis.${a}_${b}_${c}_${d}_${e}`) + suffix,
  };
}

type Known = { readonly quantity: string; readonly unit?: string };

const device: Readonly<Record<string, Known>> = {
  "1-0:0.0.9": { quantity: "device.id" },
  "1-0:96.1.0": { quantity: "device.id" },
  "1-0:96.50.1": { quantity: "device.manufacturer" },
  "129-129:199.130.3": { quantity: "device.manufacturer" },
  "129-129:199.130.5": { quantity: "device.public_key" },
  "1-0:0.2.0": { quantity: "device.firmware" },
  "1-0:96.5.0": { quantity: "device.status" },
};

/** C of OBIS for the sum of the phases; a phase adds 20, 40 or 60. */
const energies: Readonly<Record<number, Known>> = {
  1: { quantity: "energy.import", unit: "Wh" },
  2: { quantity: "energy.export", unit: "Wh" },
  3: { quantity: "reactive_energy.import", unit: "varh" },
  4: { quantity: "reactive_energy.export", unit: "varh" },
  5: { quantity: "reactive_energy.q1", unit: "varh" },
  6: { quantity: "reactive_energy.q2", unit: "varh" },
  7: { quantity: "reactive_energy.q3", unit: "varh" },
  8: { quantity: "reactive_energy.q4", unit: "varh" },
  9: { quantity: "apparent_energy.import", unit: "VAh" },
  10: { quantity: "apparent_energy.export", unit: "VAh" },
};
const momentary: Readonly<Record<number, Known>> = {
  1: { quantity: "power.import", unit: "W" },
  2: { quantity: "power.export", unit: "W" },
  3: { quantity: "reactive.import", unit: "var" },
  4: { quantity: "reactive.export", unit: "var" },
  9: { quantity: "apparent", unit: "VA" },
  11: { quantity: "current", unit: "A" },
  12: { quantity: "voltage", unit: "V" },
  13: { quantity: "pf", unit: "" },
  // The magnitude without direction: some meters have nothing else.
  15: { quantity: "power.absolute", unit: "W" },
  16: { quantity: "power", unit: "W" },
};

function electricity(c: number, d: number, e: number): Known | undefined {
  if (d === 7 && e === 0 && c === 14) return { quantity: "frequency", unit: "Hz" };
  if (d === 7 && e === 0 && c === 91) return { quantity: "current.n", unit: "A" };
  const phase = Math.floor(c / 20);
  if (phase > 3 || (d !== 7 && d !== 8) || (d === 7 && e !== 0)) return undefined;
  const known = (d === 8 ? energies : momentary)[c % 20];
  if (known === undefined) return undefined;
  const part = phase === 0 ? "" : `l${phase}`;
  const tariff = e === 0 ? "" : `t${e}`;
  const which = [part, tariff].filter((name) => name !== "").join("_") || "total";
  return { ...known, quantity: `${known.quantity}.${which}` };
}

/** DLMS unit codes that meters of electricity, gas, water and heat send. Source: IEC 62056-62 table 4. */
const units: Readonly<Record<number, string>> = {
  // No unit of the table; DZG meters give it to objects that have none.
  0: "",
  7: "s",
  8: "deg",
  9: "C",
  13: "m3",
  14: "m3",
  15: "m3/h",
  16: "m3/h",
  19: "l",
  23: "Pa",
  24: "bar",
  25: "J",
  27: "W",
  28: "VA",
  29: "var",
  30: "Wh",
  31: "VAh",
  32: "varh",
  33: "A",
  35: "V",
  44: "Hz",
  56: "%",
  57: "Ah",
  255: "",
};

/** The unit of a DLMS code; "" for none, "dlms-<code>" for one that is not known here. */
export const smlUnit = (code: number | undefined): string =>
  code === undefined ? "" : (units[code] ?? `dlms-${code}`);
