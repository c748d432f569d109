import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { energyByReadings } from "./claims.ts";
import { parse } from "./route.ts";

test("an address names a page and what is behind it, whatever somebody typed", () => {
  assert.deepEqual(parse("#/statement/17"), {
    page: "statement",
    rest: ["17"],
    query: new URLSearchParams(),
  });
  assert.equal(parse("").page, "");
  assert.equal(parse("#/trades?owner=anna").query.get("owner"), "anna");
  assert.deepEqual(parse("#/a%2Fb/%E4/x").rest, ["%E4", "x"]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => typeof parse(text).page === "string"),
  );
});

const at = (time: number, importWh: number, place: "exact" | "before" | "after") =>
  ({ sequence: time, time, importWh, exportWh: 0, at: place }) as const;
const meter = (from: readonly ReturnType<typeof at>[], to: readonly ReturnType<typeof at>[]) =>
  ({
    meter: "m",
    role: "connection",
    importWh: null,
    exportWh: null,
    method: null,
    completeness: "measured",
    why: "read",
    readings: { from, to },
  }) as const;

test("the energy of a slot follows from the readings around its ends, by the ledger's straight line", () => {
  const slot = { slot: 100, slotMs: 60 };
  const exact = meter([at(100, 7, "exact")], [at(160, 19, "exact")]);
  assert.deepEqual(energyByReadings(exact, slot), { importWh: 12, exportWh: 0 });
  // 10 Wh in 3 ms, of which one has passed: 3.33, rounded down as the ledger does.
  const between = meter([at(99, 0, "before"), at(102, 10, "after")], [at(160, 19, "exact")]);
  assert.deepEqual(energyByReadings(between, slot), { importWh: 16, exportWh: 0 });
  assert.equal(energyByReadings(meter([], [at(160, 19, "exact")]), slot), undefined);
  assert.equal(
    energyByReadings(meter([at(99, 0, "before")], [at(160, 9, "exact")]), slot),
    undefined,
  );
  // The registers began anew in between.
  assert.equal(
    energyByReadings(meter([at(100, 7, "exact")], [at(160, 3, "exact")]), slot),
    undefined,
  );
});
