import { type Carried, isNear } from "./gathered.ts";

/** Hours of the shortest slot and of the longest one. */
const slotHours = { least: 1 / 12, most: 1 };

/** The unit that a value is in after what was made of it; undefined for a multiple that is none. */
export type ScaledUnit = "W" | "kW" | "Wh" | "kWh" | "per kWh";

/**
 * What a power or an energy has become: W × a slot's hours are Wh, ÷ 1000 are kWh. A whole hour is no
 * number that one sees: a thousandth of W is kW, unless a duration of the environment is in it.
 */
export function scaledUnit({ unit, factor, timed }: Carried): ScaledUnit | undefined {
  const times = Math.abs(factor);
  if (unit === "W" || unit === "kW") {
    const watts = unit === "kW" ? times / 1_000 : times;
    if (isNear(watts, 1)) return timed ? "Wh" : "W";
    if (isNear(watts, 0.001)) return timed ? "kWh" : "kW";
    if (isHours(watts)) return "Wh";
    return isHours(watts * 1_000) ? "kWh" : undefined;
  }
  if (unit === "Wh" || unit === "kWh") {
    const wattHours = unit === "kWh" ? times / 1_000 : times;
    if (isNear(wattHours, 1)) return "Wh";
    if (isNear(wattHours, 0.001)) return "kWh";
    return undefined;
  }
  return unit === "per kWh" ? unit : undefined;
}

const isHours = (factor: number): boolean =>
  (factor > slotHours.least || isNear(factor, slotHours.least)) && factor < slotHours.most;
