import { type ChildProcess, spawn } from "node:child_process";
import { Failure } from "@busbar/protocol";
import type { Actuator } from "./actuator.ts";
import type { Range } from "./plan.ts";

/** A relay on a GPIO line that switches a load off while it is set. */
export type RelayLine = {
  readonly id: string;
  readonly chip: string;
  readonly offset: number;
  readonly activeLow: boolean;
  readonly range: Range;
};

/** gpioset fails at once where the line cannot be had; what lives so long has it. */
const settleMs = 300;

/**
 * Holds a GPIO line through libgpiod's gpioset for as long as an order lasts. When it, or the unit, ends in
 * any way, the kernel lets go of the line and the relay falls back: that is the safe state.
 */
export class GpioActuator implements Actuator {
  readonly id: string;
  readonly range: Range;
  readonly #line: RelayLine;
  readonly #program: string;
  #child: ChildProcess | undefined;

  /** `program`: gpioset, by name or path. */
  constructor(line: RelayLine, program = "gpioset") {
    this.id = line.id;
    this.range = line.range;
    this.#line = line;
    this.#program = program;
  }

  /** Any limit switches the load off: a relay knows nothing between. */
  async hold(): Promise<void> {
    if (this.#child !== undefined && this.#child.exitCode === null) return;
    const { chip, offset, activeLow } = this.#line;
    // libgpiod 2: it holds the line until it is ended.
    const args = ["--chip", chip, ...(activeLow ? ["--active-low"] : []), `${offset}=1`];
    const child = spawn(this.#program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let complaint = "";
    child.stderr.on("data", (bytes: Buffer) => {
      complaint = (complaint + bytes.toString()).slice(-300);
    });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code) => resolve(complaint.trim() || `it ended with ${code}`));
    });
    const settled = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), settleMs).unref();
    });
    const why = await Promise.race([ended, settled]);
    if (why === undefined) return;
    this.#child = undefined;
    const message = `${this.id}: line ${offset} of ${chip} cannot be set (${why}); install libgpiod 2's gpioset and see who else has the line`;
    throw new Failure("demand.actuator", message, { retry: "later" });
  }

  async release(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    await ended;
  }

  close(): Promise<void> {
    return this.release();
  }
}
