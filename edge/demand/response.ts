import type { ProvenDemand } from "@busbar/protocol";
import type { TimeOfUnit } from "../clock/unit-clock.ts";
import type { EdgeConfig } from "../config/schema.ts";
import type { BusPool } from "../framing/bus-pool.ts";
import type { Actuator } from "./actuator.ts";
import { Controller } from "./controller.ts";
import { DemandDesk, type DeskOptions } from "./desk.ts";
import { GpioActuator } from "./gpio-actuator.ts";
import { ModbusActuator } from "./modbus-actuator.ts";

type DemandConfig = EdgeConfig["demand"];

export type ResponseOptions = {
  readonly config: DemandConfig;
  readonly bus: BusPool;
  readonly clock: TimeOfUnit;
  readonly desk: Omit<DeskOptions, "range" | "dryRun" | "now" | "onOrders">;
};

const hourMs = 3_600_000;
/** As meters are asked; what a device's line says differently stands in its `connection`. */
const serial = { baud: 9600, parity: "none", stopBits: 1 } as const;

/** A unit's demand response: orders in, settings out. Without an actuator, and in a dry run, it only answers. */
export class Response {
  readonly #desk: DemandDesk;
  readonly #controller: Controller | undefined;

  constructor({ config, bus, clock, desk }: ResponseOptions) {
    const { counters, log, slotMs } = desk;
    const actuator = actuatorOf(config, bus);
    this.#controller =
      actuator === undefined || config.dryRun
        ? undefined
        : new Controller({
            ...{ actuator, slotMs, counters, log },
            now: () => (clock.known ? clock.now() : undefined),
            timers: bus.timers,
            // A little behind it, so that it lies in the new slot.
            untilSlotMs: () => clock.delay(slotMs - (clock.now() % slotMs)) + 5,
            refreshMs: config.refreshSeconds * 1000,
            holdMsMax: config.holdHoursMax * hourMs,
            onFailed: (order) => this.#desk.giveUp(order),
          });
    this.#desk = new DemandDesk({
      ...desk,
      now: () => clock.now(),
      range: actuator?.range,
      dryRun: config.dryRun,
      onOrders: (orders) => this.#controller?.update(orders),
    });
  }

  /** The safe state first: what was held when the unit ended last is let go, or held on by its order. */
  start(): void {
    this.#controller?.update(this.#desk.orders);
  }

  /** Takes an order that the ledger proves. */
  take(proven: ProvenDemand): void {
    this.#desk.take(proven);
  }

  async stop(): Promise<void> {
    await this.#controller?.stop();
  }
}

function actuatorOf({ actuator }: DemandConfig, bus: BusPool): Actuator | undefined {
  if (actuator === undefined) return undefined;
  if (actuator.kind === "gpio") {
    const { chip, offset, activeLow, maxW } = actuator;
    return new GpioActuator({ id: "relay", chip, offset, activeLow, range: { minW: 0, maxW } });
  }
  const {
    connection,
    unit,
    register: address,
    function: code,
    scaleW,
    minW,
    maxW,
    safeW,
  } = actuator;
  const limit = {
    id: "limit",
    unit,
    address,
    function: code,
    scaleW,
    safeW,
    range: { minW, maxW },
  };
  return new ModbusActuator(limit, bus.acquire(connection, serial));
}
