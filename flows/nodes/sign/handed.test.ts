import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { handedReading } from "./handed.ts";

test("a meter node's registers are signed digit for digit", () => {
  const values = [{ obis: "1-0:1.8.0", mantissa: 70_000_008, exponent: -1, step: 8 }];
  const reading = { meter: "x", time: 5, serial: "S1", values };
  assert.deepEqual(handedReading({ payload: 1, reading }, "m-1"), {
    meter: "m-1",
    time: 5,
    values,
    serial: "S1",
  });
});

test("a payload's names and codes become registers; null is no register, and no number is guessed", () => {
  const payload = {
    importWh: 1234.5,
    exportWh: null,
    power: -420,
    values: { "1-0:32.7.0": 230.1, "1-0:1.8.0": 9 },
  };
  assert.deepEqual(handedReading({ payload, time: 7 }, "m-1").values, [
    { obis: "1-0:1.8.0", mantissa: 12_345, exponent: -1 },
    { obis: "1-0:16.7.0", mantissa: -420, exponent: 0 },
    { obis: "1-0:32.7.0", mantissa: 2_301, exponent: -1 },
  ]);
  assert.equal(handedReading({ payload, reset: true }, "m-1").reset, true);
});

test("what holds no reading is refused, whatever it is", () => {
  for (const payload of [
    undefined,
    5,
    "5",
    [],
    {},
    { importWh: null },
    { importWh: "5" },
    { power: Number.NaN },
  ]) {
    assert.throws(() => handedReading({ payload }, "m-1"), { code: "flows.reading" });
  }
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (payload, reading) => {
      try {
        handedReading({ payload, reading }, "m-1");
      } catch (error) {
        assert.equal((error as { code?: string }).code, "flows.reading");
      }
    }),
  );
});
