/** Bytes of an element. */
export type Encoded = readonly number[];

/** An element that is left out. */
export const absent: Encoded = [0x01];

/** A string of bytes; its length counts the bytes that say it. */
export function octets(bytes: Encoded): Encoded {
  if (bytes.length < 15) return [bytes.length + 1, ...bytes];
  const length = bytes.length + 2;
  return [0x80 | (length >>> 4), length & 0xf, ...bytes];
}

/** A whole number in the given count of bytes. */
export function integer(type: "signed" | "unsigned", value: number, bytes: number): Encoded {
  const wrapped = BigInt.asUintN(8 * bytes, BigInt(value));
  const content = Array.from({ length: bytes }, (_, i) =>
    Number((wrapped >> BigInt(8 * (bytes - 1 - i))) & 0xffn),
  );
  return [(type === "signed" ? 0x50 : 0x60) | (bytes + 1), ...content];
}

/** A list; its length counts elements. */
export function list(items: readonly Encoded[]): Encoded {
  const count = items.length;
  const head = count < 16 ? [0x70 | count] : [0xf0 | (count >>> 4), count & 0xf];
  return [...head, ...items.flat()];
}

/** How a meter computes its checksums: as the standard says, or as Holley's RS-485 port does. */
export type Checksum = "x25" | "kermit";

/** A message with its checksum and end. Source: SML 1.04 chapter 5.1. */
export function message(
  id: number,
  body: { readonly tag: number; readonly content: Encoded },
  checksum: Checksum,
): Encoded {
  const parts = [
    octets(integer("unsigned", id, 4).slice(1)),
    integer("unsigned", 0, 1),
    integer("unsigned", 0, 1),
    list([integer("unsigned", body.tag, 2), body.content]),
  ].flat();
  const summed = [0x76, ...parts];
  return [...summed, 0x63, ...checksumOf(summed, checksum), 0x00];
}

const fourEscapes = "\u001b".repeat(4);

/** A file in SML's transport protocol, version 1. Source: SML 1.04 chapter 8. */
export function transmission(file: Encoded, checksum: Checksum): Uint8Array {
  const fill = (4 - (file.length % 4)) % 4;
  const text = Buffer.from([...file, ...Array<number>(fill).fill(0)]).toString("latin1");
  const escaped = Buffer.from(text.replaceAll(fourEscapes, fourEscapes + fourEscapes), "latin1");
  const summed = [0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1, ...escaped, 0x1b, 0x1b, 0x1b, 0x1b];
  const ended = [...summed, 0x1a, fill];
  return Uint8Array.from([...ended, ...checksumOf(ended, checksum)]);
}

/** The two bytes as they are sent. */
function checksumOf(bytes: Encoded, checksum: Checksum): Encoded {
  let crc = checksum === "x25" ? 0xffff : 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1;
  }
  if (checksum === "kermit") return [crc >>> 8, crc & 0xff];
  return [~crc & 0xff, (~crc >>> 8) & 0xff];
}
