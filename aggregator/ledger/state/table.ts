import { decodeCbor } from "@busbar/protocol";
import { type Codec, encodeAs } from "@busbar/protocol/schema";
import type { State, StateReader } from "./state.ts";

/** One kind of entry in the state: its keys are `<name>/<id>`, its values fit one codec. */
export type Table<T> = {
  readonly name: string;
  get(state: StateReader, id: string): T | undefined;
  set(state: State, id: string, value: T): void;
  delete(state: State, id: string): void;
  /** Entries whose id starts with `idPrefix`, sorted by id. */
  scan(state: StateReader, idPrefix?: string): Iterable<readonly [string, T]>;
};

/**
 * A typed view of the state's entries under `<name>/`.
 *
 * Decoded values are remembered by the identity of their bytes, so a value that many transactions
 * read is decoded once, and one that was written here never. They are shared: treat them as immutable.
 * `isReadBack`: whether what is written is mostly read soon after.
 * Throws: `SchemaError` from `set` for a value that does not fit, which is the rule's own mistake.
 */
export function table<T>(
  name: string,
  codec: Codec<T>,
  { isReadBack = true }: { readonly isReadBack?: boolean } = {},
): Table<T> {
  const known = new WeakMap<Uint8Array, { readonly value: T }>();
  const decode = (key: string, bytes: Uint8Array): T => {
    const hit = known.get(bytes);
    if (hit !== undefined) return hit.value;
    const value = codec.decode(decodeCbor(bytes), key);
    known.set(bytes, { value });
    return value;
  };
  return {
    name,
    get(state, id) {
      const key = `${name}/${id}`;
      const bytes = state.get(key);
      return bytes === undefined ? undefined : decode(key, bytes);
    },
    set(state, id, value) {
      const bytes = encodeAs(codec, value);
      // Not the value itself, which may hold more than its bytes do: who reads it finds what all find.
      if (isReadBack) known.set(bytes, { value: codec.copy(value) });
      state.set(`${name}/${id}`, bytes);
    },
    delete(state, id) {
      state.delete(`${name}/${id}`);
    },
    *scan(state, idPrefix = "") {
      const skip = name.length + 1;
      for (const [key, bytes] of state.scan(`${name}/${idPrefix}`)) {
        yield [key.slice(skip), decode(key, bytes)];
      }
    },
  };
}
