import { EventEmitter } from "node:events";
import modbus from "modbus-serial";

/** What `ModbusClientPort` passes on. */
type Below = {
  readonly isOpen: () => boolean;
  readonly open: () => Promise<void>;
  readonly close: () => Promise<void>;
  readonly write: (frame: Uint8Array) => void;
};

/**
 * The port that modbus-serial's client talks to, in the form its own ports have. It sees nothing but
 * requests going out and one checked answer to each coming in.
 */
export class ModbusClientPort extends EventEmitter {
  readonly #below: Below;

  constructor(below: Below) {
    super();
    this.#below = below;
  }

  get isOpen(): boolean {
    return this.#below.isOpen();
  }

  open(done: (error?: unknown) => void): void {
    this.#below.open().then(() => done(), done);
  }

  close(done: (error?: unknown) => void): void {
    this.#below.close().then(() => done(), done);
  }

  write(frame: Uint8Array): void {
    this.#below.write(frame);
  }
}

/** A modbus-serial client on a port. */
export type ModbusClient = InstanceType<typeof modbus.default>;

/** Makes modbus-serial's client; it has no timeout of its own, the guarded port keeps time. */
export const modbusClient = (port: ModbusClientPort): ModbusClient => new modbus.default(port);

/** The exception code that modbus-serial puts on its error, if the error is one. */
export function exceptionCode(error: unknown): number | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, "modbusCode") : undefined;
  return typeof code === "number" ? code : undefined;
}
