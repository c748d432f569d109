import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPlace } from "./site.ts";
import { clearSky } from "./sky.ts";
import { sunPosition } from "./sun.ts";

const degrees = 180 / Math.PI;

// Source: I. Reda, A. Andreas, "Solar Position Algorithm for Solar Radiation Applications",
// NREL/TP-560-34302, appendix A.5: elevation without refraction 39.872046°, azimuth 194.340241°.
test("the sun stands where NREL's worked example puts it", () => {
  const { cosZenith, azimuth } = sunPosition(Date.UTC(2003, 9, 17, 19, 30, 30), {
    latitude: 39.742476,
    longitude: -105.1786,
    utcOffsetHours: -7,
  });
  assert(Math.abs(90 - Math.acos(cosZenith) * degrees - 39.872046) < 0.02);
  assert(Math.abs(((azimuth * degrees + 360) % 360) - 194.340241) < 0.02);
});

test("at the solstices the noon sun stands 23.44° above and below the equator's height", () => {
  for (const [month, declination] of [
    [5, 23.44],
    [11, -23.44],
  ] as const) {
    const highest = Math.max(
      ...Array.from(
        { length: 1440 },
        (_, minute) => sunPosition(Date.UTC(2026, month, 21, 0, minute), defaultPlace).cosZenith,
      ),
    );
    const elevation = 90 - Math.acos(highest) * degrees;
    assert(Math.abs(elevation - (90 - defaultPlace.latitude + declination)) < 0.05);
  }
});

test("a clear sky gives nothing at night and about 1040 W/m² under a zenith sun", () => {
  assert.equal(clearSky(-0.1), 0);
  assert.equal(clearSky(0), 0);
  assert(Math.abs(clearSky(1) - 1037) < 2);
});
