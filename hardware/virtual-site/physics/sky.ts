import { smoothNoise } from "./noise.ts";
import { type Place, sunPosition, yearAngle } from "./sun.ts";

/** A flat surface. Degrees: `tilt` from horizontal, `azimuth` from north by east. */
export type Plane = { readonly tilt: number; readonly azimuth: number };

/** Weather that a surface sees: irradiance on it in W/m², air temperature in °C. */
export type Weather = { readonly irradiance: number; readonly temperature: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const radians = Math.PI / 180;
/** Grass and concrete. */
const albedo = 0.2;

/** The sky over a place: sun, clouds and air, as a pure function of time. */
export function makeSky(seed: number, place: Place, plane: Plane) {
  const clouds = smoothNoise(seed, "clouds", [
    { periodMs: 50 * hourMs, weight: 1 },
    { periodMs: 9 * hourMs, weight: 0.6 },
    { periodMs: 100 * minuteMs, weight: 0.35 },
    { periodMs: 11 * minuteMs, weight: 0.2 },
  ]);
  const air = smoothNoise(seed, "air", [{ periodMs: 70 * hourMs, weight: 1 }]);
  const tilt = plane.tilt * radians;
  const facing = plane.azimuth * radians;

  return (timeMs: number): Weather => {
    const year = yearAngle(timeMs);
    const { cosZenith, azimuth } = sunPosition(timeMs, place);
    // Mean 17 °C, warmest at the end of July, 4 K warmer by day than by night: a coast at 30° N.
    const temperature = 17 - 12 * Math.cos(year - 0.42) + 4 * cosZenith + 2.5 * air(timeMs);
    if (cosZenith <= 0) return { irradiance: 0, temperature };

    // Overcast more often than clear, as it is there.
    const cover = Math.min(1, Math.max(0, 0.78 + 0.5 * clouds(timeMs)));
    const global = clearSky(cosZenith) * cloudTransmission(cover);
    const diffuse = global * diffuseFraction(global / (extraterrestrial(year) * cosZenith));
    const sinZenith = Math.sqrt(1 - Math.min(1, cosZenith * cosZenith));
    const cosIncidence =
      cosZenith * Math.cos(tilt) + sinZenith * Math.sin(tilt) * Math.cos(azimuth - facing);
    // Beam over cos(zenith) explodes at the horizon, where buildings and haze take it anyway.
    const beam = (global - diffuse) * (Math.max(0, cosIncidence) / Math.max(cosZenith, 0.087));
    const sky = (diffuse * (1 + Math.cos(tilt))) / 2;
    const ground = (global * albedo * (1 - Math.cos(tilt))) / 2;
    return { irradiance: beam + sky + ground, temperature };
  };
}

/** Global horizontal irradiance under a clear sky, W/m². Source: B. Haurwitz, J. Meteorology 2 (1945). */
export function clearSky(cosZenith: number): number {
  return cosZenith <= 0 ? 0 : 1098 * cosZenith * Math.exp(-0.057 / cosZenith);
}

/** What clouds let through by cover 0…1. Source: F. Kasten, G. Czeplak, Solar Energy 24 (1980). */
function cloudTransmission(cover: number): number {
  return 1 - 0.75 * cover ** 3.4;
}

/** Diffuse part of the global irradiance by clearness. Source: D. Erbs et al., Solar Energy 28 (1982). */
function diffuseFraction(clearness: number): number {
  const k = Math.max(0, clearness);
  if (k <= 0.22) return 1 - 0.09 * k;
  if (k > 0.8) return 0.165;
  return 0.9511 - 0.1604 * k + 4.388 * k ** 2 - 16.638 * k ** 3 + 12.336 * k ** 4;
}

/** Irradiance outside the atmosphere, W/m², by the angle of the year. */
function extraterrestrial(year: number): number {
  return 1361 * (1 + 0.033 * Math.cos(year));
}
