import { Failure, type UtcMs } from "@busbar/protocol";
import { busName, type MeterConnection } from "../framing/line.ts";
import { gpioName } from "../framing/s0/gpiomon-lines.ts";
import { PassingCount } from "../framing/s0/pulse-count.ts";
import { PulseStore } from "../framing/s0/pulse-store.ts";
import type { Timers } from "../framing/timers.ts";
import { S0Meter } from "./s0-meter.ts";

/** Where a pulse output is and what a pulse is worth. */
export type PulseMeterOptions = {
  readonly connection: MeterConnection;
  readonly pulsesPerKwh?: number | undefined;
  readonly initialWh?: number | undefined;
  readonly direction?: "import" | "export" | undefined;
  /** Left out, the count starts at 0 and ends with the process. */
  readonly countFile?: string | undefined;
  readonly timers: Timers;
  /** The reading's time. */
  readonly clock: () => UtcMs;
};

/**
 * A meter with a pulse output; counting begins with the first question to it.
 * Throws: `Failure` `meter.connection`, `meter.pulses`.
 */
export function openPulseMeter(options: PulseMeterOptions): S0Meter {
  const { connection, pulsesPerKwh = 0, countFile, initialWh, direction, timers, clock } = options;
  const name = busName(connection);
  if (connection.kind !== "gpio") {
    const message = `${name} carries no pulses; expected kind: gpio, or gpio://gpiochip0/17`;
    throw new Failure("meter.connection", message, { retry: "never" });
  }
  if (!Number.isInteger(pulsesPerKwh) || pulsesPerKwh < 1 || pulsesPerKwh > 1_000_000) {
    const message = `${name}: expected the pulses per kWh of the meter's plate, 1 to 1000000 (--pulses-per-kwh)`;
    throw new Failure("meter.pulses", message, { retry: "never" });
  }
  const source = { line: gpioName(connection), pulsesPerKwh };
  const openCount = () =>
    countFile === undefined ? new PassingCount() : new PulseStore(countFile, source);
  return new S0Meter({
    line: connection,
    pulsesPerKwh,
    openCount,
    initialWh,
    direction,
    timers,
    clock,
  });
}
