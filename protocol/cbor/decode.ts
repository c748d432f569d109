import { CborError, type CborKey, type CborValue, depthMax } from "./value.ts";

// `ignoreBOM` keeps a leading U+FEFF: without it two encodings would decode to one text.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Longest list that gets its room at once. */
const shortList = 64;

/**
 * Decodes exactly one data item and refuses every byte string that `encodeCbor` would not have
 * produced: long heads, indefinite lengths, unsorted or repeated keys, floats, bignums, invalid
 * UTF-8, trailing bytes (RFC 8949 §4.2.1, §5.3.1).
 *
 * Byte strings are views into `bytes`.
 * Throws: `CborError` with the reason and the offset.
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (reader.offset !== bytes.length) {
    throw new CborError("cbor.trailing", reader.offset, "bytes after the end of the data item");
  }
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  item(depth: number): CborValue {
    const start = this.offset;
    if (depth > depthMax) {
      throw new CborError("cbor.depth", start, `nesting deeper than ${depthMax}`);
    }
    const initial = this.#byte();
    const major = initial >> 5;
    if (major === 7) return this.#simple(initial, start);
    const argument = this.#argument(initial & 0x1f, start);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return this.#negative(argument, start);
      case 2:
        return this.#take(argument);
      case 3:
        return this.#text(argument, start);
      case 4:
        return this.#array(argument, depth);
      case 5:
        return this.#map(argument, depth);
      default:
        return { tag: argument, value: this.item(depth + 1) };
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined)
      throw new CborError("cbor.short", this.offset, "the data item ends early");
    this.offset += 1;
    return byte;
  }

  #argument(info: number, start: number): number {
    if (info < 24) return info;
    if (info > 27) {
      throw new CborError("cbor.head", start, "indefinite lengths and reserved heads are refused");
    }
    const size = 1 << (info - 24);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.#byte();
    if (!Number.isSafeInteger(value)) {
      throw new CborError("cbor.integer", start, "integer of 2⁵³ or more");
    }
    const least = info === 24 ? 24 : info === 25 ? 0x100 : info === 26 ? 0x10000 : 0x100000000;
    if (value < least) throw new CborError("cbor.head", start, "a longer head than needed");
    return value;
  }

  #negative(argument: number, start: number): number {
    const value = -1 - argument;
    if (!Number.isSafeInteger(value)) {
      throw new CborError("cbor.integer", start, "integer of −2⁵³ or less");
    }
    return value;
  }

  #simple(initial: number, start: number): CborValue {
    if (initial === 0xf4) return false;
    if (initial === 0xf5) return true;
    if (initial === 0xf6) return null;
    throw new CborError(
      "cbor.type",
      start,
      "floats, undefined and other simple values are refused",
    );
  }

  #take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.#bytes.length) {
      throw new CborError("cbor.short", this.offset, `a string of ${length} bytes ends early`);
    }
    const part = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return part;
  }

  #text(length: number, start: number): string {
    try {
      return utf8.decode(this.#take(length));
    } catch (error) {
      if (error instanceof CborError) throw error;
      throw new CborError("cbor.text", start, "text that is not valid UTF-8");
    }
  }

  /** A length may lie; no more items than bytes are left can follow, so nothing is pre-allocated. */
  #count(length: number, bytesEach: number): number {
    if (length * bytesEach > this.#bytes.length - this.offset) {
      throw new CborError(
        "cbor.short",
        this.offset,
        `${length} items cannot fit into what is left`,
      );
    }
    return length;
  }

  #array(length: number, depth: number): CborValue[] {
    // An empty list would grow to more than most of ours have; no long one is made before it is there.
    const short = this.#count(length, 1) <= shortList;
    const items: CborValue[] = short ? new Array(length) : [];
    for (let i = 0; i < length; i++) {
      const item = this.item(depth + 1);
      if (short) items[i] = item;
      else items.push(item);
    }
    return items;
  }

  #map(length: number, depth: number): Map<CborKey, CborValue> {
    const map = new Map<CborKey, CborValue>();
    // Where the encoding of the key before lies.
    let [from, to] = [this.offset, this.offset];
    for (let left = this.#count(length, 2); left > 0; left--) {
      const start = this.offset;
      const key = this.item(depth + 1);
      if (typeof key !== "number" && typeof key !== "string" && !(key instanceof Uint8Array)) {
        throw new CborError("cbor.key", start, "a map key must be an integer, text or bytes");
      }
      if (from < to && this.#order(from, to, start) >= 0) {
        throw new CborError("cbor.key-order", start, "map keys must be sorted and differ");
      }
      [from, to] = [start, this.offset];
      map.set(key, this.item(depth + 1));
    }
    return map;
  }

  /** Order of the bytes in [from, to) and those from `start` to here. */
  #order(from: number, to: number, start: number): number {
    const bytes = this.#bytes;
    const [first, second] = [to - from, this.offset - start];
    const size = Math.min(first, second);
    for (let i = 0; i < size; i++) {
      const difference = (bytes[from + i] as number) - (bytes[start + i] as number);
      if (difference !== 0) return difference;
    }
    return first - second;
  }
}
