import type { CborValue, CborWriter } from "@busbar/protocol";
import { type Codec, encodeAs, SchemaError } from "@busbar/protocol/schema";
import type { State, StateReader } from "./state.ts";
import { type Table, table } from "./table.ts";

/** Where an entry lies: the id of the group that holds it, and its number in that. */
export type Place = { readonly group: string; readonly part: number };

/** How ids fall into groups. */
export type Grouping = {
  place(id: string): Place;
  /** The id of a part: what `place` places there. */
  idOf(group: string, part: number): string;
  /** What the ids of all groups begin with that hold ids beginning so. */
  prefixOf(idPrefix: string): string;
};

/** A table whose entries lie several in one of the state. */
export type GroupedTable<T> = Table<T> & {
  /** The key of the state that holds an id's entry. */
  keyOf(id: string): string;
  placeOf(id: string): Place;
  /** The same as `get`, for who knows the place. */
  at(state: StateReader, place: Place): T | undefined;
  /** Sets entries of a group, which is written once. */
  setAt(state: State, group: string, entries: readonly Part<T>[]): void;
};

export type Part<T> = readonly [number: number, value: T];

/**
 * A table of small entries that are written together, as of one meter or owner and one hour: those of a group
 * share an entry of the state, `<name>/<group>`, a map from their numbers to them. What a block writes costs by
 * the entry (its hashes, its way up the state's tree, its row), so that few are cheaper than many.
 * A walk gives them sorted by group, then number. Throws what `table` throws.
 */
export function groupedTable<T extends object>(
  name: string,
  codec: Codec<T>,
  grouping: Grouping,
): GroupedTable<T> {
  const groups = table(name, partsOf(name, codec));
  const at = (state: StateReader, { group, part }: Place) =>
    groups.get(state, group)?.find(([number]) => number === part)?.[1];
  const setAt = (state: State, group: string, added: readonly Part<T>[]) => {
    let parts = groups.get(state, group) ?? [];
    for (const [number, value] of added) parts = withPart(parts, [number, codec.copy(value)]);
    if (parts.length > 0) groups.set(state, group, parts);
  };
  return {
    name,
    keyOf: (id) => `${name}/${grouping.place(id).group}`,
    placeOf: grouping.place,
    at,
    setAt,
    get: (state, id) => at(state, grouping.place(id)),
    set(state, id, value) {
      const { group, part } = grouping.place(id);
      setAt(state, group, [[part, value]]);
    },
    delete(state, id) {
      const { group, part } = grouping.place(id);
      const parts = groups.get(state, group);
      const left = parts?.filter(([number]) => number !== part);
      if (left === undefined || left.length === parts?.length) return;
      if (left.length === 0) groups.delete(state, group);
      else groups.set(state, group, left);
    },
    *scan(state, idPrefix = "") {
      for (const [group, parts] of groups.scan(state, grouping.prefixOf(idPrefix))) {
        for (const [number, value] of parts) {
          const id = grouping.idOf(group, number);
          if (id.startsWith(idPrefix)) yield [id, value];
        }
      }
    },
  };
}

/** Parts are few, most often appended: an array in order is as quick as anything. */
function withPart<T>(parts: readonly Part<T>[], added: Part<T>): readonly Part<T>[] {
  const at = parts.findIndex(([number]) => number >= added[0]);
  if (at < 0) return [...parts, added];
  const isThere = parts[at]?.[0] === added[0];
  return [...parts.slice(0, at), added, ...parts.slice(isThere ? at + 1 : at)];
}

/**
 * A map from numbers to parts. A part that was written is remembered as bytes, by its identity: of a group that
 * grows only what is new is encoded.
 */
function partsOf<T extends object>(name: string, codec: Codec<T>): Codec<readonly Part<T>[]> {
  const known = new WeakMap<T, Uint8Array>();
  const write = (out: CborWriter, value: T) => {
    const bytes = known.get(value) ?? encodeAs(codec, value);
    known.set(value, bytes);
    out.append(bytes);
  };
  return {
    cddl: `{ + uint => ${codec.cddl} }`,
    decode(value, path) {
      if (!(value instanceof Map) || value.size === 0) {
        throw new SchemaError(path, `a map of ${name} parts`, value);
      }
      return Array.from(value as ReadonlyMap<CborValue, CborValue>, ([number, part]): Part<T> => {
        if (typeof number !== "number" || number < 0) {
          throw new SchemaError(path, "numbers from 0 on as keys", number);
        }
        return [number, codec.decode(part, `${path}.${number}`)];
      });
    },
    write(out, parts) {
      out.map(parts.length);
      for (const [number, value] of parts) {
        out.integer(number);
        write(out, value);
      }
    },
    // Parts are copied as they come in, and shared from then on.
    copy: (parts) => parts,
  };
}
