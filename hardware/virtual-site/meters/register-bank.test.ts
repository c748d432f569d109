import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Bank } from "./bank.ts";
import { makeDevice, type SiteView } from "./device.ts";
import { answer } from "./pdu.ts";
import { loadProfile, type Profile } from "./profile.ts";

let sdm630: Profile;
let sdm120: Profile;
before(async () => {
  sdm630 = await loadProfile("eastron-sdm630");
  sdm120 = await loadProfile("eastron-sdm120");
});

const kwh = 3_600_000;
const site: SiteView = {
  seed: 1,
  now: () => Date.UTC(2026, 5, 1),
  read: () => ({ powerWatts: -30_000, importJoules: 5188.847 * kwh, exportJoules: 100.5 * kwh }),
};

function meter(profile = sdm630, quirks: { maxRegisters?: number; missing?: number[] } = {}): Bank {
  const device = { unit: 1, profile: profile.id, serialNumber: "12345678" };
  return makeDevice({ ...device, source: "company.net", ...quirks }, profile, site);
}

/** Reply to a read, as hexadecimal text. */
function ask(bank: Bank, functionCode: number, address: number, count: number): string {
  const request = Buffer.alloc(5);
  request.writeUInt8(functionCode);
  request.writeUInt16BE(address, 1);
  request.writeUInt16BE(count, 3);
  return Buffer.from(answer(request, bank)).toString("hex");
}

function floats(bank: Bank, address: number, count: number): number[] {
  const bytes = Buffer.from(ask(bank, 4, address, count * 2), "hex").subarray(2);
  return Array.from({ length: count }, (_, i) => bytes.readFloatBE(i * 4));
}

test("counters stand in their registers as float32 kWh", () => {
  assert.equal(ask(meter(), 4, 0x48, 4), `0408${"45a226c7"}${"42c90000"}`);
});

test("power is negative when it flows out, the phases add up to it, and so do the phase counters", () => {
  const bank = meter();
  const [total = 0] = floats(bank, 0x34, 1);
  assert.equal(total, -30_000);
  const sum = floats(bank, 0x0c, 3).reduce((a, b) => a + b, 0);
  assert(Math.abs(sum - total) < 0.01);
  const energies = floats(bank, 0x15a, 3).reduce((a, b) => a + b, 0);
  assert(Math.abs(energies - 5188.847) < 0.01);
});

test("apparent power is voltage times current in each phase", () => {
  const [v1 = 0, v2 = 0, v3 = 0, a1 = 0, a2 = 0, a3 = 0] = floats(meter(), 0, 6);
  const apparent = floats(meter(), 0x12, 3);
  [v1 * a1, v2 * a2, v3 * a3].forEach((product, i) => {
    assert(Math.abs(product - (apparent[i] ?? 0)) < 0.1);
  });
});

test("meter code and serial number are holding registers, in single words too", () => {
  assert.equal(ask(meter(), 3, 0xfc02, 1), "03020070");
  assert.equal(ask(meter(), 3, 0xfc00, 2), "030400bc614e");
});

test("a function the meter does not know is exception 1", () => {
  for (const code of [1, 2, 5, 6, 16, 43]) assert.equal(ask(meter(), code, 0, 2), hex(code, 1));
});

test("registers between the tables are exception 2, reserved ones inside a table are 0", () => {
  assert.equal(ask(meter(), 4, 0x100, 2), hex(4, 2));
  assert.equal(ask(meter(), 4, 0x44, 2), "040400000000");
  assert.equal(ask(meter(), 4, 0x17c, 4), hex(4, 2));
  assert.equal(ask(meter(), 3, 0x48, 2), hex(3, 2));
  assert.equal(ask(meter(), 4, 0xfffe, 4), hex(4, 2));
});

test("a row that the unit lacks is exception 2 for every read that touches it", () => {
  const bank = meter(sdm630, { missing: [0x4a] });
  assert.equal(ask(bank, 4, 0x4a, 2), hex(4, 2));
  assert.equal(ask(bank, 4, 0x48, 4), hex(4, 2));
  assert.equal(ask(bank, 4, 0x48, 2), "040445a226c7");
});

test("more registers than the meter takes, none, or an odd count are exception 3", () => {
  assert.equal(ask(meter(), 4, 0, 82), hex(4, 3));
  assert.equal(ask(meter(), 4, 0, 0), hex(4, 3));
  assert.equal(ask(meter(), 4, 0, 3), hex(4, 3));
  assert.equal(ask(meter(), 4, 0, 80).length, 2 * 162);
  assert.equal(ask(meter(sdm630, { maxRegisters: 50 }), 4, 0, 52), hex(4, 3));
});

test("an odd start is exception 2 where the type counts in pairs from 0", () => {
  assert.equal(ask(meter(), 4, 1, 2), hex(4, 2));
});

test("a single-phase meter carries the whole current in its one phase", () => {
  const bank = meter(sdm120);
  const [volts = 0] = floats(bank, 0, 1);
  const [amperes = 0] = floats(bank, 6, 1);
  const [apparent = 0] = floats(bank, 0x12, 1);
  assert(Math.abs(volts * amperes - apparent) < 0.5);
  assert(apparent > 30_000);
});

test("a meter whose site has no time yet is busy", () => {
  const config = { unit: 1, profile: sdm630.id, serialNumber: 1, source: "user.1" } as const;
  const bank = makeDevice(config, sdm630, { ...site, now: () => undefined });
  assert.equal(ask(bank, 4, 0x48, 2), hex(4, 6));
});

test("a serial number that the registers cannot hold is refused by name", () => {
  const config = { unit: 4, profile: sdm630.id, serialNumber: "A-1", source: "user.1" } as const;
  assert.throws(() => makeDevice(config, sdm630, site), /unit 4: .*digits.*"A-1"/);
});

test("an unknown profile is refused with the nearest known one", async () => {
  await assert.rejects(loadProfile("eastron-sdm63"), /did you mean eastron-sdm630\?/);
});

function hex(functionCode: number, exception: number): string {
  return Buffer.of(functionCode | 0x80, exception).toString("hex");
}
