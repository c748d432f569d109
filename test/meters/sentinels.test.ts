import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeValue } from "../../edge/meters/decode-value.ts";
import { openMeter } from "../../edge/meters/meter.ts";
import { loadProfiles, type ModbusProfile } from "../../edge/meters/profile.ts";
import { notImplemented, type RegisterType, wordsOf } from "../../edge/meters/register-type.ts";
import type { Device } from "../support/fault-line.ts";
import { simulatedUnit, wiredBus } from "./simulated-unit.ts";

const profiles = [...loadProfiles().values()];

/** Raw values that are no number in any float: NaNs, quiet and signalling, and both infinities. */
const noFloats: Readonly<Partial<Record<RegisterType, readonly bigint[]>>> = {
  f32: [0x7fc00000n, 0xffc00000n, 0x7f800001n, 0xffffffffn, 0x7f800000n, 0xff800000n],
  f64: [0x7ff8n << 48n, 0xfff8n << 48n, (0x7ff0n << 48n) | 1n, 0x7ff0n << 48n, 0xfff0n << 48n],
};

type Row = { readonly type: RegisterType; readonly sentinels?: readonly number[] | undefined };

/** Everything that a row's register may hold where there is no value. */
function nothings({ type, sentinels = [] }: Row): bigint[] {
  const listed = [...notImplemented[type], ...sentinels].map(BigInt);
  return [...listed, ...(noFloats[type] ?? [])];
}

function wordsFor(raw: bigint, type: RegisterType, wordOrder: "msw" | "lsw"): number[] {
  const count = wordsOf(type);
  const words = Array.from({ length: count }, (_, i) =>
    Number((raw >> BigInt(16 * (count - 1 - i))) & 0xffffn),
  );
  return wordOrder === "msw" ? words : words.reverse();
}

for (const profile of profiles) {
  test(`${profile.id}: what means "no value" is never one, in any row`, () => {
    const { wordOrder } = profile.read;
    const rows =
      profile.protocol === "modbus"
        ? profile.registers
        : profile.models.flatMap(({ registers }) => registers);
    assert.ok(rows.length > 0);
    for (const row of rows) {
      const { type, unit, sentinels } = row;
      for (const raw of nothings(row)) {
        const words = wordsFor(raw, type, wordOrder);
        const value = decodeValue(words, { type, wordOrder, unit, sentinels });
        assert.equal(value, undefined, `${row.quantity}: ${raw.toString(16)}`);
      }
    }
  });
}

/** The unit with "no value" in the registers of one row. */
function without(device: Device, profile: ModbusProfile, row: ModbusProfile["registers"][number]) {
  const [raw] = nothings(row);
  if (raw === undefined) return undefined;
  const words = wordsFor(raw, row.type, profile.read.wordOrder);
  const spoilt: Device = (code, address, count) => {
    const reply = device(code, address, count);
    if (typeof reply === "number" || reply === undefined) return reply;
    return reply.map((word, i) => words[address + i - row.address] ?? word);
  };
  return spoilt;
}

for (const profile of profiles) {
  if (profile.protocol !== "modbus") continue;
  test(`${profile.id}: an energy register without a value costs only itself`, async () => {
    const { device } = await simulatedUnit(profile.id);
    const energies = profile.registers.filter(({ quantity }) => quantity.startsWith("energy."));
    assert.ok(energies.length > 0);
    for (const row of energies.slice(0, 4)) {
      const spoilt = without(device, profile, row);
      if (spoilt === undefined) continue;
      const { timers, bus, connection, clock } = wiredBus([spoilt]);
      const meter = openMeter({ profile, connection, unit: 1, clock, bus });
      const { values, unknown } = await timers.run(meter.read());
      await timers.run(meter.close());
      const names = values.map(({ quantity }) => quantity);
      assert.ok(!names.includes(row.quantity), `${row.quantity} became a value`);
      assert.ok(unknown.includes(row.quantity), `${row.quantity} is told as unknown`);
      assert.ok(values.length > 0, "the others are there");
    }
  });
}
