/** An id of a data set as an OBIS code; `text` is A-B:C.D.E, with *F for a stored (older) value. */
export type ObisId = {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  /** A value of an earlier billing period. */
  readonly stored: boolean;
  readonly text: string;
};

/** Letters of reduced ids. Source: IEC 62056-6-1 (OBIS), reduced ID codes. */
const letters: Readonly<Record<string, number>> = { C: 96, F: 97, L: 98, P: 99 };
const pattern =
  /^(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3}|[CFLP])\.(\d{1,3}|[CFLP])(?:\.(\d{1,3}))?(?:[*&](\d{1,3}))?$/;

/**
 * The OBIS code of an id, reduced (1.8.0, C.1, F.F) or whole (1-0:1.8.0*255). Without A and B an id
 * is the electricity meter's own, or general from group C = 96 on. Undefined for another id.
 */
export function parseObis(id: string): ObisId | undefined {
  const match = pattern.exec(id);
  if (match === null) return undefined;
  const group = (text: string | undefined): number => letters[text ?? ""] ?? Number(text ?? 0);
  const [c, d, said] = [group(match[3]), group(match[4]), group(match[5])];
  // EasyMeter's Q3D writes momentary values as 1-0:1.7.255*255.
  const e = d === 7 && said === 255 ? 0 : said;
  const a = match[1] === undefined ? (c >= 96 ? 0 : 1) : Number(match[1]);
  const b = Number(match[2] ?? 0);
  const f = match[6] === undefined ? 255 : Number(match[6]);
  if ([a, b, c, d, e, f].some((part) => part > 255)) return undefined;
  const stored = f !== 255;
  const text = `${a}-${b}:${c}.${d}.${e}${stored ? `*${f}` : ""}`;
  return { a, b, c, d, e, stored, text };
}

/** Group C of energies (D = 8), without the end that says which tariff or phase. */
const energies: Readonly<Record<number, string>> = {
  1: "energy.import",
  2: "energy.export",
  3: "reactive_energy.import",
  4: "reactive_energy.export",
  5: "reactive_energy.q1",
  6: "reactive_energy.q2",
  7: "reactive_energy.q3",
  8: "reactive_energy.q4",
  9: "apparent_energy.import",
  10: "apparent_energy.export",
  15: "energy.sum",
  16: "energy.net",
};

/** Group C of momentary values (D = 7) of the whole connection. */
const totals: Readonly<Record<number, string>> = {
  1: "power.import.total",
  2: "power.export.total",
  3: "reactive.import.total",
  4: "reactive.export.total",
  9: "apparent.total",
  10: "apparent.export.total",
  13: "pf.total",
  14: "frequency",
  16: "power.total",
  90: "current.sum",
  91: "current.n",
  131: "reactive.total",
  151: "reactive.l1",
  171: "reactive.l2",
  191: "reactive.l3",
};

/** Group C of one phase's momentary values, for L1; L2 and L3 are 20 and 40 above. */
const phases: Readonly<Record<number, string>> = {
  21: "power.import",
  22: "power.export",
  23: "reactive.import",
  24: "reactive.export",
  29: "apparent",
  31: "current",
  32: "voltage",
  33: "pf",
  36: "power",
};

/** What is measured, in the profiles' words; undefined: nothing this project has a word for. */
export function measuredQuantity({ a, c, d, e }: ObisId): string | undefined {
  if (a !== 1) return undefined;
  const phase = c > 20 && c <= 80 ? Math.floor((c - 21) / 20) : -1;
  const first = c - 20 * phase;
  if (d === 8) {
    const base = energies[c];
    if (base !== undefined) return `${base}.${e === 0 ? "total" : `t${e}`}`;
    const part = phase < 0 ? undefined : energies[first - 20];
    return part === undefined || e !== 0 ? undefined : `${part}.l${phase + 1}`;
  }
  if (d !== 7 || e !== 0) return undefined;
  const part = phase < 0 ? undefined : phases[first];
  return part === undefined ? totals[c] : `${part}.l${phase + 1}`;
}
