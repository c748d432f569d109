import { CborError } from "./value.ts";

/**
 * Where the data item ends that begins at `start`: for bytes that `decodeCbor` took, whose parts are
 * wanted as they stand. Checks nothing but that the bytes do not end before.
 * Throws: `CborError` `cbor.short`.
 */
export function endOfItem(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let left = 1; left > 0; left--) {
    const initial = bytes[at];
    if (initial === undefined) throw short(at);
    at += 1;
    const [major, info] = [initial >> 5, initial & 0x1f];
    let argument = info;
    if (info >= 24 && info < 28) {
      const size = 1 << (info - 24);
      argument = 0;
      for (let i = 0; i < size; i++) argument = argument * 256 + (bytes[at + i] ?? Number.NaN);
      at += size;
    }
    if (major === 2 || major === 3) at += argument;
    else if (major === 4) left += argument;
    else if (major === 5) left += 2 * argument;
    else if (major === 6) left += 1;
    if (!(at <= bytes.length)) throw short(at);
  }
  return at;
}

function short(at: number): CborError {
  return new CborError("cbor.short", at, "the data item ends early");
}
