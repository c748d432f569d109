import { Failure } from "@busbar/protocol";
import { SerialPort } from "serialport";
import type { Line, LineEvents, SerialSettings } from "./line.ts";
import { directBinding } from "./serial-binding.ts";

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
    const { baud: baudRate, parity, stopBits, dataBits = 8 } = this.#settings;
    const settings = {
      path: this.#path,
      ...{ baudRate, parity, stopBits, dataBits },
      lock: true,
      autoOpen: false,
      // An option that serialport's own types leave out.
      binding: directBinding,
    };
    const port = new SerialPort(settings);
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

  async setBaud(baud: number): Promise<void> {
    const port = this.#port;
    if (port === undefined) throw this.#gone(undefined);
    const settled = (start: (done: (error: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => {
        start((error) => (error ? reject(this.#gone(error)) : resolve()));
      });
    await settled((done) => port.drain(done));
    await settled((done) => port.update({ baudRate: baud }, done));
  }

  close(): Promise<void> {
    const port = this.#port;
    this.#port = undefined;
    if (port === undefined || !port.isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      port.close(() => resolve());
    });
  }

  #gone(cause: unknown): Failure {
    const message = `${this.#path} went away while its speed was changed; it is opened again when it is back`;
    return new Failure("meter.port-lost", message, { retry: "later", cause });
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
  const reason = text.includes("no such")
    ? "is not there; is the adapter plugged in?"
    : text.includes("ioctl")
      ? "is no serial port; busbar-edge scan shows those of this machine"
      : `cannot be opened (${cause.message}); is the adapter plugged in?`;
  const message = `${path} ${reason}`;
  return new Failure("meter.port-missing", message, { retry: "later", cause });
}
