import type { CborKey, CborValue } from "../cbor/value.ts";

/** A value of the right encoding and the wrong shape. `path` says where: `entries[3].time`. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  readonly code = "message.shape";

  constructor(path: string, expected: string, got: CborValue | undefined) {
    super(`${path || "message"}: expected ${expected}, got ${describe(got)}`);
  }
}

/**
 * One type on the wire: checks what was decoded, prepares what is to be encoded, and writes its own
 * line of the CDDL (RFC 8610). Every limit stands here once.
 */
export type Codec<T> = {
  readonly cddl: string;
  decode(value: CborValue | undefined, path: string): T;
  encode(value: T): CborValue;
};

export type TypeOf<C> = C extends Codec<infer T> ? T : never;

/** Integer in `min … max`. The brand, if any, is the caller's: `uint(max) as Codec<Wh>`. */
export function int<T extends number = number>(min: number, max: number): Codec<T> {
  const expected = `an integer from ${min} to ${max}`;
  const decode = (value: CborValue | undefined, path: string): T => {
    if (typeof value !== "number" || value < min || value > max) {
      throw new SchemaError(path, expected, value);
    }
    return value as T;
  };
  // −0 is none of the wire's numbers: what is encoded is what will be decoded.
  return { cddl: `${min}..${max}`, decode, encode: (value) => (decode(value, "") + 0) as T };
}

/** True or false. */
export const bool: Codec<boolean> = {
  cddl: "bool",
  decode(value, path) {
    if (typeof value !== "boolean") throw new SchemaError(path, "true or false", value);
    return value;
  },
  encode: (value) => value,
};

/** Text of 1 … `max` UTF-16 units, of one form where a pattern is given. */
export function text(max: number, pattern?: RegExp): Codec<string> {
  const form = pattern === undefined ? "" : ` like ${pattern.source}`;
  const decode = (value: CborValue | undefined, path: string): string => {
    const good = typeof value === "string" && value.length > 0 && value.length <= max;
    if (!good || (pattern !== undefined && !pattern.test(value))) {
      throw new SchemaError(path, `text of 1 to ${max} characters${form}`, value);
    }
    return value;
  };
  const control =
    pattern === undefined
      ? `tstr .size (1..${max * 3})`
      : `tstr .regexp ${JSON.stringify(pattern.source.replace(/^\^|\$$/g, ""))}`;
  return { cddl: control, decode, encode: (value) => decode(value, "") };
}

/** Bytes of `min … max` length. */
export function bytes(min: number, max: number = min): Codec<Uint8Array> {
  const expected = min === max ? `${min} bytes` : `${min} to ${max} bytes`;
  const decode = (value: CborValue | undefined, path: string): Uint8Array => {
    if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
      throw new SchemaError(path, expected, value);
    }
    return value;
  };
  const size = min === max ? `${min}` : `(${min}..${max})`;
  return { cddl: `bstr .size ${size}`, decode, encode: (value) => decode(value, "") };
}

/** One of a closed list of words. */
export function oneOf<const Words extends readonly string[]>(
  ...words: Words
): Codec<Words[number]> {
  const decode = (value: CborValue | undefined, path: string): Words[number] => {
    if (typeof value !== "string" || !words.includes(value)) {
      throw new SchemaError(path, `one of ${words.join(", ")}`, value);
    }
    return value;
  };
  const cddl = words.map((word) => JSON.stringify(word)).join(" / ");
  return { cddl, decode, encode: (value) => decode(value, "") };
}

/** `min … max` items of one type. */
export function array<T>(item: Codec<T>, min: number, max: number): Codec<readonly T[]> {
  const check = (count: number, path: string, value: CborValue) => {
    if (count < min || count > max) throw new SchemaError(path, `${min} to ${max} items`, value);
  };
  return {
    cddl: `[ ${min}*${max} ${grouped(item.cddl)} ]`,
    decode(value, path) {
      if (!Array.isArray(value)) throw new SchemaError(path, "an array", value);
      check(value.length, path, value);
      return value.map((entry, i) => item.decode(entry, `${path}[${i}]`));
    },
    encode(value) {
      check(value.length, "", value.length);
      return value.map((entry) => item.encode(entry));
    },
  };
}

/** Exactly two items, an array on the wire. */
export function pair<A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> {
  return {
    cddl: `[ ${first.cddl}, ${second.cddl} ]`,
    decode(value, path) {
      if (!Array.isArray(value) || value.length !== 2) {
        throw new SchemaError(path, "an array of two", value);
      }
      return [first.decode(value[0], `${path}[0]`), second.decode(value[1], `${path}[1]`)];
    },
    encode: ([a, b]) => [first.encode(a), second.encode(b)],
  };
}

/** Two items and, where it says something, a third one: an array on the wire. */
export function pairAnd<A, B, C>(
  first: Codec<A>,
  second: Codec<B>,
  third: Codec<C>,
): Codec<readonly [A, B, C?]> {
  return {
    cddl: `[ ${first.cddl}, ${second.cddl}, ? ${third.cddl} ]`,
    decode(value, path) {
      if (!Array.isArray(value) || value.length < 2 || value.length > 3) {
        throw new SchemaError(path, "an array of two or three", value);
      }
      const [a, b] = [first.decode(value[0], `${path}[0]`), second.decode(value[1], `${path}[1]`)];
      return value.length === 2 ? [a, b] : [a, b, third.decode(value[2], `${path}[2]`)];
    },
    encode([a, b, c]) {
      const both = [first.encode(a), second.encode(b)];
      return c === undefined ? both : [...both, third.encode(c)];
    },
  };
}

/** A map from names to values, at most `max` of them. Keys are strings in memory. */
export function mapOf<T>(
  key: KeyCodec,
  item: Codec<T>,
  max: number,
): Codec<ReadonlyMap<string, T>> {
  return {
    cddl: `{ *${max} ${grouped(key.cddl)} => ${item.cddl} }`,
    decode(value, path) {
      if (!(value instanceof Map) || value.size > max) {
        throw new SchemaError(path, `a map of at most ${max} entries`, value as CborValue);
      }
      const out = new Map<string, T>();
      (value as ReadonlyMap<CborKey, CborValue>).forEach((entry, raw) => {
        const name = key.decode(raw, `${path} key`);
        out.set(name, item.decode(entry, `${path}.${name}`));
      });
      return out;
    },
    encode(value) {
      if (value.size > max)
        throw new SchemaError("", `a map of at most ${max} entries`, value.size);
      const out = new Map<CborKey, CborValue>();
      value.forEach((entry, name) => {
        out.set(key.encode(name), item.encode(entry));
      });
      return out;
    },
  };
}

/** How a name stands as a map key on the wire. */
export type KeyCodec = {
  readonly cddl: string;
  decode(value: CborKey, path: string): string;
  encode(value: string): CborKey;
};

function grouped(cddl: string): string {
  return /[./ ]/.test(cddl) && !/^[[{(]/.test(cddl) ? `(${cddl})` : cddl;
}

/** A short text for error messages: what came, never a dump of it. */
export function describe(value: CborValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Map) return `a map of ${value.size}`;
  if (typeof value === "object") return "a tagged value";
  return String(value);
}
