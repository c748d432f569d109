import type { UtcMs } from "@busbar/protocol";
import { type Checksum, type DsmrTelegram, dsmrFramer } from "../framing/dsmr/frame.ts";
import { centralEuropeMinutes, parseDsmr } from "../framing/dsmr/parse.ts";
import { parseDataSets, ShapeGuard, shapeOf } from "../framing/iec62056-21/data-sets.ts";
import type { LinePort } from "../framing/iec62056-21/line-port.ts";
import {
  type Heard,
  reasonsText,
  TelegramListener,
} from "../framing/iec62056-21/telegram-listener.ts";
import type { SerialSettings } from "../framing/line.ts";
import type { Meter, MeterIdentity, MeterReading } from "./reading.ts";
import { readoutValues } from "./readout-values.ts";

/** P1 from DSMR 4 on; DSMR 2.2 and 3 use `dsmrSerial22`. */
export const dsmrSerial: SerialSettings = { baud: 115_200, parity: "none", stopBits: 1 };
/** 7E1 on the wire. The line is set to 8N1, for then a wrong parity bit is seen and not dropped. */
export const dsmrSerial22: SerialSettings = { baud: 9600, parity: "none", stopBits: 1 };

export type DsmrMeterOptions = {
  readonly profile: string;
  readonly port: LinePort;
  /** The reading's time. */
  readonly clock: () => UtcMs;
  /** "optional" for DSMR 2.2 and 3, which send none. Default "required". */
  readonly checksum?: Checksum;
  /** How long to wait for a telegram; meters send every 1 s to 10 s. Default 25 s. */
  readonly telegramMs?: number;
  /** Offset of winter time from UTC; default central Europe's. */
  readonly standardMinutes?: number;
};

/** A smart meter's customer port (P1), which sends a telegram every 1 s to 10 s by itself. */
export class DsmrMeter implements Meter {
  readonly #options: DsmrMeterOptions;
  readonly #listener: TelegramListener<DsmrTelegram>;

  constructor(options: DsmrMeterOptions) {
    this.#options = options;
    const { port, checksum = "required", telegramMs = 25_000 } = options;
    const guard = new ShapeGuard();
    port.retain();
    this.#listener = new TelegramListener<DsmrTelegram>({
      port,
      framer: () => dsmrFramer(checksum),
      admit: ({ checked, text }) => checked || guard.passes(shapeOf(parseDataSets(text))),
      fatal: (reason) =>
        reason === "encrypted"
          ? port.failure("meter.encrypted", encryptedText, "later")
          : undefined,
      silent,
      telegramMs,
    });
  }

  async identify(): Promise<MeterIdentity> {
    const { serialNumber, model } = this.#parse(await this.#listener.next());
    const { profile } = this.#options;
    return { profile, ...(serialNumber === undefined ? {} : { serialNumber }), model };
  }

  async read(): Promise<MeterReading> {
    const telegram = await this.#listener.next();
    const time = this.#options.clock();
    return { time, ...readoutValues(this.#parse(telegram).readings) };
  }

  async close(): Promise<void> {
    await this.#options.port.release();
    this.#listener.end();
  }

  #parse(telegram: DsmrTelegram) {
    return parseDsmr(telegram, this.#options.standardMinutes ?? centralEuropeMinutes);
  }
}

const encryptedText =
  "the meter sends encrypted telegrams, as in Luxembourg and Austria; ask the grid operator for the key and put a decrypting adapter before this port";

function silent(heard: Heard): string {
  if (heard.bytes === 0) {
    return "no byte came; check that the cable is a P1 cable (data request on pin 2 powered) and the port is switched on";
  }
  if (heard.reasons.has("no-crc")) {
    return "the telegrams have no checksum; for a DSMR 2.2 or 3 meter choose its profile";
  }
  const reasons = reasonsText(heard);
  const what = reasons === "" ? "no whole telegram" : reasons;
  return `${heard.bytes} bytes came but ${what}; check the baud rate and that the cable inverts the signal`;
}
