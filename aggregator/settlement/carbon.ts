import type { GreenForm } from "./certificates.ts";

/** Grams of CO₂ equivalent per kWh: of certified energy by form, and of all else that was taken. */
export type CarbonFactors = Readonly<Record<GreenForm | "rest", number>>;

/**
 * What an owner's use of energy caused, in whole grams: what it retired certificates for at its form's
 * factor, the rest of what it took from the feeder at the grid's.
 */
export function carbonGrams(
  {
    takenWh,
    greenTakenWh,
    retired,
  }: {
    readonly takenWh: number;
    readonly greenTakenWh: number;
    readonly retired: Readonly<Record<GreenForm, number>>;
  },
  factors: CarbonFactors,
): number {
  const certified = retired.solar * factors.solar + retired.wind * factors.wind;
  return Math.round((certified + (takenWh - greenTakenWh) * factors.rest) / 1000);
}
