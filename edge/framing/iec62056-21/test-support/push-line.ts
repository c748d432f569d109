import { Failure } from "@busbar/protocol";
import type { Line, LineEvents } from "../../line.ts";

/** A line on which bytes come when the test says so. */
export class PushLine implements Line {
  opened = 0;
  closed = 0;
  present = true;
  readonly written: Uint8Array[] = [];
  #events: LineEvents | undefined;

  async open(events: LineEvents): Promise<void> {
    if (!this.present) throw new Failure("meter.port-missing", "no adapter", { retry: "later" });
    this.opened += 1;
    this.#events = events;
  }

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }

  async close(): Promise<void> {
    this.closed += 1;
    this.#events = undefined;
  }

  push(bytes: Uint8Array): void {
    this.#events?.data(bytes);
  }

  unplug(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.lost(new Error("unplugged"));
  }
}
