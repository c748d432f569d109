import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseLive, pick } from "./live.ts";

const reading = {
  meter: "m1",
  device: "d1",
  time: 1_760_000_000_000,
  seq: 7,
  quality: 0,
  values: { "1-0:1.8.0": 1_234_567, "1-0:16.7.0": -420.5, "1-0:32.7.0": 230.1 },
  quantities: { "power.total": -420.5 },
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

function parsed(changes: object = {}) {
  const live = parseLive(bytes({ ...reading, ...changes }));
  assert.ok(live !== undefined);
  return live;
}

test("a register that the meter does not have is null, never 0", () => {
  assert.deepEqual(pick(parsed(), { kind: "reading", code: "" }), {
    power: -420.5,
    importWh: 1_234_567,
    exportWh: null,
    values: reading.values,
    quantities: reading.quantities,
  });
});

test("one value can be chosen: power, an energy, an OBIS code, a quantity", () => {
  const live = parsed();
  assert.equal(pick(live, { kind: "power", code: "" }), -420.5);
  assert.equal(pick(live, { kind: "import", code: "" }), 1_234_567);
  assert.equal(pick(live, { kind: "export", code: "" }), undefined);
  assert.equal(pick(live, { kind: "obis", code: "1-0:32.7.0" }), 230.1);
  assert.equal(pick(live, { kind: "quantity", code: "power.total" }), -420.5);
});

test("power is import less export where the meter has no net register", () => {
  const live = parsed({ values: { "1-0:1.7.0": 300, "1-0:2.7.0": 500 }, quantities: {} });
  assert.equal(pick(live, { kind: "power", code: "" }), -200);
});

test("no JSON value makes the reader throw, and values are numbers", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (body, values) => {
      parseLive(bytes(body));
      const live = parseLive(bytes({ ...reading, values }));
      for (const value of Object.values(live?.values ?? {})) assert.equal(typeof value, "number");
    }),
  );
  assert.equal(parseLive(Buffer.from("{")), undefined);
});
