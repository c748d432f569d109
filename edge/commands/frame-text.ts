import type { Trace } from "../framing/line.ts";
import { hex, type ModbusEntry, modbusEntry } from "../framing/modbus/capture.ts";
import { takeMbap } from "../framing/modbus/mbap.ts";
import { RtuFramer } from "../framing/modbus/rtu.ts";
import { timeText } from "./capture-file.ts";
import { wrap } from "./terminal.ts";

const indent = " ".repeat(15);

/**
 * Writes frames as they pass: time, direction, bytes, and for Modbus what they say. `write` gets
 * whole lines.
 */
export function frameWriter(options: {
  readonly width: number;
  /** How the bytes of a bus are to be understood; undefined: not at all. */
  readonly framing: (bus: string) => "rtu" | "tcp" | undefined;
  readonly write: (text: string) => void;
}): Trace {
  const { width, framing, write } = options;
  const listeners = new Map<string, Listener>();
  const listenerOf = (bus: string): Listener => {
    const known = listeners.get(bus) ?? new Listener(framing(bus));
    listeners.set(bus, known);
    return known;
  };
  return ({ bus, direction, bytes }) => {
    const arrow = direction === "sent" ? ">" : "<";
    write(`${wrap(`${timeText(new Date())} ${arrow} ${hex(bytes)}`, width, indent)}\n`);
    for (const entry of listenerOf(bus).hear(bytes)) {
      write(`${wrap(indent + frameWords(entry), width, indent)}\n`);
    }
  };
}

/** Follows one bus, both directions, so that an answer is understood by its question. */
class Listener {
  readonly #framing: "rtu" | "tcp" | undefined;
  readonly #framer = new RtuFramer();
  #rest = new Uint8Array(0);

  constructor(framing: "rtu" | "tcp" | undefined) {
    this.#framing = framing;
  }

  hear(bytes: Uint8Array): ModbusEntry[] {
    if (this.#framing === undefined) return [];
    const rtu = this.#framing === "rtu" ? [bytes] : this.#unpacked(bytes);
    return rtu.flatMap((chunk) =>
      Array.from(this.#framer.push(chunk), (item) => modbusEntry(item, undefined)),
    );
  }

  #unpacked(bytes: Uint8Array): Uint8Array[] {
    const taken = takeMbap(Uint8Array.of(...this.#rest, ...bytes));
    this.#rest = taken === "broken" ? new Uint8Array(0) : Uint8Array.from(taken.rest);
    return taken === "broken" ? [] : taken.frames.map(({ rtu }) => rtu);
  }
}

/** Source: Modbus Application Protocol V1.1b3 §7. */
const exceptions: Readonly<Record<number, string>> = {
  1: "illegal function",
  2: "illegal data address",
  3: "illegal data value",
  4: "device failure",
  5: "acknowledged, not done yet",
  6: "busy",
  8: "memory parity error",
  10: "gateway path unavailable",
  11: "gateway: target does not answer",
};

/** "read 80 input registers from 0 of unit 1", "unit 1 refuses: exception 2, illegal data address". */
export function frameWords(entry: ModbusEntry): string {
  if (!entry.ok) return entry.message;
  const { kind, unit, function: code, address, count, exception, registers } = entry;
  const from = address === undefined ? "" : ` from ${address}`;
  if (kind === "exception") {
    const name = exceptions[exception ?? 0] ?? "unknown";
    return `unit ${unit} refuses: exception ${exception}, ${name}`;
  }
  const kindOf = { 3: "holding registers", 4: "input registers" }[code];
  if (kindOf === undefined) return `${kind} of function ${code}, unit ${unit}`;
  return kind === "request"
    ? `read ${count} ${kindOf}${from} of unit ${unit}`
    : `unit ${unit} answers ${registers?.length ?? count} ${kindOf}${from}`;
}
