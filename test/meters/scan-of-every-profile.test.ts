import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProfiles } from "../../edge/meters/profile.ts";
import { type ScanResult, scan } from "../../edge/meters/scan.ts";
import { simulatedUnit, type UnitOptions, wiredBus } from "./simulated-unit.ts";

const profiles = loadProfiles();
const plants: Readonly<Record<string, UnitOptions>> = {
  "as it is": {},
  "that says no code": { named: false },
  "that keeps silent instead of refusing": { silent: true },
  "that keeps silent and says no code": { silent: true, named: false },
  "without load, new": { powerWatts: 0, importWh: 0, exportWh: 0 },
  "without load, new, that says no code": { powerWatts: 0, importWh: 0, exportWh: 0, named: false },
  // As many amperes as two bytes of 0.01 A hold: what is more such a meter does not know.
  "of a large consumer": { source: "user.1", powerWatts: 420_000, importWh: 3e9, exportWh: 0 },
};

async function scanned(id: string, options: UnitOptions): Promise<ScanResult> {
  const { device } = await simulatedUnit(id, options);
  const { timers, bus, connection } = wiredBus([device]);
  const { results } = await timers.run(
    scan({ connections: [connection], units: [1], profiles: [...profiles.values()], bus }),
  );
  const [result] = results;
  assert.ok(result !== undefined);
  return result;
}

for (const [plant, options] of Object.entries(plants)) {
  for (const { id, beside } of profiles.values()) {
    // A part has its device's marks; it is scanned with its device elsewhere.
    if (beside !== undefined) continue;
    test(`a ${id} ${plant} is never taken for another`, async () => {
      const { status, candidates } = await scanned(id, options);
      const names = candidates.map(({ identity }) => identity.profile);
      if (status === "found") assert.deepEqual(names, [id]);
      if (status === "ambiguous") assert.ok(names.includes(id) || options.silent, names.join());
      if (status === "unknown") assert.ok(mayBeUnknown(id, options), "it is known");
    });
  }
}

/** No voltage that two sources confirm: without their codes these are not recognised. */
const withoutProof = new Set(["eastron-sdm72d", "huawei-sun2000"]);

/** Each silence may be a late answer yet, so a bus on which many are outstanding tells little. */
const mayBeUnknown = (id: string, { named, silent }: UnitOptions): boolean =>
  silent === true || (withoutProof.has(id) && named === false);

test("a meter that names itself is found as what it is", async () => {
  for (const { id, beside, identify, protocol } of profiles.values()) {
    if (beside !== undefined || (protocol === "modbus" && identify.length === 0)) continue;
    const { status, candidates } = await scanned(id, {});
    assert.deepEqual([status, candidates[0]?.how], ["found", "identified"], id);
  }
});

test("what cannot be told apart is named together", async () => {
  const together = async (id: string, options: UnitOptions = {}) => {
    const { status, candidates } = await scanned(id, options);
    return [status, ...candidates.map(({ identity }) => identity.profile)];
  };
  const singlePhase = ["ambiguous", "eastron-sdm120", "eastron-sdm230"];
  assert.deepEqual(await together("eastron-sdm120"), singlePhase);
  assert.deepEqual(await together("eastron-sdm230"), singlePhase);
  assert.deepEqual(await together("eastron-sdm630", { named: false }), [
    "ambiguous",
    "eastron-sdm630",
    "eastron-sdm72d-v2",
  ]);
});

test("parts beside an inverter are named beside it, and found alone where there is no inverter", async () => {
  const both = await scanned("sunspec", { models: [103, 203] });
  assert.deepEqual(
    [both.candidates[0]?.identity.profile, both.also],
    ["sunspec", ["sunspec-meter"]],
  );
  const meter = await scanned("sunspec", { models: [203] });
  assert.deepEqual([meter.status, meter.also], ["found", []]);
  const battery = await scanned("sunspec-battery", {});
  assert.deepEqual(
    [battery.status, battery.candidates[0]?.identity.profile, battery.also],
    ["found", "sunspec-battery", []],
  );
});
