/** Control codes of DL/T 645-2007 §5.2: bit 7 from the meter, bit 6 refusal, bit 5 more follows. */
export const control = {
  read: 0x11,
  readNext: 0x12,
  readAddress: 0x13,
  answer: 0x80,
  refusal: 0x40,
  more: 0x20,
} as const;

/** The address to which every meter answers: for a bus with one meter. */
export const anyAddress = "AAAAAAAAAAAA";

/** Every byte of the data field travels with this added (§5.1.6). */
export const dataOffset = 0x33;

const addressPattern = /^[0-9A-F]{1,12}$/;

/**
 * An address as the meter's plate shows it, twelve digits; fewer are padded with zeros (§5.1.2).
 * `A` in a place means any digit. Undefined when it is no address.
 */
export function parseAddress(text: string): string | undefined {
  const upper = text.toUpperCase();
  return addressPattern.test(upper) ? upper.padStart(12, "0") : undefined;
}

/** Whether a meter of that address is meant by the pattern. */
export function meansAddress(pattern: string, address: string): boolean {
  return [...pattern].every((digit, i) => digit === "A" || digit === address[i]);
}

/** The bytes of a frame. `data` is without the offset; `address` has twelve digits. */
export function encodeFrame(frame: {
  readonly address: string;
  readonly control: number;
  readonly data: Uint8Array;
}): Uint8Array {
  const body = Uint8Array.of(
    0x68,
    ...Buffer.from(frame.address, "hex").reverse(),
    0x68,
    frame.control,
    frame.data.length,
    ...frame.data.map((byte) => byte + dataOffset),
  );
  return Uint8Array.of(...body, checksum(body, 0, body.length), 0x16);
}

/** The sum of the bytes from `start` to before `end`, modulo 256 (§5.1.7). */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i += 1) sum += bytes[i] ?? 0;
  return sum & 0xff;
}
