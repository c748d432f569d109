import type { UtcMs } from "@busbar/protocol";
import { parseReadout } from "../framing/iec62056-21/content.ts";
import { ShapeGuard, shapeOf } from "../framing/iec62056-21/data-sets.ts";
import { type Identification, type IecMessage, iecFramer } from "../framing/iec62056-21/frame.ts";
import type { LinePort } from "../framing/iec62056-21/line-port.ts";
import { ReadoutSession } from "../framing/iec62056-21/readout.ts";
import { reasonsText, TelegramListener } from "../framing/iec62056-21/telegram-listener.ts";
import type { SerialSettings } from "../framing/line.ts";
import type { Meter, MeterIdentity, MeterReading } from "./reading.ts";
import { readoutValues } from "./readout-values.ts";

/**
 * 7E1 on the wire, at the speed that modes A to C start with. The line is set to 8N1 and the parity
 * bit made and checked here: a driver that is set to 7E1 drops a bad character without a word.
 */
export const iecSerial: SerialSettings = { baud: 300, parity: "none", stopBits: 1 };
/** The same for a meter that pushes (mode D). */
export const iecPushSerial: SerialSettings = { baud: 2400, parity: "none", stopBits: 1 };

type Common = {
  readonly profile: string;
  readonly port: LinePort;
  /** The reading's time. */
  readonly clock: () => UtcMs;
  /** What energies without a unit are, for a meter whose papers say it. Default: unknown. */
  readonly energyUnit?: "Wh" | "kWh";
};

export type Iec62056MeterOptions = Common & {
  /** Device address; default "", whichever meter is there. */
  readonly address?: string;
  /** Default "auto": what the meter proposes. */
  readonly mode?: "auto" | "A" | "B" | "C";
  /** Default 300. */
  readonly startBaud?: number;
  /** The fastest that the optical head takes. Default 19 200. */
  readonly baudMax?: number;
  /**
   * Who makes the parity bit: this driver, or a line that is itself set to 7E1, such as a gateway's
   * (or 8N1 meters, which have none). Default: as the meter's first answer shows.
   */
  readonly parityBy?: "unit" | "line";
  /** The longest that a readout may take. Default 5 min. */
  readonly readoutMs?: number;
  /** Silence before a request, in which the meter gets back to its start speed. Default 1500. */
  readonly pauseMs?: number;
};

/** For so long a readout is what the meter shows now. */
const freshMs = 1000;
/** More readouts than a change of the meter's shape needs: what differs each time is damage. */
const readoutsMax = 3;

type Told = {
  readonly identification: Identification;
  readonly text: string;
  readonly time: UtcMs;
};

/**
 * A meter that is asked for its readout (modes A, B, C). The block check has 7 bits, which lets one
 * in 128 badly damaged readouts pass; so one that differs in shape from those before is read again.
 */
export class Iec62056Meter implements Meter {
  readonly #options: Iec62056MeterOptions;
  readonly #session: ReadoutSession;
  readonly #guard = new ShapeGuard();
  #identifiedAt: UtcMs;
  /** The readout that told who the meter is, and when it ended on the line's clock. */
  #last: { readonly told: Told; readonly endedMs: number } | undefined;

  constructor(options: Iec62056MeterOptions) {
    this.#options = options;
    const { port, clock } = options;
    this.#identifiedAt = clock();
    port.retain();
    this.#session = new ReadoutSession({
      port,
      address: options.address ?? "",
      mode: options.mode ?? "auto",
      startBaud: options.startBaud ?? 300,
      baudMax: options.baudMax ?? 19_200,
      parityBy: options.parityBy,
      readoutMs: options.readoutMs ?? 300_000,
      pauseMs: options.pauseMs ?? 1500,
      identified: () => {
        this.#identifiedAt = clock();
      },
    });
  }

  async identify(): Promise<MeterIdentity> {
    const told = await this.#readout();
    this.#last = { told, endedMs: this.#options.port.timers.now() };
    return identityOf(this.#options.profile, told);
  }

  /**
   * The readout that an identification just before took is this reading too: at 300 baud another one
   * takes minutes.
   * Throws: besides what `Meter` says `meter.garbled` when no two readouts agree or a check fails.
   */
  async read(): Promise<MeterReading> {
    const last = this.#last;
    this.#last = undefined;
    const fresh = last !== undefined && this.#options.port.timers.now() - last.endedMs < freshMs;
    return readingOf(fresh ? last.told : await this.#readout(), this.#options.energyUnit);
  }

  async close(): Promise<void> {
    await this.#options.port.release();
    this.#session.end();
  }

  #readout(): Promise<Told> {
    const { port } = this.#options;
    return port.exclusive(async () => {
      for (let left = readoutsMax; left > 0; left -= 1) {
        const { identification, text } = await this.#session.read();
        const { data } = parseReadout(text, identification);
        if (this.#guard.passes(shapeOf(data))) {
          return { identification, text, time: this.#identifiedAt };
        }
      }
      const text = `${readoutsMax} readouts differ in their codes or digits; the line damages them: clean and centre the optical head`;
      throw port.failure("meter.garbled", text, "now");
    });
  }
}

export type Iec62056PushMeterOptions = Common & {
  /** How long to wait for a readout. Default 25 s. */
  readonly telegramMs?: number;
};

/**
 * A meter that sends its readout by itself (mode D). There is no block check: what counts is parity,
 * lines that are data sets throughout, and a shape that two readouts in a row have shown.
 */
export class Iec62056PushMeter implements Meter {
  readonly #options: Iec62056PushMeterOptions;
  readonly #listener: TelegramListener<IecMessage>;

  constructor(options: Iec62056PushMeterOptions) {
    this.#options = options;
    const { port, telegramMs = 25_000 } = options;
    const guard = new ShapeGuard();
    port.retain();
    this.#listener = new TelegramListener<IecMessage>({
      port,
      framer: () => iecFramer("pushed"),
      admit: (message) =>
        message.kind === "push" &&
        guard.passes(shapeOf(parseReadout(message.text, message.identification).data)),
      silent: (heard) =>
        heard.bytes === 0
          ? "no byte came; check how the optical head sits, and that the meter sends by itself"
          : `${heard.bytes} bytes came but ${reasonsText(heard) || "no whole readout"}; check the speed, and that the meter sends by itself (mode D)`,
      telegramMs,
    });
  }

  async identify(): Promise<MeterIdentity> {
    return identityOf(this.#options.profile, await this.#next());
  }

  async read(): Promise<MeterReading> {
    return readingOf(await this.#next(), this.#options.energyUnit);
  }

  async close(): Promise<void> {
    await this.#options.port.release();
    this.#listener.end();
  }

  async #next(): Promise<Told> {
    const message = await this.#listener.next();
    if (message.kind !== "push") return this.#next();
    return { ...message, time: this.#options.clock() };
  }
}

function identityOf(profile: string, { identification, text }: Told): MeterIdentity {
  const { serialNumber, model } = parseReadout(text, identification);
  return {
    profile,
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(model === undefined ? {} : { model }),
  };
}

function readingOf(told: Told, energyUnit: "Wh" | "kWh" | undefined): MeterReading {
  const { readings } = parseReadout(told.text, told.identification);
  return { time: told.time, ...readoutValues(readings, energyUnit) };
}
