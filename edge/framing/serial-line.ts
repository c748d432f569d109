import { Failure } from "@busbar/protocol";
import { SerialPort } from "serialport";
import type { Line, LineEvents, SerialSettings } from "./line.ts";

/** A serial port of this machine, opened for us alone. */
export class SerialLine implements Line {
  readonly #path: string;
  readonly #settings: SerialSettings;
  #port: SerialPort | undefined;

  constructor(path: string, settings: SerialSettings) {
    this.#path = path;
    this.#settings = settings;
  }

  open(events: LineEvents): Promise<void> {
    const { baud: baudRate, parity, stopBits } = this.#settings;
    const port = new SerialPort({
      path: this.#path,
      baudRate,
      parity,
      stopBits,
      dataBits: 8,
      lock: true,
      autoOpen: false,
    });
    port.on("data", (bytes: Buffer) => events.data(bytes));
    // Unplugging shows as an error, as a close, or as both: the owner hears of the first.
    const lost = (cause: unknown) => {
      if (this.#port !== port) return;
      this.#port = undefined;
      if (port.isOpen) port.close(() => {});
      events.lost(cause);
    };
    port.on("error", lost);
    port.on("close", lost);
    return new Promise((resolve, reject) => {
      port.open((error) => {
        if (error) return reject(openFailure(this.#path, error));
        this.#port = port;
        resolve();
      });
    });
  }

  write(bytes: Uint8Array): void {
    this.#port?.write(Buffer.from(bytes));
  }

  close(): Promise<void> {
    const port = this.#port;
    this.#port = undefined;
    if (port === undefined || !port.isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      port.close(() => resolve());
    });
  }
}

function openFailure(path: string, cause: Error): Failure {
  const text = cause.message.toLowerCase();
  if (text.includes("permission") || text.includes("access")) {
    const message = `no permission to open ${path}; add this user to the group that owns it (often dialout)`;
    return new Failure("meter.port-denied", message, { retry: "later", cause });
  }
  if (text.includes("lock") || text.includes("busy")) {
    const message = `${path} is in use by another program; stop that program`;
    return new Failure("meter.port-busy", message, { retry: "later", cause });
  }
  const message = `${path} cannot be opened (${cause.message}); is the adapter plugged in?`;
  return new Failure("meter.port-missing", message, { retry: "later", cause });
}
