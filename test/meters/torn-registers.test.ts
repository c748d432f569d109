import assert from "node:assert/strict";
import { test } from "node:test";
import { quality, utcMs } from "@busbar/protocol";
import { simulatedTime } from "../../edge/clock/unit-clock.ts";
import { seededRandom } from "../../edge/framing/test-support/virtual-timers.ts";
import { sleep } from "../../edge/framing/timers.ts";
import { openDatabase } from "../../edge/journal/database.ts";
import { Journal } from "../../edge/journal/journal.ts";
import { profileOf } from "../../edge/meters/profile.ts";
import { CarefulReader } from "../../edge/schedule/careful-reader.ts";
import { billingOf, wholeWh } from "../../edge/schedule/entry.ts";
import { MeterMemory } from "../../edge/schedule/memory.ts";
import { openSource } from "../../edge/schedule/source.ts";
import { Counters } from "../../edge/status/counters.ts";
import { tornBank } from "../../hardware/virtual-site/meters/faults/device-faults.ts";
import { loadProfile } from "../../hardware/virtual-site/meters/profile.ts";
import { makeQuantities } from "../../hardware/virtual-site/meters/quantities.ts";
import { registerBank } from "../../hardware/virtual-site/meters/register-bank.ts";
import { sunspecBank } from "../../hardware/virtual-site/meters/sunspec-bank.ts";
import { testSigner } from "../support/memory-registry.ts";
import { deviceOf, wiredBus } from "./simulated-unit.ts";

/** Registers that carry from one word to the next now and then: floats and integers, both word
 * orders, with a step and a start that make it happen in a few readings. */
const meters = [
  { id: "eastron-sdm630", startWh: 1_000_000, watts: 60_000, stepWh: 1 },
  { id: "shelly-pro-3em", startWh: 1_000_000, watts: 60_000, stepWh: 1 },
  { id: "sunspec-meter", startWh: 1_000_000, watts: 6_000, stepWh: 1 },
  { id: "abb-b2x", startWh: 655_360 * 3 - 200_000, watts: 600_000, stepWh: 10 },
  { id: "cg-em340", startWh: 6_553_600 * 3 - 200_000, watts: 600_000, stepWh: 100 },
] as const;

const readings = 150;
const everyMs = 60_000;

for (const { id, startWh, watts, stepWh } of meters) {
  test(`${id}: no value of two instants becomes a reading, and none a reset`, async () => {
    const profile = await loadProfile(id);
    const random = seededRandom(7);
    const quantities = makeQuantities({ seed: 1, source: "company.pv", phases: 3 });
    const trueWh = () => startWh + (watts * timers.now()) / 3_600_000;
    const measure = () =>
      quantities(
        { powerWatts: watts, importJoules: trueWh() * 3600, exportJoules: 5e8 },
        Date.UTC(2026, 5, 1, 10) + timers.now(),
      );
    const quirks = { serialNumber: 10_000_017, unit: 1, source: "company.pv" } as const;
    const bank =
      profile.protocol === "sunspec"
        ? sunspecBank(profile, quirks, measure)
        : registerBank(profile, quirks, measure);
    const { timers, line, bus, connection, clock } = wiredBus([]);
    line.devices.set(1, deviceOf(tornBank(bank, { torn: 0.5 }, random)));

    const place = { id: "m", profile: id, connection, unit: 1, role: "connection", feeder: "main" };
    const site = { speed: 1, now: clock, delay: (ms: number) => ms };
    const config = place as typeof place & { role: "connection" };
    const source = await openSource(config, { clock: site, bus, data: "/nowhere", profileOf });
    const journal = new Journal(openDatabase(":memory:"), { chain: "demo", signer: testSigner(9) });
    const memory = new MeterMemory(journal);
    const counters = new Counters();
    const reader = new CarefulReader({
      memory,
      clock: simulatedTime(site),
      counters,
      sleep: (ms) => sleep(timers, ms),
    });

    let read = 0;
    for (let poll = 0; poll < readings; poll += 1) {
      const from = trueWh();
      const result = await timers.run(reader.read(source)).catch((error: unknown) => error);
      const to = trueWh();
      await timers.run(sleep(timers, everyMs));
      if (result instanceof Error) continue;
      const { reading, serial } = result as Awaited<ReturnType<CarefulReader["read"]>>;
      const registers = billingOf(reading.values);
      const shown = registers.get("1-0:1.8.0");
      if (shown === undefined) continue;
      const wh = wholeWh(shown);
      // A torn answer may give the whole value of the last one: late, but the meter's.
      const oldest = from - (1.2 * everyMs * watts) / 3_600_000 - stepWh;
      assert.ok(wh >= oldest && wh <= to + stepWh, `${wh} of ${oldest} to ${to}`);
      assert.equal(memory.judge("m", { serial, registers }), quality.measured);
      memory.take("m", utcMs(reading.time), { serial, registers });
      memory.keep();
      read += 1;
    }
    assert.ok(read > 0.95 * readings, `${read} of ${readings} readings`);
    assert.equal(counters.of("meter.register-reset"), 0);
    journal.close();
  });
}
