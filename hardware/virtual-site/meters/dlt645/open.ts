import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import { listen, type OpenBus } from "../listen.ts";
import { openPty } from "../pty.ts";
import { answer, type Dlt645Device } from "./device.ts";
import { RequestReader, writeFrame } from "./frame.ts";

/** Where the meters' line is: a pseudo-terminal, or a port as an RS-485 gateway opens it. */
export type Place =
  | { readonly kind: "pty"; readonly link: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export type Dlt645BusOptions = {
  readonly place: Place;
  readonly devices: readonly Dlt645Device[];
  /** FE bytes before an answer: 0 … 4, as makers differ. Default 4. */
  readonly leaders?: number;
  /** From a request to its answer. The standard allows 20 … 500. */
  readonly turnaroundMs?: number;
  /** Whether the adapter gives back what it sends, as two-wire adapters without switch do. */
  readonly echo?: boolean;
  readonly onLost: (failure: Failure) => void;
};

/** Pause that ends a request which was cut; the standard allows 500 between two bytes. */
const silenceMs = 500;

/** Opens a line with simulated meters of DL/T 645-2007 on it. */
export function openDlt645Bus(options: Dlt645BusOptions): Promise<OpenBus> {
  const { place, onLost } = options;
  const onLine = (stream: Duplex) => attach(stream, options);
  return place.kind === "pty"
    ? openPty({ link: place.link, onLine, onLost })
    : listen({ host: place.host, port: place.port, onConnection: onLine });
}

function attach(stream: Duplex, options: Dlt645BusOptions): void {
  const { devices, leaders = 4, turnaroundMs = 20, echo = false } = options;
  const reader = new RequestReader();
  const timers = new Set<NodeJS.Timeout>();
  let quiet: NodeJS.Timeout | undefined;
  const send = (bytes: Uint8Array, ms: number): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (stream.writable) stream.write(bytes);
    }, ms);
    timers.add(timer);
  };
  stream.on("data", (bytes: Buffer) => {
    clearTimeout(quiet);
    if (echo) stream.write(bytes);
    for (const request of reader.push(bytes)) {
      for (const device of devices) {
        const frame = answer(device, request);
        if (frame !== undefined) send(writeFrame(frame, leaders), turnaroundMs);
      }
    }
    quiet = setTimeout(() => reader.silence(), silenceMs);
  });
  stream.on("close", () => {
    clearTimeout(quiet);
    for (const timer of timers) clearTimeout(timer);
  });
}
