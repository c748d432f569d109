import type { Quantities } from "../quantities.ts";
import type { Frame } from "./frame.ts";

/** A simulated meter of DL/T 645-2007. */
export type Dlt645Device = {
  /** Twelve digits. */
  readonly address: string;
  readonly meterNumber: string;
  readonly model?: string;
  /** 1 leaves the places of L2 and L3 filled with FF. */
  readonly phases: 1 | 3;
  /** What the meter measures now, in V, A, W, Hz, Wh, ratios. */
  readonly measure: () => Quantities;
  /** Identifiers that this unit answers with "no such data". */
  readonly missing?: readonly number[];
  /** The most value bytes that one answer holds; the rest follows on request. Default 196. */
  readonly answerBytesMax?: number;
};

/** A register: quantities in the order of the block, digits before and behind the point. */
type Register = {
  readonly names: readonly string[];
  readonly bytes: number;
  /** Steps of the last digit in one base unit: 0.1 for a counter of 10 Wh. */
  readonly steps: number;
  readonly signed?: boolean;
};

const phaseNames = ["l1", "l2", "l3"];
const tariffs = ["total", "t1", "t2", "t3", "t4"];
const named = (quantity: string, places: readonly string[]) =>
  places.map((place) => `${quantity}.${place}`);

/** Registers by the upper two bytes of the identifier, with the number of their first place. */
const registers = new Map<number, Register & { readonly from: 0 | 1 }>([
  [0x0001, { names: named("energy.import", tariffs), bytes: 4, steps: 0.1, from: 0 }],
  [0x0002, { names: named("energy.export", tariffs), bytes: 4, steps: 0.1, from: 0 }],
  [0x0000, { names: ["energy.net.total"], bytes: 4, steps: 0.1, signed: true, from: 0 }],
  [0x0201, { names: named("voltage", phaseNames), bytes: 2, steps: 10, from: 1 }],
  [0x0202, { names: named("current", phaseNames), bytes: 3, steps: 1000, signed: true, from: 1 }],
  [
    0x0203,
    {
      names: named("power", ["total", ...phaseNames]),
      bytes: 3,
      steps: 10,
      signed: true,
      from: 0,
    },
  ],
  [
    0x0206,
    { names: named("pf", ["total", ...phaseNames]), bytes: 2, steps: 1000, signed: true, from: 0 },
  ],
]);

const code = { read: 0x11, readMore: 0x12, readAddress: 0x13 } as const;
const noData = 0x02;

/** The answer of a meter to a request, or undefined when it is not meant or not able. */
export function answer(device: Dlt645Device, request: Frame): Frame | undefined {
  const address = reversed(device.address);
  const meant = request.address.every((byte, i) => byte === 0xaa || byte === address[i]);
  if (!meant) return undefined;
  if (request.code === code.readAddress) return { address, code: 0x93, data: address };
  if (request.code !== code.read && request.code !== code.readMore) return undefined;
  const identifier = request.data.slice(0, 4);
  if (identifier.length < 4) return undefined;
  const number = identifier.reduceRight((value, byte) => value * 256 + byte, 0);
  const bytes = device.missing?.includes(number) ? undefined : valueBytes(device, number);
  if (bytes === undefined) {
    return { address, code: request.code + 0xc0, data: Uint8Array.of(noData) };
  }
  const part = request.code === code.readMore ? (request.data[4] ?? 0) : 0;
  const size = device.answerBytesMax ?? 196;
  const chunk = bytes.slice(part * size, (part + 1) * size);
  const more = bytes.length > (part + 1) * size ? 0x20 : 0;
  const tail = part > 0 ? [part] : [];
  const data = Uint8Array.of(...identifier, ...chunk, ...tail);
  return { address, code: request.code + 0x80 + more, data };
}

function valueBytes(device: Dlt645Device, identifier: number): Uint8Array | undefined {
  if (identifier === 0x04000402) return reversed(device.meterNumber.padStart(12, "0"));
  if (identifier === 0x0400040b && device.model !== undefined) return characters(device.model, 10);
  const found = device.measure();
  if (identifier === 0x02800002) return digits(found.get("frequency"), 2, 100, false);
  const register = registers.get(Math.floor(identifier / 0x10000));
  if (register === undefined || identifier % 0x100 !== 0) return undefined;
  const { names, from, bytes, steps, signed = false } = register;
  const place = Math.floor(identifier / 0x100) % 0x100;
  const asked = place === 0xff ? names : names.slice(place - from, place - from + 1);
  if (asked.length === 0 || place < from) return undefined;
  const parts = asked.map((name) => {
    const absent = device.phases === 1 && /\.l[23]$/.test(name);
    return digits(absent ? undefined : quantityOf(found, name), bytes, steps, signed);
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Counters of tariffs share the total; the meter's net register is import less export. */
function quantityOf(found: Quantities, name: string): number | undefined {
  const [, direction, tariff] = name.match(/^energy\.(import|export)\.t([1-4])$/) ?? [];
  if (direction !== undefined) {
    const tens = Math.floor((found.get(`energy.${direction}.total`) ?? 0) / 10);
    const share = Math.floor(tens / 8);
    return 10 * (tariff === "1" ? tens - 3 * share : share);
  }
  if (name !== "energy.net.total") return found.get(name);
  return (found.get("energy.import.total") ?? 0) - (found.get("energy.export.total") ?? 0);
}

/** Decimal digits, two a byte, the last ones first; FF where there is nothing to measure. */
function digits(
  value: number | undefined,
  bytes: number,
  steps: number,
  signed: boolean,
): Uint8Array {
  if (value === undefined) return new Uint8Array(bytes).fill(0xff);
  const whole = Math.trunc(Number((value * steps).toFixed(6)));
  // The top bit is the sign: of what is larger, a digit would be taken for one.
  const most = signed ? 8 * 10 ** (2 * bytes - 1) - 1 : Number.POSITIVE_INFINITY;
  const text = String(Math.min(Math.abs(whole), most))
    .padStart(2 * bytes, "0")
    .slice(-2 * bytes);
  const packed = reversed(text);
  const top = packed.length - 1;
  return packed.map((byte, i) => (signed && whole < 0 && i === top ? byte + 0x80 : byte));
}

function reversed(hex: string): Uint8Array {
  const pairs = hex.match(/../g) ?? [];
  return Uint8Array.from(pairs.map((pair) => Number.parseInt(pair, 16)).reverse());
}

function characters(text: string, width: number): Uint8Array {
  const codes = [...text.padEnd(width, "\0")].map((character) => character.charCodeAt(0));
  return Uint8Array.from(codes.slice(0, width).reverse());
}
