import { Failure, type UtcMs } from "@busbar/protocol";
import { fieldsOf } from "../framing/dlt645/fields.ts";
import {
  anyAddress,
  control,
  encodeFrame,
  meansAddress,
  parseAddress,
} from "../framing/dlt645/frame.ts";
import { Dlt645Framer } from "../framing/dlt645/framer.ts";
import {
  type Dlt645Message,
  errorText,
  noSuchData,
  readMessage,
} from "../framing/dlt645/message.ts";
import { type Dlt645Value, decodeValues, identifierText } from "../framing/dlt645/values.ts";
import type { SerialSettings } from "../framing/line.ts";
import type { RequestLine } from "../framing/request-line.ts";
import type { Meter, MeterIdentity, MeterReading, RegisterValue } from "./reading.ts";
import { registerValue } from "./telegram-value.ts";

/** A block of values, and the one value of it that also meters without the block have. */
type Row = { readonly block?: number; readonly single: number };

/** What is read, the billing registers first: if the meter falls silent, the rest is left out. */
const rows: readonly Row[] = [
  { block: 0x0001ff00, single: 0x00010000 },
  { block: 0x0002ff00, single: 0x00020000 },
  { single: 0x00000000 },
  { block: 0x0203ff00, single: 0x02030000 },
  { block: 0x0201ff00, single: 0x02010100 },
  { block: 0x0202ff00, single: 0x02020100 },
  { single: 0x02800002 },
  { block: 0x0206ff00, single: 0x02060000 },
];
const meterNumber = 0x04000402;
const meterModel = 0x0400040b;

/** How meters leave the factory: §4.4 (2400 baud when nothing else was agreed). */
export const dlt645Serial: SerialSettings = { baud: 2400, parity: "even", stopBits: 1 };
/** §5.1.8 allows 500 ms before an answer and between two bytes; 212 bytes take 2 s at 1200 baud. */
export const dlt645Timing = { idleMs: 700, totalMs: 4000 } as const;

/** A wrong bit on the line is rare: what stays silent twice is not there. */
const attempts = 2;
/** Parts of a block; the longest known fits into two telegrams. */
const partsMax = 16;
const preamble = Uint8Array.of(0xfe, 0xfe, 0xfe, 0xfe);

type Answer = Exclude<Dlt645Message, { kind: "request" | "other" }>;
type Data = Extract<Dlt645Message, { kind: "data" }>;
type Found =
  | { readonly ok: true; readonly values: readonly Dlt645Value[] }
  | { readonly ok: false; readonly absent: boolean; readonly why: string };

/** A meter that speaks DL/T 645-2007. Without an address it is the only meter on its line. */
export class Dlt645Meter implements Meter {
  readonly #line: RequestLine;
  readonly #clock: () => UtcMs;
  readonly #configured: string | undefined;
  #address: string | undefined;
  /** Identifiers that this meter said it does not have. */
  readonly #absent = new Set<number>();

  /** Throws: `Failure` `meter.address` for what is no address. */
  constructor(options: {
    readonly line: RequestLine;
    readonly clock: () => UtcMs;
    /** Up to twelve digits, as on the plate. Default: the meter is asked for it. */
    readonly address?: string | undefined;
  }) {
    const { line, clock, address } = options;
    this.#line = line;
    this.#clock = clock;
    this.#configured = address === undefined ? undefined : checkedAddress(address);
    this.#address = this.#configured;
    line.retain();
  }

  async identify(): Promise<MeterIdentity> {
    const address = await this.#findAddress();
    this.#absent.clear();
    const number = await this.#text(meterNumber);
    const model = await this.#text(meterModel);
    const serialNumber = number === undefined || /^0*$/.test(number) ? address : number;
    return { profile: "dlt645-2007", serialNumber, ...(model === undefined ? {} : { model }) };
  }

  async read(): Promise<MeterReading> {
    await this.#findAddress();
    const values: RegisterValue[] = [];
    const unknown: string[] = [];
    let time: UtcMs | undefined;
    let silent = false;
    let refusals = 0;
    for (const [i, row] of rows.entries()) {
      const found: Found | undefined = silent ? undefined : await this.#row(row, i === 0);
      silent ||= found === undefined;
      if (!found?.ok) {
        refusals += found === undefined ? 0 : 1;
        unknown.push(...quantitiesOf(row.single));
        continue;
      }
      time ??= this.#clock();
      for (const { reading, raw } of found.values) {
        const value = registerValue(reading, [...raw]);
        if (value === undefined) unknown.push(reading.quantity);
        else values.push(value);
      }
    }
    if (refusals === rows.length) throw this.#refusedAll();
    return { time: time ?? this.#clock(), values, unknown };
  }

  close(): Promise<void> {
    return this.#line.release();
  }

  /** A row's values; undefined when the meter fell silent, which is thrown for the first row. */
  async #row({ block, single }: Row, first: boolean): Promise<Found | undefined> {
    try {
      if (block !== undefined) {
        const found = await this.#values(block);
        if (found.ok || !found.absent) return found;
      }
      return await this.#values(single);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "meter.timeout") throw error;
      // Another meter may hang there by now; a found address is looked for again.
      this.#address = this.#configured;
      if (first) throw error;
      return undefined;
    }
  }

