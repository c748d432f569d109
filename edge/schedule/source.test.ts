import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "@busbar/protocol";
import {
  device,
  floatRegisters,
  modbusProfile,
  simulatedBus,
} from "../../test/support/simulated-meter.ts";
import { profileOf } from "../meters/profile.ts";
import { openSource } from "./source.ts";

test("a meter that missed one reading, or is doubted, is asked who it is: it may have been exchanged", async () => {
  const { timers, line, bus, connection, clock } = simulatedBus();
  const registers = floatRegisters(modbusProfile("eastron-sdm630"));
  const meter = (serial: number) => {
    const holding = new Map([
      [0xfc00, 0],
      [0xfc01, serial],
    ]);
    return device(registers, holding);
  };
  line.devices.set(1, meter(11));
  const site = { now: clock, speed: 1, delay: (ms: number) => ms };
  const config = {
    id: "m",
    profile: "eastron-sdm630",
    connection,
    unit: 1,
    role: "connection",
    feeder: "main",
  } as const;
  const source = await openSource(config, { clock: site, bus, data: "/nowhere", profileOf });
  await timers.run(source.read());
  assert.equal(source.serial, "11");
  line.devices.delete(1);
  await assert.rejects(timers.run(source.read()), { code: "meter.timeout" });
  line.devices.set(1, meter(12));
  await timers.run(source.read());
  assert.equal(source.serial, "12");
  line.devices.set(1, meter(13));
  source.doubt();
  await timers.run(source.read());
  assert.equal(source.serial, "13");

  // A place that is bound to a number takes nothing of another meter, whatever came between.
  const bound = { ...config, serial: "13" };
  const strict = await openSource(bound, { clock: site, bus, data: "/nowhere", profileOf });
  await timers.run(strict.read());
  line.devices.set(1, meter(14));
  strict.doubt();
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(timers.run(strict.read()), (error: Failure) => {
      assert.equal(error.code, "meter.other-serial");
      return /expected .* 13, and number 14 answers/.test(error.message);
    });
  }
  line.devices.set(1, meter(13));
  await timers.run(strict.read());
});
