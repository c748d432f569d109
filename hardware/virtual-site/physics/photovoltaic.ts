import type { Weather } from "./sky.ts";

/** Loss of power per kelvin above 25 °C, crystalline silicon. */
const temperatureLoss = 0.004;
/** Soiling, mismatch, haze, cables and inverter together. */
const systemEfficiency = 0.84;

/** Alternating-current power of an array with a peak power at 1000 W/m² and 25 °C, in the peak's unit. */
export function photovoltaicPower(peak: number, { irradiance, temperature }: Weather): number {
  // A cell at 800 W/m² is about 25 K warmer than the air (nominal operating cell temperature 45 °C).
  const cell = temperature + irradiance * (25 / 800);
  const derated = 1 - temperatureLoss * (cell - 25);
  return Math.min(peak, Math.max(0, (peak * irradiance * derated * systemEfficiency) / 1000));
}
