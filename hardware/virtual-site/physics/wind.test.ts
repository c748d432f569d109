import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultCurve, makeWind, windPower } from "./wind.ts";

test("a turbine stands below cut-in and above cut-out and never exceeds its rating", () => {
  assert.equal(windPower(800, 2.99), 0);
  assert.equal(windPower(800, 12), 800);
  assert.equal(windPower(800, 24.9), 800);
  assert.equal(windPower(800, 25), 0);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 60, noNaN: true }), (speed) => {
      const power = windPower(800, speed);
      assert(power >= 0 && power <= 800);
    }),
  );
});

test("between cut-in and rated speed more wind is more power", () => {
  const speed = fc.double({ min: defaultCurve.cutIn, max: defaultCurve.rated, noNaN: true });
  fc.assert(
    fc.property(speed, speed, (a, b) => {
      assert(windPower(800, Math.min(a, b)) <= windPower(800, Math.max(a, b)));
    }),
  );
});

test("a year of wind has a plausible mean, calms and storms", () => {
  const speed = makeWind(7);
  const speeds = Array.from({ length: 8760 }, (_, hour) => speed(Date.UTC(2026, 0, 1, hour)));
  const mean = speeds.reduce((a, b) => a + b, 0) / speeds.length;
  assert(mean > 5.5 && mean < 7.7, `mean ${mean}`);
  assert(Math.min(...speeds) < 2);
  assert(Math.max(...speeds) > 13);
});
