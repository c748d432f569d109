import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ConfigError } from "@busbar/protocol/config";
import { findProfile, loadProfiles, parseProfile, profileFolder } from "./profile.ts";
import { profileJsonSchema } from "./profile-shape.ts";
import { valuesOf } from "./profile-values.ts";

const text = readFileSync(new URL("eastron-sdm120.yaml", profileFolder), "utf8");

const bills = new Set(["1-0:1.8.0", "1-0:2.8.0"]);

/** The problems of the SDM120 profile after an edit. */
function problems(from: string | RegExp, to: string): string[] {
  const edited = text.replace(from, to);
  assert.notEqual(edited, text);
  try {
    parseProfile("p.yaml", edited);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split("\n");
  }
  return [];
}

const lineOf = (part: string) =>
  text.slice(0, text.indexOf(part)).split("\n").length + text.split(part).length - 2;

test("the JSON Schema file says what the loader checks (node edge/meters/write-profile-schema.ts)", () => {
  const file = new URL("profile.schema.json", profileFolder);
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), profileJsonSchema());
});

test("every profile of a meter has import or export energy in a base unit's code", () => {
  const profiles = loadProfiles();
  assert.ok(profiles.size >= 26);
  for (const profile of profiles.values()) {
    const billing = valuesOf(profile).filter(({ obis }) => obis !== undefined && bills.has(obis));
    // A part beside the main one, such as a battery, need not be billed by.
    assert.ok(billing.length > 0 || profile.beside !== undefined, profile.id);
    for (const row of billing) assert.match(row.unit, /Wh$/, profile.id);
  }
});

test("one OBIS code means one quantity and unit kind in all profiles", () => {
  const meanings = new Map<string, string>();
  for (const profile of loadProfiles().values()) {
    for (const { obis, quantity } of valuesOf(profile)) {
      if (obis === undefined) continue;
      assert.equal(meanings.get(obis) ?? quantity, quantity, `${profile.id} ${obis}`);
      meanings.set(obis, quantity);
    }
  }
});

test("a part of a device names a profile that is there", () => {
  const profiles = loadProfiles();
  for (const { id, beside } of profiles.values()) {
    if (beside !== undefined) assert.ok(profiles.has(beside), `${id} is beside ${beside}`);
  }
});

test("an unknown key names its line and the nearest known key", () => {
  assert.deepEqual(
    problems("  - { address: 0x0046, type", "  - { adress: 0x0046, type").slice(-1),
    [`p.yaml:${lineOf("0x0046")}: unknown key registers.7.adress; did you mean address?`],
  );
});

test("a wrong value names its line, what was expected and what came", () => {
  const [first] = problems("function: 4", "function: 6");
  assert.match(
    first ?? "",
    new RegExp(`^p\\.yaml:${lineOf("function: 4")}: read\\.function: .*3, 4, got 6`),
  );
});

test("what a schema cannot say is checked too", () => {
  assert.match(problems("address: 0x004A", "address: 0xFFFF").join(), /ends behind register 65535/);
  assert.match(problems(/scale: 1,/, "scale: 0,").join(), /makes every value 0/);
  assert.match(
    problems("quantity: frequency", "quantity: pf.total").join(),
    /pf.total stands twice/,
  );
  assert.match(problems("maxRegisters: 80", "maxRegisters: 1").join(), /more than maxRegisters/);
  assert.match(problems("protocol: modbus", "protocol: sunspec").join(), /needs models/);
});

const edited = (from: string | RegExp, to: string) => problems(from, to).join();

test("a text is recognised by its beginning, a number by its value", () => {
  const mark = (rest: string) =>
    edited("identify: []", `identify:\n  - { address: 1, function: 3, ${rest} }`);
  assert.match(mark("type: u16"), /type u16 is recognised by equals/);
  assert.match(mark("type: u16, startsWith: [A]"), /recognised by equals/);
  assert.match(mark('type: "ascii:4", equals: [1]'), /type ascii:4 is recognised by startsWith/);
  assert.equal(mark('type: "ascii:4", startsWith: [SOCO]'), "");
  assert.match(mark('type: "ascii:0", startsWith: [SOCO]'), /identify/);
});

test("a factor or a part of a sum that is not there is named", () => {
  const tariffs =
    "sums:\n  - { quantity: energy.x, of: [energy.import.total, energy.import.t2] }\n";
  assert.match(edited("registers:", `${tariffs}registers:`), /no row has the quantity .*\.t2/);
  assert.match(
    edited("quantity: frequency", "multiplyBy: [ct], quantity: frequency"),
    /no factor ct/,
  );
  const mixed = "sums:\n  - { quantity: x, of: [energy.import.total, frequency] }\n";
  assert.match(edited("registers:", `${mixed}registers:`), /different units/);
  assert.match(edited(/^serial: .*$/m, ""), /serial, tcp or both/);
});

test("sentinels of a type hold in every row of it", () => {
  const sentinels = "sentinels: { f32: [0x7F7FFFFF] }\nregisters:";
  const profile = parseProfile("p.yaml", text.replace("registers:", sentinels));
  assert.ok(profile.protocol === "modbus");
  for (const row of profile.registers) assert.deepEqual(row.sentinels, [0x7f7fffff]);
});

test("a mistyped profile id is answered with the nearest one", () => {
  assert.throws(() => findProfile(loadProfiles(), "eastron-sdm63"), /did you mean eastron-sdm630/);
});
