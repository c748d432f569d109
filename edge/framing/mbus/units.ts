/** What a VIF says. `exponent`: the value is the number sent · 10^exponent in `unit`. */
export type Meaning = {
  readonly kind: "number" | "text" | "time";
  readonly quantity: string;
  readonly unit: string;
  readonly exponent: number;
};

/** A run of VIFs: `first` … `first + count - 1`, the power of ten rising from `exponent`. */
type Run = {
  readonly first: number;
  readonly count: number;
  readonly quantity: string;
  readonly unit: string;
  readonly exponent: number;
  readonly kind?: "text" | "time";
};

const run = (
  first: number,
  count: number,
  quantity: string,
  unit: string,
  exponent: number,
): Run => ({ first, count, quantity, unit, exponent });
const one = (first: number, kind: "text" | "time", quantity: string): Run => ({
  ...run(first, 1, quantity, "", 0),
  kind,
});
const durations = (first: number, quantity: string): Run[] =>
  ["s", "min", "h", "d"].map((unit, i) => run(first + i, 1, quantity, unit, 0));

/** EN 13757-3: Table 10 (primary VIFs), 12 (FDh, as 0xFDnn) and 14 (FBh, as 0xFBnn). */
const runs: readonly Run[] = [
  run(0x00, 8, "energy", "Wh", -3),
  run(0x08, 8, "energy", "J", 0),
  run(0x10, 8, "volume", "m3", -6),
  run(0x18, 8, "mass", "kg", -3),
  ...durations(0x20, "on_time"),
  ...durations(0x24, "operating_time"),
  run(0x28, 8, "power", "W", -3),
  run(0x30, 8, "power", "J/h", 0),
  run(0x38, 8, "volume_flow", "m3/h", -6),
  run(0x40, 8, "volume_flow", "m3/min", -7),
  run(0x48, 8, "volume_flow", "m3/s", -9),
  run(0x50, 8, "mass_flow", "kg/h", -3),
  run(0x58, 4, "temperature.flow", "C", -3),
  run(0x5c, 4, "temperature.return", "C", -3),
  run(0x60, 4, "temperature.difference", "K", -3),
  run(0x64, 4, "temperature.external", "C", -3),
  run(0x68, 4, "pressure", "bar", -3),
  one(0x6c, "time", "clock.date"),
  one(0x6d, "time", "clock.time"),
  ...durations(0x70, "averaging_time"),
  ...durations(0x74, "actuality_time"),
  one(0x78, "text", "meter.number"),
  one(0x79, "text", "meter.identification"),
  one(0x7a, "text", "meter.address"),
  one(0xfd0a, "text", "meter.manufacturer"),
  one(0xfd0c, "text", "meter.model"),
  one(0xfd0d, "text", "meter.hardware"),
  one(0xfd0e, "text", "meter.firmware"),
  one(0xfd0f, "text", "meter.software"),
  one(0xfd10, "text", "customer.location"),
  one(0xfd11, "text", "customer"),
  one(0xfd17, "text", "error_flags"),
  run(0xfd40, 16, "voltage", "V", -9),
  run(0xfd50, 16, "current", "A", -12),
  run(0xfd60, 1, "reset_counter", "", 0),
  run(0xfb00, 2, "energy", "Wh", 5),
  run(0xfb02, 2, "reactive_energy", "varh", 3),
  run(0xfb04, 2, "apparent_energy", "VAh", 3),
  run(0xfb08, 2, "energy", "J", 8),
  run(0xfb14, 4, "reactive", "var", 0),
  run(0xfb28, 2, "power", "W", 5),
  run(0xfb2c, 4, "frequency", "Hz", -3),
  run(0xfb34, 4, "apparent", "VA", 0),
];

/** The meaning of a VIF; undefined for one that is not known here. */
export function meaningOf(vif: number): Meaning | undefined {
  const found = runs.find(({ first, count }) => vif >= first && vif < first + count);
  if (found === undefined) return undefined;
  const { kind = "number", quantity, unit, first, exponent } = found;
  return { kind, quantity, unit, exponent: exponent + vif - first };
}

export type Phase = "l1" | "l2" | "l3" | "n";

/** What VIFEs add to a VIF: EN 13757-3 Tables 15 and 16. */
export type Qualifiers = {
  readonly exponent: number;
  readonly phase: Phase | undefined;
  readonly direction: "import" | "export" | undefined;
  /** The meter says that the value is none: 15h no data, 16h overflow, 18h data error … */
  readonly invalid: boolean;
  /** What is not known here changes the meaning: it becomes part of the name. */
  readonly others: readonly string[];
};

const phases: readonly (Phase | undefined)[] = [undefined, "l1", "l2", "l3", "n"];

/**
 * Makers whose own VIFEs (behind FFh) 1 … 3 name the phases and 0 the sum. Seen in recorded telegrams
 * of EMU, FIN (Finder) and SBC (Saia-Burgess); of ABB in excerpts of its manual, unseen on a wire.
 */
const phaseMakers = new Set(["ABB", "EMU", "FIN", "SBC"]);

/** Reads a record's VIFEs. `manufacturer` is undefined where the telegram does not name it. */
export function qualifiersOf(
  { vif, vifes }: { readonly vif: number; readonly vifes: readonly number[] },
  manufacturer: string | undefined,
): Qualifiers {
  // Behind a maker's own VIF all is the maker's own.
  if (vif === 0x7f) {
    const others = [vifes.map(hex).join("")];
    return { exponent: 0, phase: undefined, direction: undefined, invalid: false, others };
  }
  let exponent = 0;
  let phase: Phase | undefined;
  let direction: Qualifiers["direction"];
  let invalid = false;
  const others: string[] = [];
  for (let i = 0; i < vifes.length; i += 1) {
    const code = vifes[i] ?? 0;
    if (code === 0) continue;
    if (code < 0x20) invalid = true;
    else if (code === 0x3b) direction = "import";
    else if (code === 0x3c) direction = "export";
    else if (code >= 0x70 && code <= 0x77) exponent += code - 0x76;
    else if (code === 0x7d) exponent += 3;
    else if (code === 0x7c) {
      i += 1;
      const place = phases[vifes[i] ?? 0];
      if (place === undefined) others.push(`fc${hex(vifes[i] ?? 0)}`);
      else phase = place;
    } else if (code === 0x7f) {
      const own = vifes.slice(i + 1);
      const known = ownPhase(own, manufacturer);
      if (known === "unknown") others.push(`ff${own.map(hex).join("")}`);
      else phase = known;
      break;
    } else others.push(`e${hex(code)}`);
  }
  return { exponent, phase, direction, invalid, others };
}

function ownPhase(
  own: readonly number[],
  manufacturer: string | undefined,
): Phase | undefined | "unknown" {
  const [first, ...rest] = own;
  const alone = first !== undefined && rest.every((code) => code === 0);
  if (!alone || manufacturer === undefined || !phaseMakers.has(manufacturer)) return "unknown";
  if (first === 0) return undefined;
  return first <= 3 ? (phases[first] ?? "unknown") : "unknown";
}

export const hex = (code: number): string => code.toString(16).padStart(2, "0");
