import type { Reading } from "../physics/counters.ts";
import { seededFraction, smoothNoise } from "../physics/noise.ts";
import { ratedWatts, type Source } from "../physics/site.ts";

/** What an instrument measures, by the profiles' quantity names, in V, A, W, VA, var, Hz, Wh …, ratios. */
export type Quantities = ReadonlyMap<string, number>;

/** How a meter is connected. */
export type Connection = {
  readonly seed: number;
  readonly source: Source;
  readonly phases: 1 | 3;
};

const nominalVolts = 230;
/** Part of all energy that falls into tariff 1, strings at an inverter: fixed, counters never run back. */
const dayTariff = 0.7;
const stringsMax = 6;
/** Average power factor at each source; loads and machines are inductive. */
const powerFactor: Readonly<Record<Source, number>> = {
  "company.net": 0.97,
  "company.pv": 0.995,
  "company.wind": 0.98,
  "bureau.exchange": 0.96,
  "user.1": 0.95,
  "user.2": 0.93,
};
const phaseNames = ["l1", "l2", "l3"] as const;
const pairs = [
  ["l1l2", 0, 1],
  ["l2l3", 1, 2],
  ["l3l1", 2, 0],
] as const;

/** Makes the electrical picture of a connection from its power and counters at an instant. */
export function makeQuantities(connection: Connection) {
  const { seed, source } = connection;
  const names = phaseNames.slice(0, connection.phases);
  const shares = phaseShares(seed, source, names.length);
  const factor = powerFactor[source];
  const wander = [
    { periodMs: 600_000, weight: 1 },
    { periodMs: 20_000, weight: 0.4 },
  ];
  // One grid: its frequency and voltages are the same for all meters but for a meter's own wiring.
  const frequency = smoothNoise(seed, "frequency", wander);
  const voltages = names.map((name) => smoothNoise(seed, `voltage/${name}`, wander));

  return (reading: Reading, timeMs: number): Quantities => {
    const found = new Map<string, number>();
    const volts = voltages.map((noise) => nominalVolts + 1.8 * noise(timeMs));
    found.set("frequency", 50 + 0.012 * frequency(timeMs));
    setPhases(found, { names, shares, volts, factor, watts: reading.powerWatts });
    setVoltages(found, names, volts);
    setEnergies(found, { names, shares, factor, reading });
    setCounters(found);
    setInverter(found, reading.powerWatts, ratedWatts[source]);
    setBattery(found);
    return found;
  };
}

type Phases = {
  readonly names: readonly string[];
  readonly shares: readonly number[];
  readonly factor: number;
};

function setPhases(
  found: Map<string, number>,
  { names, shares, factor, volts, watts }: Phases & { volts: readonly number[]; watts: number },
): void {
  // Eastron gives the power factor the sign of the power's direction; an idle line has factor 1.
  const signedFactor = watts < 0 ? -factor : watts > 0 ? factor : 1;
  const angle = (Math.acos(Math.abs(signedFactor)) * 180) / Math.PI;
  const reactivePart = Math.sqrt(1 - factor * factor) / factor;
  const put = (of: string, part: number): void => {
    const power = watts * part;
    found.set(`power.${of}`, power);
    found.set(`power.import.${of}`, Math.max(0, power));
    found.set(`power.export.${of}`, Math.max(0, -power));
    found.set(`apparent.${of}`, Math.abs(power) / factor);
    found.set(`reactive.${of}`, Math.abs(power) * reactivePart);
    found.set(`pf.${of}`, signedFactor);
    found.set(`angle.${of}`, angle);
  };
  put("total", 1);
  const amperes = names.map((name, i) => {
    put(name, shares[i] ?? 0);
    const current = (found.get(`apparent.${name}`) ?? 0) / (volts[i] ?? nominalVolts);
    found.set(`current.${name}`, current);
    return current;
  });
  const sum = amperes.reduce((a, b) => a + b, 0);
  found.set("current.sum", sum);
  found.set("current.avg", sum / names.length);
  const [a = 0, b = 0, c = 0] = amperes;
  // Three phasors 120° apart; a single phase returns through the neutral conductor.
  const squares = a * a + b * b + c * c - a * b - b * c - c * a;
  found.set("current.n", Math.sqrt(Math.max(0, squares)));
}

function setVoltages(
  found: Map<string, number>,
  names: readonly string[],
  volts: readonly number[],
): void {
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  names.forEach((name, i) => {
    found.set(`voltage.${name}`, volts[i] ?? 0);
    found.set(`thd.v.${name}`, 0.018 + 0.001 * i);
  });
  found.set("voltage.avg", average(volts));
  found.set("thd.v.avg", 0.018 + 0.0005 * (names.length - 1));
  if (names.length < 3) return;
  const between = pairs.map(([name, i, j]) => {
    const [a = 0, b = 0] = [volts[i], volts[j]];
    const value = Math.sqrt(a * a + b * b + a * b);
    found.set(`voltage.${name}`, value);
    return value;
  });
  found.set("voltage.ll_avg", average(between));
}

