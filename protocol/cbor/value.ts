/** A CBOR tag and the value it marks (RFC 8949 §3.4). */
export type Tagged = { readonly tag: number; readonly value: CborValue };

/** Map keys that Busbar uses: integers for fields, byte and text strings for names. */
export type CborKey = number | string | Uint8Array;

/**
 * What a Busbar message may be made of. No floats, no undefined, no indefinite lengths, no bignums:
 * quantities are integers below 2⁵³.
 */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborKey, CborValue>
  | Tagged;

/** Why bytes are not the one deterministic encoding of a permitted value. */
export class CborError extends Error {
  override readonly name = "CborError";
  readonly code: string;
  /** Byte offset where the decoder stopped, or −1 when a value could not be encoded. */
  readonly offset: number;

  constructor(code: string, offset: number, message: string) {
    super(offset < 0 ? message : `${message} (at byte ${offset})`);
    this.code = code;
    this.offset = offset;
  }
}

/** Nesting that no message of ours comes near; a deeper one is an attack on the stack. */
export const depthMax = 16;

/** Order of map keys: bytewise by their encodings (RFC 8949 §4.2.1). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const size = Math.min(a.length, b.length);
  for (let i = 0; i < size; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
