/** Where a site lies. Degrees, north and east positive; `utcOffsetHours` is its civil time. */
export type Place = {
  readonly latitude: number;
  readonly longitude: number;
  readonly utcOffsetHours: number;
};

/** Direction of the sun: cosine of the zenith angle and azimuth from north by east, in radians. */
export type SunPosition = { readonly cosZenith: number; readonly azimuth: number };

const radians = Math.PI / 180;
const dayMs = 86_400_000;
const j2000Ms = Date.UTC(2000, 0, 1, 12);

/**
 * The sun's true position, without refraction, good to about 0.01° between 1950 and 2050.
 * Source: J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position",
 * Solar Energy 40 (1988) 227–235; sidereal time after the same almanac.
 */
export function sunPosition(timeMs: number, place: Place): SunPosition {
  const days = (timeMs - j2000Ms) / dayMs;
  const anomaly = (357.528 + 0.9856003 * days) * radians;
  const longitude =
    (280.46 + 0.9856474 * days + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) *
    radians;
  const obliquity = (23.439 - 0.0000004 * days) * radians;
  const ascension = Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude));
  const sinDeclination = Math.sin(obliquity) * Math.sin(longitude);
  const cosDeclination = Math.sqrt(1 - sinDeclination * sinDeclination);

  const siderealHours = 18.697374558 + 24.06570982441908 * days;
  const hourAngle = (siderealHours * 15 + place.longitude) * radians - ascension;
  const sinLatitude = Math.sin(place.latitude * radians);
  const cosLatitude = Math.cos(place.latitude * radians);
  const cosZenith =
    sinLatitude * sinDeclination + cosLatitude * cosDeclination * Math.cos(hourAngle);
  const east = -cosDeclination * Math.sin(hourAngle);
  const north = cosLatitude * sinDeclination - sinLatitude * cosDeclination * Math.cos(hourAngle);
  return { cosZenith, azimuth: Math.atan2(east, north) };
}

/** Part of the year that has passed, in radians: 0 at the start of January, 2π at its end. */
export function yearAngle(timeMs: number): number {
  const yearMs = 365.2425 * dayMs;
  return (2 * Math.PI * (timeMs - j2000Ms)) / yearMs;
}
