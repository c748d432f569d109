import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import type { RegisterInfo, Source } from "../schedule/source.ts";
import { MeterBoard } from "./meter-board.ts";

const registers = (count: number, prefix = "1"): RegisterInfo[] =>
  Array.from({ length: count }, (_, i) => ({
    obis: `${prefix}-0:${i}.7.0`,
    unit: "W",
    quantity: `power.of.something.${i}`,
  }));

function source(i: number, profile: string, rows: readonly RegisterInfo[]): Source {
  return {
    config: {
      id: `meter-with-a-rather-long-name-${i}`,
      profile,
      connection: { kind: "tcp", host: "127.0.0.1", port: 502 },
      unit: i,
      role: "connection",
      feeder: "main",
    },
    serial: "2026000000000001",
    registers: rows,
    read: () => Promise.reject(new Error("not read here")),
    doubt: () => {},
    close: async () => {},
  };
}

const birthOf = (sources: readonly Source[]) => new MeterBoard("unit-1", sources).birth();

test("a birth lists each meter, and the registers of each profile once", () => {
  const rows = registers(2);
  const birth = birthOf([source(1, "p", rows), source(2, "p", rows)]);
  assert.deepEqual(
    birth.meters.map(({ profile }) => profile),
    ["p", "p"],
  );
  assert.deepEqual(birth.registers, { p: rows });
});

test("a birth fits a broker's packet, however many meters of however many kinds there are", () => {
  const same = Array.from({ length: 32 }, (_, i) => source(i, "p", registers(60)));
  const small = birthOf(same);
  assert.ok(JSON.stringify(small).length < 14_000);
  assert.equal(Object.keys(small.registers).length, 1);
  const kinds = Array.from({ length: 32 }, (_, i) => source(i, `profile-${i}`, registers(80)));
  const large = birthOf(kinds);
  assert.ok(JSON.stringify(large).length < 14_000);
  assert.equal(large.meters.length, 32);
});

test("a read that never ends stalls its meter beside living ones, each allowed its own pause", (t) => {
  const [hung, dead, living] = ["hung", "dead", "living"].map((id) => {
    const one = source(1, "p", []);
    return { ...one, config: { ...one.config, id } };
  }) as [Source, Source, Source];
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const board = new MeterBoard("unit-1", [hung, dead, living]);
  const allowedMs = (failures: number) => (failures > 1 ? 900_000 : 300_000);
  board.failed("dead", "no answer");
  board.failed("dead", "no answer");
  const stalledAt = (time: number) => {
    now = time - 1_000;
    board.read("living", { time: utcMs(1), values: [], unknown: [] });
    now = time;
    return board.stalled(allowedMs);
  };
  assert.deepEqual(stalledAt(299_000), []);
  assert.deepEqual(stalledAt(300_000), ["hung"]);
  assert.deepEqual(stalledAt(900_000), ["hung", "dead"]);
  now += 300_000;
  assert.deepEqual(board.stalled(allowedMs), ["hung", "dead", "living"]);
  for (const meter of ["hung", "dead", "living"]) board.polled(meter);
  assert.deepEqual(board.stalled(allowedMs), []);
});
