import type { Duplex } from "node:stream";
import type { Failure } from "@busbar/protocol";
import { listen, type OpenBus } from "../listen.ts";
import { openPty } from "../pty.ts";
import { type MbusDevice, MbusStation } from "./device.ts";
import { RequestReader } from "./frame.ts";

/** Where the level converter is: a pseudo-terminal, or a port as a gateway opens it. */
export type Place =
  | { readonly kind: "pty"; readonly link: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export type MbusBusOptions = {
  readonly place: Place;
  readonly devices: readonly MbusDevice[];
  /** From a request to its answer. The standard allows 11 … 330 bits and 50 ms more. */
  readonly turnaroundMs?: number;
  /** Changes what is sent, as a bad line does; `count` counts the answers from 1. */
  readonly spoil?: (answer: Uint8Array, count: number) => Uint8Array;
  readonly onLost: (failure: Failure) => void;
};

/** Pause that ends a request which was cut: 33 bits at 300 baud, and more. */
const silenceMs = 200;

/** Opens a wired M-Bus with simulated meters on it. All meters that are meant answer at once. */
export function openMbus(options: MbusBusOptions): Promise<OpenBus> {
  const { place, onLost } = options;
  const stations = options.devices.map((device) => new MbusStation(device));
  const onLine = (stream: Duplex) => attach(stream, stations, options);
  return place.kind === "pty"
    ? openPty({ link: place.link, onLine, onLost })
    : listen({ host: place.host, port: place.port, onConnection: onLine });
}

function attach(
  stream: Duplex,
  stations: readonly MbusStation[],
  { turnaroundMs = 15, spoil = (answer) => answer }: MbusBusOptions,
): void {
  const reader = new RequestReader();
  const timers = new Set<NodeJS.Timeout>();
  let quiet: NodeJS.Timeout | undefined;
  let count = 0;
  const send = (bytes: Uint8Array): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (stream.writable) stream.write(bytes);
    }, turnaroundMs);
    timers.add(timer);
  };
  stream.on("data", (bytes: Buffer) => {
    clearTimeout(quiet);
    for (const request of reader.push(bytes)) {
      for (const station of stations) {
        const answer = station.answer(request);
        if (answer === undefined) continue;
        count += 1;
        send(spoil(answer, count));
      }
    }
    quiet = setTimeout(() => reader.silence(), silenceMs);
  });
  stream.on("close", () => {
    clearTimeout(quiet);
    for (const timer of timers) clearTimeout(timer);
  });
}
