import assert from "node:assert/strict";
import { test } from "node:test";
import { idPattern } from "@busbar/protocol";
import fc from "fast-check";
import { baseUnit } from "../meters/decode-value.ts";
import { loadProfiles } from "../meters/profile.ts";
import { valuesOf } from "../meters/profile-values.ts";
import type { RegisterInfo } from "../schedule/source.ts";
import { type AnnouncedMeter, announcementsOf } from "./home-assistant.ts";

const unit = {
  site: "demo",
  device: "unit-1",
  version: "1.2.3",
  prefix: "homeassistant",
  expireSeconds: 180,
};
const grid: AnnouncedMeter = {
  id: "anna-grid",
  profile: "eastron-sdm120",
  serial: "4711",
  registers: [
    { obis: "1-0:1.8.0", unit: "Wh", quantity: "energy.import.total" },
    { obis: "1-0:16.7.0", unit: "W", quantity: "power.total" },
    { obis: "1-0:13.7.0", unit: "", quantity: "pf.total" },
    { obis: "1-0:15.8.0", unit: "Wh", quantity: "energy.sum.total" },
    { obis: "1-0:3.8.0", unit: "varh", quantity: "reactive_energy.import.total" },
  ],
};

type Component = Readonly<Record<string, unknown>>;
type Bundle = Readonly<Record<string, unknown>> & {
  readonly cmps: Readonly<Record<string, Component>>;
};
const parsed = (meters: readonly AnnouncedMeter[]) =>
  announcementsOf({ ...unit, meters }).map(({ topic, payload }) => ({
    topic,
    bundle: JSON.parse(payload) as Bundle,
  }));

test("the unit and each meter are devices of their own, the meters behind the unit", () => {
  const [first, second, ...more] = parsed([grid]);
  assert.equal(more.length, 0);
  assert.equal(first?.topic, "homeassistant/device/unit-1/config");
  assert.equal(second?.topic, "homeassistant/device/unit-1/anna-grid/config");
  assert.deepEqual(second?.bundle.dev, {
    ids: ["busbar_demo_unit-1_anna-grid"],
    name: "anna-grid",
    mdl: "eastron-sdm120",
    sn: "4711",
    via_device: "busbar_demo_unit-1",
  });
  assert.deepEqual(Object(first?.bundle.dev).ids, ["busbar_demo_unit-1"]);
  assert.equal(second?.bundle.stat_t, "busbar/v1/demo/unit-1/live/anna-grid");
  assert.deepEqual(second?.bundle.cmps["1_0_1_8_0"], {
    p: "sensor",
    name: "Energy import",
    uniq_id: "busbar_demo_unit-1_anna-grid_1_0_1_8_0",
    dev_cla: "energy",
    unit_of_meas: "Wh",
    stat_cla: "total_increasing",
    exp_aft: 180,
    val_tpl: "{{ value_json['values'].get('1-0:1.8.0') }}",
  });
  assert.equal(second?.bundle.cmps["1_0_15_8_0"]?.stat_cla, "total");
  assert.equal("unit_of_meas" in (second?.bundle.cmps["1_0_13_7_0"] ?? {}), false);
  assert.equal("dev_cla" in (second?.bundle.cmps["1_0_3_8_0"] ?? {}), false);
});

/** Keys of Home Assistant's schemas (homeassistant/components/mqtt: schemas.py, sensor.py,
 * binary_sensor.py, abbreviations.py), as far as they are used; an unknown one refuses a bundle. */
const known = {
  bundle: ["dev", "o", "cmps", "stat_t", "avty"],
  dev: ["ids", "name", "mf", "mdl", "sw", "sn", "via_device"],
  o: ["name", "sw"],
  avty: ["t", "val_tpl"],
  cmps: [
    ...["p", "name", "uniq_id", "dev_cla", "ent_cat", "stat_t", "val_tpl", "exp_aft"],
    ...["unit_of_meas", "stat_cla"],
  ],
} as const;

/** Device class → units and state classes that Home Assistant takes with it (sensor/const.py). */
const classes: Readonly<Record<string, readonly [units: string, states: string]>> = {
  energy: ["Wh GJ", "total total_increasing"],
  power: ["W", "measurement"],
  reactive_power: ["var", "measurement"],
  apparent_power: ["VA", "measurement"],
  voltage: ["V", "measurement"],
  current: ["A", "measurement"],
  frequency: ["Hz", "measurement"],
  temperature: ["°C", "measurement"],
  power_factor: ["", "measurement"],
  volume: ["m³", "total total_increasing"],
};

function assertKeys(value: unknown, keys: readonly string[]): void {
  const odd = Object.keys(value as object).filter((key) => !keys.includes(key));
  assert.deepEqual(odd, []);
}

function assertBundle(bundle: Bundle, topic: string): void {
  assert.match(topic, /^homeassistant\/device\/(?:[a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+\/config$/);
  assertKeys(bundle, known.bundle);
  assertKeys(bundle.dev, known.dev);
  assertKeys(bundle.o, known.o);
  for (const place of (bundle.avty ?? []) as object[]) assertKeys(place, known.avty);
  assert.ok(bundle.dev !== undefined && bundle.o !== undefined);
  for (const component of Object.values(bundle.cmps)) {
    assertKeys(component, known.cmps);
    assert.ok(component.uniq_id !== undefined && component.val_tpl !== undefined);
    assert.ok(component.stat_t !== undefined || bundle.stat_t !== undefined);
    if (component.p === "binary_sensor") continue;
    assert.equal(component.p, "sensor");
    assert.ok(Number.isInteger(component.exp_aft));
    if (component.dev_cla === undefined) continue;
    const [units, states] = classes[String(component.dev_cla)] ?? ["?", "?"];
    assert.ok(units.split(" ").includes(String(component.unit_of_meas ?? "")));
    assert.ok(states.split(" ").includes(String(component.stat_cla)));
  }
}

test("every profile gives a bundle that Home Assistant takes and a broker's packet holds", () => {
  for (const [id, profile] of loadProfiles()) {
    const registers = valuesOf(profile).flatMap(({ obis, unit: wanted, quantity }) =>
      obis === undefined ? [] : [{ obis, unit: baseUnit(wanted), quantity }],
    );
    for (const { topic, bundle } of parsed([{ id, profile: id, serial: undefined, registers }])) {
      assertBundle(bundle, topic);
      assert.ok(JSON.stringify(bundle).length < 13_000, id);
      const ids = Object.values(bundle.cmps).map(({ uniq_id }) => uniq_id);
      assert.equal(new Set(ids).size, ids.length);
    }
  }
});

test("whatever a meter says of itself, the bundle keeps its form and its size", () => {
  const register: fc.Arbitrary<RegisterInfo> = fc.record({
    obis: fc.stringMatching(/^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}$/),
    unit: fc.constantFrom("Wh", "W", "V", "C", "", "m3", "deg", "nonsense", "varh"),
    quantity: fc.string({ unit: "binary", maxLength: 60 }),
  });
  const meter = fc.record({
    id: fc.stringMatching(idPattern),
    profile: fc.string({ maxLength: 200 }),
    serial: fc.option(fc.string({ unit: "binary", maxLength: 100 }), { nil: undefined }),
    registers: fc.array(register, { maxLength: 120 }),
  });
  fc.assert(
    fc.property(meter, (given) => {
      for (const { topic, bundle } of parsed([given])) {
        assertBundle(bundle, topic);
        assert.ok(Buffer.byteLength(JSON.stringify(bundle)) < 16_000);
      }
    }),
  );
});
