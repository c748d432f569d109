import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Source } from "../physics/site.ts";
import type { Bank } from "./bank.ts";
import { makeDevice } from "./device.ts";
import { loadProfile, type Profile, type SunSpecProfile } from "./profile.ts";

let profile: Profile;
before(async () => {
  profile = await loadProfile("sunspec");
});

const wattHour = 3600;

function device(source: Source, powerWatts: number, exportWh: number): Bank {
  const reading = { powerWatts, importJoules: 7 * wattHour, exportJoules: exportWh * wattHour };
  const site = { seed: 1, now: () => 0, read: () => reading };
  const config = { unit: 126, profile: "sunspec", serialNumber: "INV-0042", source };
  return makeDevice(config, profile, site);
}

function words(bank: Bank, address: number, count: number): readonly number[] {
  const reply = bank.read({ functionCode: 3, address, count });
  assert(reply.ok);
  return reply.words;
}

/** Model ids and their start addresses, found as a client finds them. */
function chain(bank: Bank): Map<number, number> {
  assert.deepEqual(words(bank, 40_000, 2), [0x5375, 0x6e53]);
  const found = new Map<number, number>();
  for (let at = 40_002; ; ) {
    const [id = 0, length = 0] = words(bank, at, 2);
    found.set(id, at);
    if (id === 0xffff) return found;
    at += 2 + length;
  }
}

/** Values of a model by quantity, decoded by the profile's scale factors; undefined = not available. */
function decoded(bank: Bank, id: number): Map<string, number | undefined> {
  const start = chain(bank).get(id) ?? 0;
  const model = (profile as SunSpecProfile).models.find(({ ids }) => ids.includes(id));
  assert(model !== undefined);
  const all = words(bank, start, model.length + 2);
  const signed = (word: number) => (word << 16) >> 16;
  return new Map(
    model.registers.map(({ offset, type, scaleFactor, quantity }) => {
      const word = all[offset] ?? 0;
      const raw =
        type === "u32"
          ? word * 65_536 + (all[offset + 1] ?? 0)
          : type === "s16"
            ? signed(word)
            : word;
      const factor = scaleFactor === undefined ? 0 : signed(all[scaleFactor] ?? 0);
      const missing = type === "s16" ? raw === -0x8000 : type === "u16" && raw === 0xffff;
      return [quantity, missing ? undefined : raw * 10 ** factor] as const;
    }),
  );
}

test("a client that walks the chain finds model 1, the device's model and the end", () => {
  assert.deepEqual([...chain(device("company.pv", 0, 0)).keys()], [1, 103, 0xffff]);
  assert.deepEqual([...chain(device("company.net", 0, 0)).keys()], [1, 203, 0xffff]);
});

test("model 1 names maker, type and serial number", () => {
  const common = words(device("company.pv", 0, 0), 40_002, 68);
  const text = Buffer.from(common.flatMap((word) => [word >> 8, word & 0xff])).toString("latin1");
  assert.match(text.slice(4, 36), /^Busbar\0+$/);
  assert.match(text.slice(100, 132), /^INV-0042\0+$/);
  assert.equal(common[66], 126);
});

test("an inverter's full output fits its registers and reads back through the scale factors", () => {
  const values = decoded(device("company.pv", -799_950, 123_456_789), 103);
  assert(Math.abs((values.get("power.export.total") ?? 0) - 799_950) <= 50);
  assert.equal(values.get("energy.export.total"), 123_456_789);
  assert(Math.abs((values.get("frequency") ?? 0) - 50) < 0.1);
  assert(Math.abs((values.get("voltage.l1") ?? 0) - 230) < 10);
  assert.equal(values.get("state"), 4);
  // It has one temperature sensor, in its cabinet.
  for (const [quantity, value] of values) {
    const sensed = !/^temperature\.(?!cabinet)/.test(quantity);
    assert.equal(value !== undefined, sensed, quantity);
  }
});

test("an inverter sleeps at night", () => {
  const values = decoded(device("company.pv", 0, 5), 103);
  assert.equal(values.get("power.export.total"), 0);
  assert.equal(values.get("dc.current"), 0);
  assert.equal(values.get("state"), 2);
});

test("a meter's import and export read back, and power is positive when drawn", () => {
  const values = decoded(device("company.net", 1_200_000, 42), 203);
  assert(Math.abs((values.get("power.total") ?? 0) - 1_200_000) <= 50);
  assert.equal(values.get("energy.import.total"), 7);
  assert.equal(values.get("energy.export.total"), 42);
  assert(Math.abs((values.get("current.sum") ?? 0) - 5_400) < 100);
});

test("an accumulator starts again at 2³², as acc32 does", () => {
  const values = decoded(device("company.pv", -1, 2 ** 32 + 5), 103);
  assert.equal(values.get("energy.export.total"), 5);
});

test("points that the device lacks show the not-available value of their kind", () => {
  const bank = device("company.pv", -1000, 1);
  const start = chain(bank).get(103) ?? 0;
  assert.deepEqual(words(bank, start + 34, 3), [0x8000, 0x8000, 0x8000]);
  assert.deepEqual(words(bank, start + 39, 1), [0xffff]);
  assert.deepEqual(words(bank, start + 40, 4), [0, 0, 0, 0]);
});

test("reads outside the chain, of other tables and of too many registers are refused", () => {
  const bank = device("company.pv", 0, 0);
  const read = (functionCode: number, address: number, count: number) =>
    bank.read({ functionCode, address, count });
  const refused = (exception: number) => ({ ok: false, exception });
  assert.deepEqual(read(3, 39_999, 2), refused(2));
  assert.deepEqual(read(3, (chain(bank).get(0xffff) ?? 0) + 1, 2), refused(2));
  assert.deepEqual(read(3, 50_000, 2), refused(2));
  assert.deepEqual(read(4, 40_000, 2), refused(1));
  assert.deepEqual(read(3, 40_000, 126), refused(3));
});
