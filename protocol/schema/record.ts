import type { CborKey, CborValue } from "../cbor/value.ts";
import { type Codec, SchemaError, type TypeOf } from "./codec.ts";

/** A field: its integer key on the wire, its type, and whether it may be left out. */
export type Field<T, Optional extends boolean = boolean> = {
  readonly key: number;
  readonly type: Codec<T>;
  readonly optional: Optional;
};

export function field<T>(key: number, type: Codec<T>): Field<T, false> {
  return { key, type, optional: false };
}

export function optional<T>(key: number, type: Codec<T>): Field<T, true> {
  return { key, type, optional: true };
}

// biome-ignore lint/suspicious/noExplicitAny: a record holds fields of any types
type Fields = Readonly<Record<string, Field<any>>>;

export type RecordOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Field<unknown, true> ? never : K]: TypeOf<F[K]["type"]>;
} & {
  readonly [K in keyof F as F[K] extends Field<unknown, true> ? K : never]?: TypeOf<F[K]["type"]>;
};

/** A record type with its name and rule, for the CDDL, and its fields, for records that add to it. */
export type RecordCodec<T, F = unknown> = Codec<T> & {
  readonly name: string;
  readonly rule: string;
  readonly fields: F;
};

/**
 * A closed map with integer keys: an unknown key is refused, so that no two members can read one
 * message differently.
 */
export function record<F extends Fields>(name: string, fields: F): RecordCodec<RecordOf<F>, F> {
  const entries = Object.entries(fields);
  const known = new Set<CborKey>(entries.map(([, { key }]) => key));
  if (known.size !== entries.length) throw new Error(`${name}: two fields share a key`);
  const inOrder = entries
    .map(([field, { key, type, optional }]) => ({ field, key, type, optional }))
    .sort((a, b) => a.key - b.key);
  const optionals = inOrder.filter(({ optional }) => optional);
  const least = inOrder.length - optionals.length;
  return {
    name,
    fields,
    cddl: name,
    rule: ruleOf(name, fields),
    decode(value, path) {
      if (!(value instanceof Map)) throw new SchemaError(path, `a ${name} map`, value);
      const map = value as ReadonlyMap<CborKey, CborValue>;
      for (const key of map.keys()) {
        if (!known.has(key)) throw new SchemaError(path, `only the keys of ${name}`, key);
      }
      const out: Record<string, unknown> = {};
      const prefix = path === "" ? "" : `${path}.`;
      entries.forEach(([field, { key, type, optional }]) => {
        const raw = map.get(key);
        if (raw !== undefined || !optional) out[field] = type.decode(raw, `${prefix}${field}`);
      });
      return out as RecordOf<F>;
    },
    write(out, value) {
      const parts = value as Record<string, unknown>;
      // Twice over the fields, which is quicker than a list of those that are there.
      let count = least;
      for (const { field } of optionals) if (parts[field] !== undefined) count += 1;
      out.map(count);
      for (const { field, key, type, optional } of inOrder) {
        const part = parts[field];
        if (optional && part === undefined) continue;
        out.integer(key);
        type.write(out, part);
      }
    },
    copy(value) {
      const copy: Record<string, unknown> = {};
      for (const [field, { type }] of entries) {
        const part = (value as Record<string, unknown>)[field];
        if (part !== undefined) copy[field] = type.copy(part);
      }
      return copy as RecordOf<F>;
    },
  };
}

function ruleOf(name: string, fields: Fields): string {
  const lines = Object.entries(fields).map(([field, { key, type, optional }]) => {
    const cddl = / \/ /.test(type.cddl) ? `(${type.cddl})` : type.cddl;
    return `  ${optional ? "? " : ""}${key} => ${cddl}, ; ${field}`;
  });
  return `${name} = {\n${lines.join("\n")}\n}`;
}