  async #text(identifier: number): Promise<string | undefined> {
    const found = await this.#values(identifier);
    return found.ok ? found.values[0]?.reading.text : undefined;
  }

  async #values(identifier: number): Promise<Found> {
    const known = identifierText(identifier);
    if (this.#absent.has(identifier)) return { ok: false, absent: true, why: `no ${known}` };
    const parts: Uint8Array[] = [];
    for (let sequence = 0; sequence < partsMax; sequence += 1) {
      const answer = await this.#part(identifier, sequence);
      if (answer.kind === "refusal") {
        const absent = (answer.error & noSuchData) !== 0;
        if (absent) this.#absent.add(identifier);
        return { ok: false, absent, why: `${known}: ${errorText(answer.error)}` };
      }
      parts.push(answer.payload);
      if (answer.more) continue;
      const decoded = decodeValues(identifier, Buffer.concat(parts));
      return decoded.ok ? decoded : { ok: false, absent: true, why: decoded.message };
    }
    return { ok: false, absent: true, why: `${known} has no end after ${partsMax} parts` };
  }

  async #part(
    identifier: number,
    sequence: number,
  ): Promise<Data | Extract<Answer, { kind: "refusal" }>> {
    const next = sequence > 0;
    const data = new Uint8Array(next ? 5 : 4);
    new DataView(data.buffer).setUint32(0, identifier, true);
    if (next) data[4] = sequence;
    const code = next ? control.readNext : control.read;
    const answer = await this.#ask(
      { control: code, data },
      identifierText(identifier),
      (message) =>
        message.kind === "refusal" ||
        (message.kind === "data" &&
          message.identifier === identifier &&
          message.sequence === (next ? sequence : undefined)),
    );
    if (answer.kind === "address") throw new Error("an address answers no question for data");
    return answer;
  }

  async #findAddress(): Promise<string> {
    if (this.#address !== undefined) return this.#address;
    const answer = await this.#ask(
      { control: control.readAddress, data: new Uint8Array(0) },
      "its address (this works with one meter on the line only)",
      (message) => message.kind === "address",
    );
    if (answer.kind !== "address") throw new Error("only an address was waited for");
    this.#address = answer.address;
    return answer.address;
  }

  /** The first answer of this meter, to this kind of request, that `fits`. */
  #ask(
    request: { readonly control: number; readonly data: Uint8Array },
    what: string,
    fits: (message: Answer) => boolean,
  ): Promise<Answer> {
    const address = this.#address ?? anyAddress;
    return this.#line.ask({
      request: Buffer.concat([preamble, encodeFrame({ address, ...request })]),
      subject: `meter ${address} for ${what}`,
      attempts,
      reader: () => {
        const framer = new Dlt645Framer();
        return (bytes) => {
          for (const item of framer.push(bytes)) {
            if (item.kind === "damage" || !meansAddress(address, item.address)) continue;
            if ((item.control & 0x1f) !== request.control) continue;
            const read = readMessage(item);
            if (!read.ok || read.message.kind === "request" || read.message.kind === "other") {
              continue;
            }
            if (fits(read.message)) return read.message;
          }
          return undefined;
        };
      },
    });
  }

  #refusedAll(): Failure {
    const message = `meter ${this.#address} at ${this.#line.name} refuses every value that is read; is it a meter of DL/T 645-2007?`;
    return new Failure("meter.exception", message, { retry: "later" });
  }
}

function checkedAddress(text: string): string {
  const address = /^\d+$/.test(text) ? parseAddress(text) : undefined;
  if (address !== undefined) return address;
  const message = `a DL/T 645 address is one to twelve digits as on the meter's plate, got "${text}"`;
  throw new Failure("meter.address", message, { retry: "never" });
}

function quantitiesOf(identifier: number): string[] {
  for (let bytes = 1; bytes <= 8; bytes += 1) {
    const fields = fieldsOf(identifier, bytes);
    if (Array.isArray(fields)) return fields.map(({ quantity }) => quantity);
  }
  return [];
}
