import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { everyMsOf, placeOfForm } from "./place.ts";
import { readingMessage } from "./reading.ts";

const form = {
  place: "/dev/ttyUSB0",
  profile: "eastron-sdm630",
  unit: "3",
  baud: "19200",
  parity: "even",
};

test("a form becomes a place; empty fields are the meter's factory setting", () => {
  const connection = { kind: "rtu", path: "/dev/ttyUSB0", baud: 19_200, parity: "even" };
  assert.deepEqual(placeOfForm(form), { profile: "eastron-sdm630", connection, unit: 3 });
  const plain = placeOfForm({ ...form, baud: "", parity: "default", unit: "", address: " 2010 " });
  assert.deepEqual(plain.connection, { kind: "rtu", path: "/dev/ttyUSB0" });
  assert.deepEqual([plain.unit, plain.address], [1, "2010"]);
  assert.deepEqual(placeOfForm({ ...form, place: "tcp://10.0.0.7" }).connection, {
    kind: "tcp",
    host: "10.0.0.7",
    port: 502,
  });
  assert.deepEqual(
    [everyMsOf({ every: "2.5" }), everyMsOf({ every: "0" }), everyMsOf({})],
    [2_500, undefined, undefined],
  );
});

test("what cannot be a place, a unit or a pause is named", () => {
  for (const [change, code] of [
    [{ place: "COM3" }, "flows.place"],
    [{ place: "" }, "flows.place"],
    [{ place: "mqtt://x" }, "flows.place"],
    [{ profile: "" }, "flows.field-missing"],
    [{ unit: "300" }, "flows.value"],
    [{ unit: {} }, "flows.value"],
    [{ baud: "fast" }, "flows.value"],
    [{ parity: "strange" }, "flows.value"],
    [{ pulses: "0" }, "flows.value"],
  ] as const) {
    assert.throws(() => placeOfForm({ ...form, ...change }), { code }, JSON.stringify(change));
  }
  for (const every of ["-1", "soon", "1e9"]) {
    assert.throws(() => everyMsOf({ every }), { code: "flows.value" });
  }
});

test("a reading's message has plain numbers and, beside them, the exact registers", () => {
  const register = {
    obis: "1-0:1.8.0",
    quantity: "energy.import",
    unit: "Wh",
    mantissa: 12_345,
    exponent: -1,
    raw: [],
  };
  const reading = { time: utcMs(5), values: [register], unknown: ["energy.export"] };
  const msg = readingMessage({ meter: "m-1", serial: "S1", reading }, { kind: "import", code: "" });
  assert.equal(msg?.payload, 1_234.5);
  assert.deepEqual(msg?.reading, {
    meter: "m-1",
    time: 5,
    serial: "S1",
    values: [{ obis: "1-0:1.8.0", mantissa: 12_345, exponent: -1 }],
  });
  assert.deepEqual(msg?.unknown, ["energy.export"]);
  const absent = readingMessage(
    { meter: "m-1", serial: undefined, reading },
    { kind: "export", code: "" },
  );
  assert.equal(absent, undefined);
});
