import { z } from "zod";

const baud = z.literal([300, 600, 1200, 2400, 4800, 9600, 19_200]);

/** What only meters of some profiles have, beside the keys of every meter. */
export const meterOptions = {
  pulsesPerKwh: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe("s0: the meter's constant, from its plate (imp/kWh)"),
  initialWh: z
    .int()
    .min(0)
    .max(1_000_000_000_000)
    .optional()
    .describe("s0: what the meter showed when counting began"),
  direction: z
    .enum(["import", "export"])
    .optional()
    .describe("s0: whether pulses are energy from the grid (the default) or into it"),
  mode: z
    .enum(["A", "B", "C"])
    .optional()
    .describe("iec62056-21: instead of what the meter proposes"),
  startBaud: baud.optional().describe("iec62056-21: speed of the request; 300 by default"),
  baudMax: baud.optional().describe("iec62056-21: the fastest that the optical head takes"),
  parityBy: z
    .enum(["unit", "line"])
    .optional()
    .describe("iec62056-21: who makes the parity bit; found out where left out"),
  energyUnit: z
    .enum(["Wh", "kWh"])
    .optional()
    .describe("iec62056-21: of energies that the meter sends without a unit"),
};

/** The same, as a meter's driver takes it. */
export type MeterOptions = z.output<z.ZodObject<typeof meterOptions>>;

const ofS0 = ["pulsesPerKwh", "initialWh", "direction"] as const;
const ofReadout = ["mode", "startBaud", "baudMax", "parityBy", "energyUnit"] as const;

/** Which options a profile has. */
export function optionsOf(profile: string): readonly (keyof MeterOptions)[] {
  switch (profile) {
    case "s0":
      return ofS0;
    case "iec62056-21":
      return ofReadout;
    case "iec62056-21-push":
      return ["energyUnit"];
    default:
      return [];
  }
}

export type OptionProblem = { readonly field: keyof MeterOptions; readonly message: string };

/** Options that a meter of a profile cannot have, and those that it lacks. */
export function optionProblems(meter: MeterOptions & { readonly profile: string }) {
  const { profile } = meter;
  const known = optionsOf(profile);
  const problems: OptionProblem[] = [...ofS0, ...ofReadout]
    .filter((field) => meter[field] !== undefined && !known.includes(field))
    .map((field) => ({ field, message: `profile ${profile} has no ${field}; leave it out` }));
  if (profile === "s0" && meter.pulsesPerKwh === undefined) {
    const message = "expected pulsesPerKwh: the constant on the meter's plate, such as 1000";
    problems.push({ field: "pulsesPerKwh", message });
  }
  return problems;
}
