import type { Quantities } from "../quantities.ts";
import { confirmation, type Request, writeAnswer } from "./frame.ts";

/** A simulated electricity meter on the M-Bus. */
export type MbusDevice = {
  /** Primary address, 0 … 250. */
  readonly address: number;
  /** Eight digits. */
  readonly id: string;
  /** Three letters. */
  readonly manufacturer: string;
  readonly version: number;
  /** What the meter measures now, in V, A, W, Hz, Wh. Quantities without a value are sent as unknown. */
  readonly measure: () => Quantities;
  /** Whether it confirms a reset (SND_NKE), as it should. Default yes. */
  readonly confirmsReset?: boolean;
  /** Records in one telegram; the rest follows in further ones. Default: all that fit. */
  readonly recordsMax?: number;
};

/** A record: the bytes before the value, digits of the value and steps of the last one in a base unit. */
type Row = {
  readonly quantity: string;
  readonly head: readonly number[];
  readonly coding: "bcd" | "integer" | "real";
  readonly bytes: number;
  readonly steps: number;
};

const phaseRows: readonly Row[] = [1, 2, 3].flatMap((phase): Row[] => [
  // FDh 48h: tenths of a volt; FDh 59h: milliamperes; 2Bh: watts; FCh 0nh: at phase n.
  row(`voltage.l${phase}`, [0x02, 0xfd, 0xc8, 0xfc, phase], "integer", 2, 10),
  row(`current.l${phase}`, [0x04, 0xfd, 0xd9, 0xfc, phase], "integer", 4, 1000),
  row(`power.l${phase}`, [0x04, 0xab, 0xfc, phase], "integer", 4, 1),
]);

const rows: readonly Row[] = [
  // 04h: steps of 10 Wh; 3Ch: counted while the flow was backward.
  row("energy.import.total", [0x0e, 0x04], "bcd", 6, 0.1),
  row("energy.export.total", [0x0e, 0x84, 0x3c], "bcd", 6, 0.1),
  row("power.total", [0x04, 0x2b], "integer", 4, 1),
  ...phaseRows,
  row("frequency", [0x05, 0xfb, 0x2f], "real", 4, 1),
];

function row(
  quantity: string,
  head: readonly number[],
  coding: Row["coding"],
  bytes: number,
  steps: number,
): Row {
  return { quantity, head, coding, bytes, steps };
}

const code = { reset: 0x40, selectOrSend: [0x53, 0x73], read: [0x5b, 0x7b] } as const;
const anySelected = 253;
const onlyMeter = 254;
const recordBytesMax = 252 - 12 - 1;

/** A meter's side of the link: whether it is selected, and which telegram it sends next. */
export class MbusStation {
  readonly #device: MbusDevice;
  #selected = false;
  #telegram = 0;
  #lastFcb: number | undefined;
  #access = 0;

  constructor(device: MbusDevice) {
    this.#device = device;
  }

  /** The meter's answer, or undefined when it is not meant. */
  answer(request: Request): Uint8Array | undefined {
    if (request.ci === 0x52 && request.address === anySelected) return this.#select(request);
    const { address, confirmsReset = true } = this.#device;
    const bySelection = request.address === anySelected && this.#selected;
    if (!bySelection && request.address !== address && request.address !== onlyMeter) {
      return undefined;
    }
    if (request.control === code.reset) {
      this.#selected = false;
      this.#restart();
      return confirmsReset ? confirmation : undefined;
    }
    if (!code.read.some((control) => control === request.control)) return undefined;
    return this.#read(request.control);
  }

  #select({ control, data }: Request): Uint8Array | undefined {
    if (!code.selectOrSend.some((known) => known === control)) return undefined;
    const own = this.#identity();
    this.#selected =
      data.length === 8 &&
      own.every((byte, i) => {
        const asked = data[i] ?? 0;
        if (i >= 4) return asked === 0xff || asked === byte;
        // In the digits of the id, F stands for any.
        return [0xf0, 0x0f].every(
          (mask) => (asked & mask) === mask || (asked & mask) === (byte & mask),
        );
      });
    this.#restart();
    return this.#selected ? confirmation : undefined;
  }

  #restart(): void {
    this.#telegram = 0;
    this.#lastFcb = undefined;
  }

  /** The same count bit asks for the same telegram again. */
  #read(control: number): Uint8Array {
    const parts = this.#parts();
    if (this.#lastFcb !== undefined && this.#lastFcb !== control) {
      this.#telegram = (this.#telegram + 1) % parts.length;
    }
    this.#lastFcb = control;
    this.#access = (this.#access + 1) % 256;
    const more = this.#telegram < parts.length - 1 ? [0x1f] : [];
    const part = parts[this.#telegram] ?? [];
    const data = Uint8Array.of(...this.#identity(), this.#access, 0, 0, 0, ...part, ...more);
    return writeAnswer(this.#device.address, data);
  }

  /** The records, in as many telegrams as they need. */
  #parts(): number[][] {
    const { measure, recordsMax = Number.POSITIVE_INFINITY } = this.#device;
    const found = measure();
    const parts: number[][] = [];
    let count = 0;
    for (const { quantity, head, coding, bytes, steps } of rows) {
      const value = found.get(quantity);
      const record = [
        ...head,
        ...valueBytes(value === undefined ? value : value * steps, coding, bytes),
      ];
      const last = parts.at(-1);
      if (
        last === undefined ||
        count >= recordsMax ||
        last.length + record.length > recordBytesMax
      ) {
        parts.push(record);
        count = 1;
      } else {
        last.push(...record);
        count += 1;
      }
    }
    return parts;
  }

  #identity(): number[] {
    const { id, manufacturer, version } = this.#device;
    const digits = (id.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).reverse();
    const letters = [...manufacturer].reduce((all, l) => all * 32 + (l.charCodeAt(0) - 64), 0);
    return [...digits, letters % 256, Math.floor(letters / 256), version, 0x02];
  }
}

/** Least significant byte first; unknown is FF digits, the most negative integer, or NaN. */
function valueBytes(value: number | undefined, coding: Row["coding"], bytes: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (coding === "real") view.setFloat32(0, value ?? Number.NaN, true);
  else if (coding === "integer") {
    const whole = value === undefined ? -(2 ** (8 * bytes - 1)) : Math.round(value);
    view.setBigInt64(0, BigInt(whole), true);
  } else {
    const digits = value === undefined ? "" : String(Math.floor(value)).padStart(2 * bytes, "0");
    const pairs = digits.padStart(2 * bytes, "f").match(/../g) ?? [];
    return pairs.map((pair) => Number.parseInt(pair, 16)).reverse();
  }
  return [...new Uint8Array(view.buffer, 0, bytes)];
}
