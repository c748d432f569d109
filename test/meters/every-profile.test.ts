import assert from "node:assert/strict";
import { test } from "node:test";
import { baseUnit } from "../../edge/meters/decode-value.ts";
import { openMeter } from "../../edge/meters/meter.ts";
import { loadProfiles, type Profile } from "../../edge/meters/profile.ts";
import { valuesOf } from "../../edge/meters/profile-values.ts";
import { simulatedUnit, type UnitOptions, wiredBus } from "./simulated-unit.ts";

const profiles = loadProfiles();

/** SunSpec models: integers and scale factors, then floats. */
const inverters = [101, 102, 103, 111, 112, 113];
const meters = [201, 202, 203, 204, 211, 212, 213, 214];
/** Which variants of a profile are simulated beside the plain one. */
const variants: Readonly<Record<string, readonly UnitOptions[]>> = {
  "chint-dtsu666": [{ factors: { ct: 40, vt: 1 } }, { factors: { ct: 400, vt: 57.7 } }],
  sunspec: [...inverters, ...meters].map((model) => ({ models: [model] })),
  "sunspec-meter": meters.map((model) => ({ models: [model] })),
  "eastron-sdm630": [{ maxRegisters: 50 }, { maxRegisters: 30 }],
};

for (const profile of profiles.values()) {
  for (const [i, options] of [{}, ...(variants[profile.id] ?? [])].entries()) {
    const name = i === 0 ? "" : `, as ${JSON.stringify(options)}`;
    test(`${profile.id}${name}: a simulated unit is named, and every value read as it is`, async () => {
      const { device, quantities } = await simulatedUnit(profile.id, options);
      const { timers, bus, connection, clock } = wiredBus([device]);
      const meter = openMeter({ profile, connection, unit: 1, clock, bus });
      const identity = await timers.run(meter.identify());
      const { values, unknown } = await timers.run(meter.read());
      await timers.run(meter.close());

      assert.equal(identity.profile, profile.id);
      if (profile.serialNumber !== undefined) assert.equal(identity.serialNumber, "10000017");
      const model = modelOf(profile, options);
      for (const row of valuesOf(profile)) {
        if (model !== undefined && !model.has(row.quantity)) continue;
        const truth = quantities.get(row.quantity);
        const value = values.find(({ quantity }) => quantity === row.quantity);
        if (truth === undefined || mayBeUnknown(profile, truth, row.quantity)) {
          if (value === undefined) assert.ok(unknown.includes(row.quantity), row.quantity);
          if (truth === undefined) continue;
        }
        if (value === undefined) {
          assert.ok(mayBeUnknown(profile, truth ?? 0, row.quantity), `${row.quantity} is unknown`);
          continue;
        }
        assert.equal(value.unit, baseUnit(row.unit), row.quantity);
        const got = value.mantissa * 10 ** value.exponent;
        const step = stepOf(profile, value, options);
        assert.ok(
          Math.abs(got - truth) <= step,
          `${row.quantity}: ${got} instead of ${truth}, resolution ${step}`,
        );
      }
    });
  }
}

/** The quantities of the model that a SunSpec unit has; undefined of other protocols. */
function modelOf(profile: Profile, { models }: UnitOptions): ReadonlySet<string> | undefined {
  if (profile.protocol !== "sunspec") return undefined;
  const known = profile.models.flatMap(({ ids }) => ids);
  const id = models?.[0] ?? (known.includes(103) ? 103 : known.includes(203) ? 203 : known[0]);
  const model = profile.models.find(({ ids }) => id !== undefined && ids.includes(id));
  return new Set(model?.registers.map(({ quantity }) => quantity));
}

/** SunSpec's integer accumulators say 0 for unknown, as the standard has it. */
const mayBeUnknown = (profile: Profile, truth: number, quantity: string): boolean =>
  profile.protocol === "sunspec" && truth === 0 && quantity.includes("energy");

/** One step of the register, or of float32 at this size; a ratio multiplies it. */
function stepOf(
  profile: Profile,
  { mantissa, exponent, quantity }: { mantissa: number; exponent: number; quantity: string },
  { factors = {} }: UnitOptions,
): number {
  const magnitude = Math.abs(mantissa * 10 ** exponent);
  if (profile.protocol === "sunspec") return Math.max(2 ** -22 * magnitude, sunspecStep(quantity));
  const rows = profile.registers.filter((row) => row.quantity === quantity);
  const parts =
    rows.length > 0
      ? rows
      : profile.registers.filter((row) => /energy.*\.t[12]$/.test(row.quantity));
  return Math.max(
    ...parts.map((row) => {
      const ratio = (row.multiplyBy ?? []).reduce((all, name) => all * (factors[name] ?? 1), 1);
      const prefix = /^k/.test(row.unit) ? 1000 : row.unit === "%" ? 0.01 : 1;
      const float = row.type.startsWith("f");
      return float ? 2 ** -22 * magnitude + 1e-9 : Math.abs(row.scale) * prefix * ratio;
    }),
  );
}

/** The coarsest scale factor that the simulated units choose: they are rated for a plant of 1 MW. */
function sunspecStep(quantity: string): number {
  if (/^(pf|battery\.(so|dod))/.test(quantity)) return 0.01;
  if (quantity.includes("energy")) return 1;
  return /power|apparent|reactive|capacity/.test(quantity) ? 100 : 1;
}
