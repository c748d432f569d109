import { type CborWriter, encodeBy, encodeCbor } from "../cbor/encode.ts";
import { CborError, type CborKey, type CborValue, compareBytes } from "../cbor/value.ts";

/** A value of the right encoding and the wrong shape. `path` says where: `entries[3].time`. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  readonly code = "message.shape";

  constructor(path: string, expected: string, got: CborValue | undefined) {
    super(`${path || "message"}: expected ${expected}, got ${describe(got)}`);
  }
}

/**
 * One type on the wire: checks what was decoded and what is to be written, and writes its own
 * line of the CDDL (RFC 8610). Every limit stands here once.
 */
export type Codec<T> = {
  readonly cddl: string;
  decode(value: CborValue | undefined, path: string): T;
  /** Writes the bytes of a value. Throws: `SchemaError`, `CborError` for one that does not fit. */
  write(out: CborWriter, value: T): void;
  /** What comes back of a value that was written: nothing but what its bytes hold. */
  copy(value: T): T;
};

/** A value's bytes, checked by its type. Throws: `SchemaError`, `CborError`. */
export function encodeAs<T>(codec: Pick<Codec<T>, "write">, value: T): Uint8Array {
  return encodeBy((out) => codec.write(out, value));
}

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
  // −0 is none of the wire's numbers: a copy is what will be decoded.
  return {
    cddl: `${min}..${max}`,
    decode,
    write: (out, value) => out.integer(decode(value, "")),
    copy: (value) => (value + 0) as T,
  };
}

/** True or false. */
export const bool: Codec<boolean> = {
  cddl: "bool",
  decode(value, path) {
    if (typeof value !== "boolean") throw new SchemaError(path, "true or false", value);
    return value;
  },
  write: (out, value) => out.bool(bool.decode(value, "")),
  copy: same,
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
  return { cddl: control, ...plain(decode, (out, value) => out.text(value)) };
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
  return { cddl: `bstr .size ${size}`, ...plain(decode, (out, value) => out.byteString(value)) };
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
  return { cddl, ...plain(decode, (out, value) => out.text(value)) };
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
    write(out, value) {
      check(value.length, "", value.length);
      out.list(value.length);
      for (const entry of value) item.write(out, entry);
    },
    copy: (value) => value.map((entry) => item.copy(entry)),
  };
}

/** Exactly two items, an array on the wire. */
export function pair<A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> {
  const items = tuple([first, second], 2, "an array of two");
  return { cddl: `[ ${first.cddl}, ${second.cddl} ]`, ...(items as Untold<readonly [A, B]>) };
}

/** Two items and, where it says something, a third one: an array on the wire. */
export function pairAnd<A, B, C>(
  first: Codec<A>,
  second: Codec<B>,
  third: Codec<C>,
): Codec<readonly [A, B, C?]> {
  const items = tuple([first, second, third], 2, "an array of two or three");
  return {
    cddl: `[ ${first.cddl}, ${second.cddl}, ? ${third.cddl} ]`,
    ...(items as Untold<readonly [A, B, C?]>),
  };
}

type Untold<T> = Omit<Codec<T>, "cddl">;

/** Items of different types, of which those behind `least` may be left out. */
function tuple(
  // biome-ignore lint/suspicious/noExplicitAny: a tuple holds items of any types
  items: readonly Codec<any>[],
  least: number,
  expected: string,
): Untold<readonly unknown[]> {
  const said = (value: readonly unknown[]) =>
    items.slice(0, value[least] === undefined ? least : items.length);
  return {
    decode(value, path) {
      if (!Array.isArray(value) || value.length < least || value.length > items.length) {
        throw new SchemaError(path, expected, value);
      }
      return value.map((part, i) => items[i]?.decode(part, `${path}[${i}]`));
    },
    write(out, value) {
      const own = said(value);
      out.list(own.length);
      for (const [i, item] of own.entries()) item.write(out, value[i]);
    },
    copy: (value) => said(value).map((item, i) => item.copy(value[i])),
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
    write(out, value) {
      if (value.size > max) {
        throw new SchemaError("", `a map of at most ${max} entries`, value.size);
      }
      const entries = Array.from(value, ([name, entry]) => {
        return { key: encodeCbor(key.encode(name)), entry };
      }).sort((a, b) => compareBytes(a.key, b.key));
      out.map(entries.length);
      let before: Uint8Array | undefined;
      for (const { key, entry } of entries) {
        if (before !== undefined && compareBytes(before, key) === 0) {
          throw new CborError("cbor.key-twice", -1, "a map holds the same key twice");
        }
        before = key;
        out.append(key);
        item.write(out, entry);
      }
    },
    copy(value) {
      const copy = new Map<string, T>();
      value.forEach((entry, name) => {
        copy.set(key.decode(key.encode(name), ""), item.copy(entry));
      });
      return copy;
    },
  };
}

/** How a name stands as a map key on the wire. */
export type KeyCodec = {
  readonly cddl: string;
  decode(value: CborKey, path: string): string;
  encode(value: string): CborKey;
};

/** A type whose values are the wire's own. */
function plain<T extends string | Uint8Array>(
  decode: (value: CborValue | undefined, path: string) => T,
  put: (out: CborWriter, value: T) => void,
): Untold<T> {
  const checked = (value: T) => decode(value, "");
  return { decode, write: (out, value) => put(out, checked(value)), copy: same };
}

function same<T>(value: T): T {
  return value;
}

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
