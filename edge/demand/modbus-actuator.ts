import { Failure } from "@busbar/protocol";
import type { BusLease } from "../framing/bus-pool.ts";
import type { Actuator } from "./actuator.ts";
import type { Range } from "./plan.ts";

/** Reading it back is lengthened up to this where an older answer could be taken for it. */
const lengthMax = 8;

/** A holding register that limits a device's power: a charging point's, an inverter's, a heat pump's. */
export type LimitRegister = {
  readonly id: string;
  readonly unit: number;
  readonly address: number;
  readonly function: 6 | 16;
  /** Watts of one count of the register. */
  readonly scaleW: number;
  readonly range: Range;
  /** What the register holds without orders, W. */
  readonly safeW: number;
};

/**
 * Writes the limit register of a Modbus device through the guarded port, so between the reads of the
 * meters on the same bus, and reads it back: a limit counts when the device shows it.
 */
export class ModbusActuator implements Actuator {
  readonly id: string;
  readonly range: Range;
  readonly #register: LimitRegister;
  readonly #lease: BusLease;

  constructor(register: LimitRegister, lease: BusLease) {
    this.id = register.id;
    this.range = register.range;
    this.#register = register;
    this.#lease = lease;
  }

  hold(limitW: number): Promise<void> {
    const { minW, maxW } = this.range;
    return this.#set(Math.min(maxW, Math.max(minW, limitW)));
  }

  release(): Promise<void> {
    return this.#set(this.#register.safeW);
  }

  close(): Promise<void> {
    return this.#lease.release();
  }

  /** Rounded down: a limit is never passed by a rounding. */
  async #set(watts: number): Promise<void> {
    const { id, unit, address, function: code, scaleW } = this.#register;
    const value = Math.min(0xffff, Math.max(0, Math.floor(watts / scaleW)));
    const { port } = this.#lease;
    const written = await port.write({ unit, function: code, address, value });
    if (!written.ok) throw this.#failed(written.message);
    const read = await port.read({
      ...{ unit, function: 3, address, count: 1 },
      ...{ maxRegisters: lengthMax, evenCount: false },
    });
    if (!read.ok) throw this.#failed(read.message);
    const [shown] = read.registers;
    if (shown === value) return;
    throw this.#failed(
      `${id}: register ${address} of unit ${unit} shows ${shown} after ${value} was written`,
    );
  }

  #failed(message: string): Failure {
    return new Failure("demand.actuator", message, { retry: "later" });
  }
}
