import { decodeMessage, type Message, obis, openFrame } from "@busbar/protocol";
import { Violation } from "./auditor.ts";
import { hourMs } from "./market-site.ts";

export type Energy = { readonly importWh: number; readonly exportWh: number };

/** What the signed readings of a life say, read from the blocks' frames alone. */
export class MarketMeters {
  /** Registers by meter and instant. */
  readonly #registers = new Map<string, Map<number, Energy>>();

  /** Throws: `Violation` for an instant that a meter shows twice. */
  take(frame: Uint8Array): void {
    const message = messageIn(frame, "readings");
    if (message === undefined) return;
    const known = this.#registers.get(message.meter) ?? new Map<number, Energy>();
    this.#registers.set(message.meter, known);
    for (const { time, registers } of message.entries) {
      if (known.has(time)) throw new Violation(`${message.meter} shows ${time} twice`);
      const at = (code: string) => registers.get(code)?.[0] ?? 0;
      known.set(time, { importWh: at(obis.importEnergy), exportWh: at(obis.exportEnergy) });
    }
  }

  /** What flowed in [from, to); throws: `Violation` where no reading says it. */
  between(meter: string, from: number, to: number): Energy {
    const [before, after] = [from, to].map((time) => this.#registers.get(meter)?.get(time));
    if (before === undefined || after === undefined) {
      throw new Violation(`no readings of ${meter} reach from ${from} to ${to}`);
    }
    return {
      importWh: after.importWh - before.importWh,
      exportWh: after.exportWh - before.exportWh,
    };
  }

  /** In the hour that starts then. */
  inSlot(meter: string, slot: number): Energy {
    return this.between(meter, slot, slot + hourMs);
  }
}

/** The message of a frame, if it is of this kind. */
export function messageIn<K extends "readings" | "quote-reveal" | "demand-order">(
  frame: Uint8Array,
  kind: K,
): Message<K> | undefined {
  const opened = openFrame(frame);
  if (!opened.ok || opened.frame.kind !== kind) return undefined;
  const decoded = decodeMessage(kind, opened.frame.envelope.payload);
  return decoded.ok ? (decoded.message as Message<K>) : undefined;
}
