import {
  CborError,
  type CborKey,
  type CborValue,
  compareBytes,
  depthMax,
  type Tagged,
} from "./value.ts";

const utf8 = new TextEncoder();

/** Longest text that is looked at character by character: longer ones are quicker in one piece. */
const shortText = 64;

/** Largest buffer that a writer keeps between two encodings. */
const keptBytesMax = 65_536;

/**
 * The deterministic encoding of a value (RFC 8949 §4.2.1): shortest heads, definite lengths, map
 * keys sorted bytewise.
 * Throws: `CborError` for what the wire does not carry (a fraction, a lone surrogate, two equal keys,
 * nesting past 16).
 */
export function encodeCbor(value: CborValue): Uint8Array {
  return encodeBy((out) => write(out, value, 0));
}

/** The bytes that `put` writes, for who knows a value's form and needs no copy of it. It has to write one data item. */
export function encodeBy(put: (out: CborWriter) => void): Uint8Array {
  const out = idle.pop() ?? new CborWriter();
  try {
    put(out);
    return out.bytes();
  } finally {
    out.clear();
    idle.push(out);
  }
}

/** Writers that are not at work. Encoding is on every hot path, and most of what a fresh one costs is
 * its buffer; there are never more of them than maps inside maps. */
const idle: CborWriter[] = [];

/** Writes data items into a byte buffer that grows by doubling. */
export class CborWriter {
  #buffer = new Uint8Array(256);
  #length = 0;

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const next = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count));
    next.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = next;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** The head of a data item: major type and its argument in the shortest form (§3). */
  head(major: number, argument: number): void {
    const type = major << 5;
    if (argument < 24) return this.byte(type | argument);
    if (argument < 0x100) {
      this.byte(type | 24);
      return this.byte(argument);
    }
    if (argument < 0x10000) {
      this.byte(type | 25);
      this.byte(argument >> 8);
      return this.byte(argument & 0xff);
    }
    const long = argument >= 0x100000000;
    this.byte(type | (long ? 27 : 26));
    if (long) this.#uint32(Math.floor(argument / 0x100000000));
    this.#uint32(argument % 0x100000000);
  }

  #uint32(value: number): void {
    this.#reserve(4);
    const buffer = this.#buffer;
    buffer[this.#length++] = value >>> 24;
    buffer[this.#length++] = value >>> 16;
    buffer[this.#length++] = value >>> 8;
    buffer[this.#length++] = value;
  }

  /** Text that is ASCII, as most of ours is; writes nothing and says false where it is not. */
  ascii(text: string): boolean {
    const { length } = text;
    for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return false;
    this.head(3, length);
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = text.charCodeAt(i);
    this.#length += length;
    return true;
  }

  /** Throws: `CborError` for a fraction, or a number of 2⁵³ or more. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new CborError("cbor.integer", -1, `expected an integer below 2⁵³, got ${value}`);
    }
    if (value >= 0) this.head(0, value);
    else this.head(1, -1 - value);
  }

  /** Throws: `CborError` for a lone surrogate. */
  text(value: string): void {
    if (value.length <= shortText && this.ascii(value)) return;
    if (!value.isWellFormed()) throw new CborError("cbor.text", -1, "text with a lone surrogate");
    const bytes = utf8.encode(value);
    this.head(3, bytes.length);
    this.append(bytes);
  }

  byteString(value: Uint8Array): void {
    this.head(2, value.length);
    this.append(value);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xf5 : 0xf4);
  }

  /** Head of a list: its items follow. */
  list(count: number): void {
    this.head(4, count);
  }

  /** Head of a map: so many keys, sorted bytewise, each with its value behind it, follow. */
  map(count: number): void {
    this.head(5, count);
  }

  /** Any value, as `encodeCbor` writes it. */
  value(value: CborValue): void {
    write(this, value, 0);
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    // One huge message must not hold its buffer for ever.
    if (this.#buffer.length > keptBytesMax) this.#buffer = new Uint8Array(256);
  }
}

function write(out: CborWriter, value: CborValue, depth: number): void {
  if (depth > depthMax) throw new CborError("cbor.depth", -1, `nesting deeper than ${depthMax}`);
  if (typeof value === "number") return out.integer(value);
  if (typeof value === "string") return out.text(value);
  if (typeof value === "boolean") return out.bool(value);
  if (value === null) return out.byte(0xf6);
  if (value instanceof Uint8Array) return out.byteString(value);
  if (Array.isArray(value)) {
    out.list(value.length);
    return value.forEach((item) => {
      write(out, item as CborValue, depth + 1);
    });
  }
  if (value instanceof Map) return writeMap(out, value, depth);
  if (isTagged(value)) {
    out.head(6, value.tag);
    return write(out, value.value, depth + 1);
  }
  throw new CborError("cbor.type", -1, `no encoding for a ${typeof value}`);
}

function isTagged(value: unknown): value is Tagged {
  if (typeof value !== "object" || value === null || !("tag" in value)) return false;
  return Number.isSafeInteger(value.tag) && (value.tag as number) >= 0;
}

function writeMap(out: CborWriter, map: ReadonlyMap<CborKey, CborValue>, depth: number): void {
  out.map(map.size);
  if (isInOrder(map)) {
    // Not by an iterator, which makes an object a step: on a unit, which runs without the optimizing
    // compilers, a fifth of all that is allocated.
    return map.forEach((value, key) => {
      write(out, key, depth + 1);
      write(out, value, depth + 1);
    });
  }
  const entries = [...map].map(([key, value]) => ({ key: encodeCbor(key), value }));
  entries.sort((a, b) => compareBytes(a.key, b.key));
  let previous: Uint8Array | undefined;
  for (const { key, value } of entries) {
    if (previous !== undefined && compareBytes(previous, key) === 0) {
      throw new CborError("cbor.key-twice", -1, "a map holds the same key twice");
    }
    previous = key;
    out.append(key);
    write(out, value, depth + 1);
  }
}

/** Whether keys come in their order, each once, as far as that is seen without encoding them: for
 * unsigned integers, or byte strings of one length. A message's fields and a meter's registers do. */
function isInOrder(map: ReadonlyMap<CborKey, CborValue>): boolean {
  let previous: CborKey | undefined;
  let inOrder = true;
  map.forEach((_, key) => {
    if (inOrder && previous !== undefined) inOrder = isBefore(previous, key);
    previous = key;
  });
  return inOrder;
}

function isBefore(a: CborKey, b: CborKey): boolean {
  if (typeof a === "number" && typeof b === "number") return a >= 0 && a < b;
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return false;
  return a.length === b.length && compareBytes(a, b) < 0;
}
