/** Which of the two checksums a meter sends. */
export type SmlChecksum = "x25" | "kermit";

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1;
  return crc;
});

/**
 * The checksum that `sent` is for `bytes[from, to)`, undefined when it is none.
 *
 * Shape: `sent` as its two bytes stand on the wire, the first one high. CRC-16/X-25 is the standard's
 * (BSI TR-03109-1, annex on the wired LMN interface; its low byte goes first). Holley meters on
 * RS-485 send CRC-16/KERMIT with its high byte first instead: github.com/spacemanspiff2007/SmlLib
 * issue 22, volkszaehler/libsml issue 75.
 */
export function smlChecksum(
  bytes: Uint8Array,
  range: { readonly from: number; readonly to: number },
  sent: number,
): SmlChecksum | undefined {
  const x25 = crc(bytes, range, 0xffff) ^ 0xffff;
  if (sent === (((x25 & 0xff) << 8) | (x25 >>> 8))) return "x25";
  return sent === crc(bytes, range, 0) ? "kermit" : undefined;
}

function crc(
  bytes: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  start: number,
): number {
  let value = start;
  for (let i = from; i < to; i += 1) {
    value = (value >>> 8) ^ (table[(value ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  }
  return value;
}
