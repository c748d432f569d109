import { decodeMessage, encodeMessage, type ReadingEntry, type Readings } from "@busbar/protocol";

/** The end of a meter's chain. */
export type Tip = { readonly seq: number; readonly head: Uint8Array };

/** Where an entry stands in its meter's chain. */
export type Place = { readonly meter: string; readonly seq: number; readonly prev: Uint8Array };

/**
 * An entry as it lies in the journal: a `readings` message of its own, unsigned. So a row says by
 * itself where it belongs, and the journal needs no codec besides the wire's.
 * Throws: `SchemaError` when the entry does not fit the wire.
 */
export function encodeRow({ meter, seq, prev }: Place, entry: ReadingEntry): Uint8Array {
  return encodeMessage("readings", { meter, first: seq, prev, entries: [entry] });
}

/** The entry of a row and its place; undefined when the bytes are none. */
export function decodeRow(payload: Uint8Array): (Place & { entry: ReadingEntry }) | undefined {
  const decoded = decodeMessage("readings", payload);
  if (!decoded.ok) return undefined;
  const { meter, first, prev, entries }: Readings = decoded.message;
  const [entry, more] = entries;
  if (entry === undefined || more !== undefined) return undefined;
  return { meter, seq: first, prev, entry };
}
