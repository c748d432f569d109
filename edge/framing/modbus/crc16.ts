const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

/**
 * CRC-16/MODBUS over `bytes[from, to)`.
 * Source: Modbus over Serial Line V1.02 §6.2.2. On the wire its low byte comes first.
 */
export function crc16(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0xffff;
  for (let i = from; i < to; i += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  }
  return crc;
}

/** Whether the `length` bytes at `from` end in the right CRC. False when they are not all there. */
export function crcHolds(bytes: Uint8Array, from: number, length: number): boolean {
  const end = from + length;
  if (length < 3 || end > bytes.length) return false;
  const sent = (bytes[end - 2] ?? 0) | ((bytes[end - 1] ?? 0) << 8);
  return crc16(bytes, from, end - 2) === sent;
}

/** `body` with its CRC appended. */
export function withCrc(body: Uint8Array): Uint8Array {
  const crc = crc16(body);
  const frame = new Uint8Array(body.length + 2);
  frame.set(body);
  frame[body.length] = crc & 0xff;
  frame[body.length + 1] = crc >>> 8;
  return frame;
}
