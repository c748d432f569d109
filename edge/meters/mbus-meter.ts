import { Failure, type UtcMs } from "@busbar/protocol";
import type { SerialSettings } from "../framing/line.ts";
import { command, encodeShort, respondUserData, selectedAddress } from "../framing/mbus/frame.ts";
import { MbusFramer } from "../framing/mbus/framer.ts";
import { encodeSelect, meansMeter, parseSecondary } from "../framing/mbus/header.ts";
import {
  type MbusAnswer,
  type MbusValue,
  readAnswer,
  withoutClashes,
} from "../framing/mbus/values.ts";
import type { RequestLine } from "../framing/request-line.ts";
import type { Meter, MeterIdentity, MeterReading, RegisterValue } from "./reading.ts";
import { registerValue } from "./telegram-value.ts";

/** How meters leave the factory: EN 13757-2 §4. */
export const mbusSerial: SerialSettings = { baud: 2400, parity: "even", stopBits: 1 };
/** An answer starts within 330 bits + 50 ms (1.2 s at 300 baud) and takes 9.6 s there. */
export const mbusTiming = { idleMs: 1200, totalMs: 12_000 } as const;

/** A wrong bit on the line is rare: what stays silent twice is not there. */
const attempts = 2;
/** Telegrams of one reading; the talkative meters known send some ten. */
const telegramsMax = 32;

type Place =
  | { readonly kind: "primary"; readonly address: number }
  | { readonly kind: "secondary"; readonly pattern: string };
type Read = {
  readonly answers: readonly MbusAnswer[];
  readonly time: UtcMs;
  readonly whole: boolean;
};

/** A meter on a wired M-Bus, by its primary address or selected by its secondary one. */
export class MbusMeter implements Meter {
  readonly #line: RequestLine;
  readonly #clock: () => UtcMs;
  readonly #place: Place;
  /** Quantities of the last whole reading: what a later one lacks is unknown. */
  #known: readonly string[] = [];

  /** Throws: `Failure` `meter.address` for what is no address. */
  constructor(options: {
    readonly line: RequestLine;
    readonly clock: () => UtcMs;
    /** "0" … "250", "254" for the only meter, or eight or sixteen digits (F: any) to select by. */
    readonly address: string;
  }) {
    this.#line = options.line;
    this.#clock = options.clock;
    this.#place = placeOf(options.address);
    options.line.retain();
  }

  async identify(): Promise<MeterIdentity> {
    const { answers } = await this.#answers({ telegrams: 1 });
    const meter = answers[0]?.header.meter;
    if (meter === undefined) return { profile: "mbus" };
    const model = `${meter.manufacturer} version ${meter.version}`;
    return { profile: "mbus", serialNumber: meter.id, model };
  }

  async read(): Promise<MeterReading> {
    const { answers, time, whole } = await this.#answers({ telegrams: telegramsMax });
    const all: MbusValue[] = withoutClashes(answers.flatMap((answer) => answer.values));
    const values: RegisterValue[] = [];
    const unknown = new Set<string>();
    for (const { reading, raw } of all) {
      if (reading.text !== undefined) continue;
      const value = registerValue(reading, [...raw]);
      if (value === undefined) unknown.add(reading.quantity);
      else values.push(value);
    }
    const there = new Set(values.map(({ quantity }) => quantity));
    for (const quantity of this.#known) if (!there.has(quantity)) unknown.add(quantity);
    if (whole) this.#known = [...there];
    return { time, values, unknown: [...unknown] };
  }

  close(): Promise<void> {
    return this.#line.release();
  }

  /** The telegrams of one reading, from the first; not `whole` when the meter fell silent. */
  async #answers({ telegrams }: { readonly telegrams: number }): Promise<Read> {
    const address = await this.#restart();
    const answers: MbusAnswer[] = [];
    let time: UtcMs | undefined;
    // The bit tells the meter that its last telegram arrived; the first after a reset has it set.
    let fcb = true;
    try {
      while (answers.length < telegrams) {
        const answer = await this.#request(address, fcb);
        time ??= this.#clock();
        answers.push(answer);
        if (!answer.more) return { answers, time, whole: true };
        fcb = !fcb;
      }
    } catch (error) {
      const silent = error instanceof Failure && error.code === "meter.timeout";
      if (!silent || time === undefined) throw error;
    }
    return { answers, time: time ?? this.#clock(), whole: false };
  }

  /** Puts the meter back to its first telegram; returns the address that it answers at. */
  async #restart(): Promise<number> {
    if (this.#place.kind === "primary") {
      await this.#reset(this.#place.address);
      return this.#place.address;
    }
    await this.#reset(selectedAddress);
    const { pattern } = this.#place;
    await this.#confirmed(encodeSelect(pattern), `select meter ${pattern}`, attempts);
    return selectedAddress;
  }

  /** Not every meter confirms a reset, and nobody does when none was selected. */
  async #reset(address: number): Promise<void> {
    const request = encodeShort(command.sendNke, address);
    try {
      await this.#confirmed(request, `reset meter ${address}`, 1);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "meter.timeout") throw error;
    }
  }

  #confirmed(request: Uint8Array, subject: string, times: number): Promise<true> {
    return this.#line.ask({
      request,
      subject,
      attempts: times,
      reader: () => {
        const framer = new MbusFramer();
        return (bytes) => {
          for (const item of framer.push(bytes)) if (item.kind === "acknowledge") return true;
          return undefined;
        };
      },
    });
  }

  /** Throws: `Failure` `meter.exception` for an answer that says no or that cannot be read. */
  async #request(address: number, fcb: boolean): Promise<MbusAnswer> {
    const control = command.requestUserData | (fcb ? command.fcb : 0);
    const found = await this.#line.ask({
      request: encodeShort(control, address),
      subject: `read meter ${this.#name()}`,
      attempts,
      reader: () => {
        const framer = new MbusFramer();
        return (bytes) => {
          for (const item of framer.push(bytes)) {
            if (item.kind !== "long" || (item.control & 0x0f) !== respondUserData) continue;
            const addressed = address <= 250 && item.address !== address;
            if (addressed) continue;
            const answer = readAnswer(item.ci, item.data);
            if (answer.ok && !this.#isMeant(answer)) continue;
            return answer;
          }
          return undefined;
        };
      },
    });
    if (found.ok) return found;
    const message = `meter ${this.#name()} at ${this.#line.name}: ${found.message}`;
    throw new Failure("meter.exception", message, { retry: "later" });
  }

  #isMeant({ header }: MbusAnswer): boolean {
    if (this.#place.kind === "primary" || header.meter === undefined) return true;
    return meansMeter(this.#place.pattern, header.meter);
  }

  #name(): string {
    return this.#place.kind === "primary" ? String(this.#place.address) : this.#place.pattern;
  }
}

function placeOf(text: string): Place {
  const number = Number(text);
  if (/^\d{1,3}$/.test(text) && (number <= 250 || number === 254)) {
    return { kind: "primary", address: number };
  }
  const pattern = parseSecondary(text);
  if (pattern !== undefined) return { kind: "secondary", pattern };
  const message = `an M-Bus address is 0 to 250, 254 for the only meter, or eight (or sixteen) digits of the secondary address, got "${text}"`;
  throw new Failure("meter.address", message, { retry: "never" });
}