function setEnergies(
  found: Map<string, number>,
  { names, shares, factor, reading }: Phases & { reading: Reading },
): void {
  const imported = reading.importJoules / 3600;
  const exported = reading.exportJoules / 3600;
  const reactivePart = Math.sqrt(1 - factor * factor) / factor;
  const put = (of: string, part: number): void => {
    const sum = (imported + exported) * part;
    found.set(`energy.import.${of}`, imported * part);
    found.set(`energy.export.${of}`, exported * part);
    found.set(`energy.sum.${of}`, sum);
    // Inductive in both directions of the active energy: reactive energy is only ever drawn.
    found.set(`reactive_energy.import.${of}`, sum * reactivePart);
    found.set(`reactive_energy.export.${of}`, 0);
    found.set(`reactive_energy.sum.${of}`, sum * reactivePart);
    found.set(`apparent_energy.${of}`, sum / factor);
    found.set(`charge.${of}`, sum / factor / nominalVolts);
  };
  put("total", 1);
  names.forEach((name, i) => {
    put(name, shares[i] ?? 0);
  });
}

/** Parts of the whole counters: by tariff, by quadrant, since a reset that never was. */
function setCounters(found: Map<string, number>): void {
  const of = (name: string) => found.get(name) ?? 0;
  for (const direction of ["import", "export"]) {
    const total = of(`energy.${direction}.total`);
    found.set(`energy.${direction}.t1`, total * dayTariff);
    found.set(`energy.${direction}.t2`, total * (1 - dayTariff));
    found.set(`energy.${direction}.resettable`, total);
    found.set(`energy.${direction}.partial`, total);
  }
  found.set("energy.sum.resettable", of("energy.sum.total"));
  found.set("energy.net.total", of("energy.import.total") - of("energy.export.total"));
  for (const phase of ["total", ...phaseNames]) {
    const reactive = of(`reactive_energy.import.${phase}`);
    const sum = of(`energy.sum.${phase}`);
    for (const [direction, quadrant, idle] of [
      ["import", 1, 4],
      ["export", 2, 3],
    ] as const) {
      const part = sum === 0 ? 0 : of(`energy.${direction}.${phase}`) / sum;
      found.set(`apparent_energy.${direction}.${phase}`, of(`apparent_energy.${phase}`) * part);
      found.set(`reactive_energy.q${quadrant}.${phase}`, reactive * part);
      found.set(`reactive_energy.q${idle}.${phase}`, 0);
    }
  }
}

/** The direct-current side of an inverter whose output is what the source exports. */
function setInverter(found: Map<string, number>, watts: number, rated: number): void {
  const output = Math.max(0, -watts);
  const input = output / 0.975;
  const volts = output === 0 ? 0 : 640;
  found.set("dc.power", input);
  found.set("dc.voltage", volts);
  found.set("dc.current", volts === 0 ? 0 : input / volts);
  for (let i = 1; i <= stringsMax; i++) {
    found.set(`dc.${i}.power`, input / stringsMax);
    found.set(`dc.${i}.voltage`, volts);
    found.set(`dc.${i}.current`, volts === 0 ? 0 : input / volts / stringsMax);
    found.set(`dc.${i}.energy`, (found.get("energy.export.total") ?? 0) / 0.975 / stringsMax);
    found.set(`dc.${i}.state`, output > 0 ? 4 : 2);
    found.set(`dc.${i}.temperature`, 31);
  }
  found.set("rated_power", rated);
  found.set("temperature.cabinet", 28 + output / 40_000);
  // SunSpec operating state: 4 = tracking the power maximum, 2 = asleep.
  found.set("state", output > 0 ? 4 : 2);
}

/** A battery at rest: the site has none, a device that reports one may be simulated all the same. */
function setBattery(found: Map<string, number>): void {
  const still: Readonly<Record<string, number>> = {
    capacity_charge: 200,
    capacity_energy: 10_000,
    charge_power_max: 5000,
    discharge_power_max: 5000,
    soc: 0.62,
    soc_max: 1,
    soc_min: 0.05,
    dod: 0.38,
    soh: 0.99,
    cycles: 412,
    charge_state: 6,
    type: 4,
    state: 4,
    voltage: 51.4,
    cell_voltage_max: 3.34,
    cell_voltage_min: 3.31,
    cell_voltage_avg: 3.33,
    current: 0,
    charge_current_max: 100,
    discharge_current_max: 100,
    power: 0,
  };
  for (const [name, value] of Object.entries(still)) found.set(`battery.${name}`, value);
}

/** Parts of the whole that each phase carries: constant, so that phase counters never run backwards. */
function phaseShares(seed: number, source: Source, count: number): number[] {
  const raw = Array.from(
    { length: count },
    (_, i) => 1 + 0.08 * (seededFraction(seed, `${source}/phase${i}`) - 0.5),
  );
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((part) => part / sum);
}

/** A value in a profile's unit: `k` prefixes and percent. */
export function inUnit(value: number, unit: string): number {
  if (unit === "%") return value * 100;
  return /^k(W|VA|var)/.test(unit) ? value / 1000 : value;
}
