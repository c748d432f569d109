import { type MbusRefusal, refuse } from "./header.ts";

/** How the bytes of a record are written: EN 13757-3 Table 4. */
export type Coding = "none" | "integer" | "real" | "bcd" | "text" | "binary" | "negative-bcd";

/** One data record, taken apart but not yet understood. */
export type MbusRecord = {
  readonly at: number;
  readonly function: "instantaneous" | "maximum" | "minimum" | "error";
  readonly storage: number;
  readonly tariff: number;
  readonly subunit: number;
  /** The VIF without its extension bit; of the extension tables FBh and FDh as 0xFBnn, 0xFDnn. */
  readonly vif: number;
  /** VIFEs in order, without their extension bits. */
  readonly vifes: readonly number[];
  /** The unit in plain text (VIF 7Ch). */
  readonly plainText: string | undefined;
  readonly coding: Coding;
  /** In the wire's order. */
  readonly data: Uint8Array;
};

/** A telegram's records. `more`: further ones come in the next telegram (DIF 1Fh). */
export type MbusRecords = {
  readonly ok: true;
  readonly records: readonly MbusRecord[];
  readonly more: boolean;
};

/** §6.3.5 and §6.4.4: no chain is longer; a longer one is damage or a foreign format. */
const chainMax = 10;
const functions = ["instantaneous", "maximum", "minimum", "error"] as const;
const fixedCodings: readonly (readonly [Coding, number] | undefined)[] = [
  ["none", 0],
  ["integer", 1],
  ["integer", 2],
  ["integer", 3],
  ["integer", 4],
  ["real", 4],
  ["integer", 6],
  ["integer", 8],
  ["none", 0],
  ["bcd", 1],
  ["bcd", 2],
  ["bcd", 3],
  ["bcd", 4],
  undefined,
  ["bcd", 6],
];

/** Takes the records from `start` on apart; ends at the manufacturer's own data (DIF 0Fh, 1Fh). */
export function readRecords(data: Uint8Array, start: number): MbusRecords | MbusRefusal {
  const cursor = new Cursor(data, start);
  const records: MbusRecord[] = [];
  try {
    while (!cursor.ended) {
      const at = cursor.at;
      const dif = cursor.byte();
      if (dif === 0x2f) continue;
      if (dif === 0x0f || dif === 0x1f) return { ok: true, records, more: dif === 0x1f };
      if ((dif & 0x0f) === 0x0f) {
        return refuse("mbus.dif", at, `DIF ${dif.toString(16)}h is reserved`);
      }
      records.push(readRecord(cursor, at, dif));
    }
    return { ok: true, records, more: false };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

function readRecord(cursor: Cursor, at: number, dif: number): MbusRecord {
  let storage = (dif >>> 6) & 1;
  let tariff = 0;
  let subunit = 0;
  if (dif >= 0x80) {
    for (const [i, dife] of cursor.chain("DIFE").entries()) {
      // By multiplication: ten extensions make 41 bits.
      storage += (dife & 0x0f) * 2 ** (4 * i + 1);
      tariff += ((dife >>> 4) & 3) * 4 ** i;
      subunit += ((dife >>> 6) & 1) * 2 ** i;
    }
  }
  const { vif, vifes } = readVif(cursor);
  const plainText = vif === 0x7c ? characters(cursor.take(cursor.byte())) : undefined;
  const { coding, data } = readData(cursor, dif & 0x0f);
  const kind = functions[(dif >>> 4) & 3] ?? "error";
  return {
    at,
    function: kind,
    storage,
    tariff,
    subunit,
    vif,
    vifes,
    plainText,
    coding,
    data,
  };
}

function readVif(cursor: Cursor): { readonly vif: number; readonly vifes: number[] } {
  const first = cursor.byte();
  const vifes = first >= 0x80 ? cursor.chain("VIFE") : [];
  const codes = vifes.map((vife) => vife & 0x7f);
  if (first !== 0xfb && first !== 0xfd) return { vif: first & 0x7f, vifes: codes };
  const [code = 0, ...rest] = codes;
  return { vif: (first << 8) | code, vifes: rest };
}

function readData(
  cursor: Cursor,
  field: number,
): { readonly coding: Coding; readonly data: Uint8Array } {
  const fixed = fixedCodings[field];
  if (fixed !== undefined) return { coding: fixed[0], data: cursor.take(fixed[1]) };
  const at = cursor.at;
  const length = cursor.byte();
  if (length < 0xc0) return { coding: "text", data: cursor.take(length) };
  if (length < 0xca) return { coding: "bcd", data: cursor.take(length - 0xc0) };
  if (length >= 0xd0 && length < 0xda) {
    return { coding: "negative-bcd", data: cursor.take(length - 0xd0) };
  }
  if (length >= 0xe0 && length < 0xf0)
    return { coding: "binary", data: cursor.take(length - 0xe0) };
  if (length >= 0xf0 && length <= 0xf4) {
    return { coding: "binary", data: cursor.take(4 * (length - 0xec)) };
  }
  const message = `variable length ${length.toString(16)}h is reserved`;
  throw new Refused(refuse("mbus.length", at, message));
}

/** Characters travel the last one first. */
export const characters = (bytes: Uint8Array): string =>
  Buffer.from(bytes).reverse().toString("latin1");

/** Ends the reading of a telegram from any depth; never leaves this file. */
class Refused extends Error {
  readonly refusal: MbusRefusal;

  constructor(refusal: MbusRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

class Cursor {
  at: number;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array, at: number) {
    this.#data = data;
    this.at = at;
  }

  get ended(): boolean {
    return this.at >= this.#data.length;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  take(count: number): Uint8Array {
    const end = this.at + count;
    if (end > this.#data.length) {
      const left = this.#data.length - this.at;
      const message = `${count} bytes are needed, the telegram ends after ${left}`;
      throw new Refused(refuse("mbus.cut", this.at, message));
    }
    const taken = this.#data.slice(this.at, end);
    this.at = end;
    return taken;
  }

  /** Extension bytes up to and with the first without extension bit. */
  chain(name: string): number[] {
    const chain: number[] = [];
    do {
      if (chain.length === chainMax) {
        const message = `more than ${chainMax} ${name}s in a row`;
        throw new Refused(refuse("mbus.chain", this.at, message));
      }
      chain.push(this.byte());
    } while ((chain.at(-1) ?? 0) >= 0x80);
    return chain;
  }
}
