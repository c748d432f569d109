import { crcOf } from "./crc-by-definition.ts";

/** A payload as SML's transport sends it. `fill`: bytes after it; default to a multiple of four. */
export function transmission(
  payload: Uint8Array,
  options: { readonly checksum?: "x25" | "kermit"; readonly fill?: number } = {},
): Uint8Array {
  const { checksum = "x25", fill = (4 - (payload.length % 4)) % 4 } = options;
  const body = [...escaped([...payload, ...new Array<number>(fill).fill(0)])];
  const framed = [0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1, ...body, 0x1b, 0x1b, 0x1b, 0x1b, 0x1a, fill];
  return Uint8Array.from([...framed, ...crcOf(framed, checksum)]);
}

/** Every four escape bytes in a row doubled. */
function* escaped(data: readonly number[]): Generator<number> {
  let run = 0;
  for (const byte of data) {
    yield byte;
    run = byte === 0x1b ? run + 1 : 0;
    if (run < 4) continue;
    yield* [0x1b, 0x1b, 0x1b, 0x1b];
    run = 0;
  }
}
