import { smoothNoise } from "./noise.ts";

/** A turbine's characteristic speeds, m/s at hub height. */
export type PowerCurve = {
  readonly cutIn: number;
  readonly rated: number;
  readonly cutOut: number;
};

/** A common class of machines for sites of middling wind. */
export const defaultCurve: PowerCurve = { cutIn: 3, rated: 12, cutOut: 25 };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Scale of the Rayleigh distribution, m/s: a mean of 6.6 m/s. */
const scale = 7.4;

/** Wind speed at hub height, m/s, near-Rayleigh distributed, as a pure function of time. */
export function makeWind(seed: number): (timeMs: number) => number {
  const noise = smoothNoise(seed, "wind", [
    { periodMs: 80 * hourMs, weight: 1 },
    { periodMs: 17 * hourMs, weight: 0.8 },
    { periodMs: 4 * hourMs, weight: 0.5 },
    { periodMs: 40 * minuteMs, weight: 0.22 },
    { periodMs: 7 * minuteMs, weight: 0.12 },
  ]);
  // Rayleigh by the inverse of its distribution: v = scale·√(−ln(1 − Φ(z))), where the logistic
  // curve stands for Φ, so that −ln(1 − Φ(z)) = ln(1 + exp(1.702 z)).
  return (timeMs) => scale * Math.sqrt(Math.log1p(Math.exp(1.702 * noise(timeMs))));
}

/** Power of a turbine at a wind speed, in the unit of `rated`: cubic between cut-in and rated speed. */
export function windPower(rated: number, speed: number, curve: PowerCurve = defaultCurve): number {
  if (speed < curve.cutIn || speed >= curve.cutOut) return 0;
  if (speed >= curve.rated) return rated;
  const low = curve.cutIn ** 3;
  return (rated * (speed ** 3 - low)) / (curve.rated ** 3 - low);
}
