/** CRC of Modbus RTU: polynomial 0xA001 reflected, start 0xFFFF. Source: Modbus over Serial Line V1.02, 6.2.2. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

/** The bytes with their CRC appended, low byte first. */
export function withCrc(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(bytes.length + 2);
  framed.set(bytes);
  new DataView(framed.buffer).setUint16(bytes.length, crc16(bytes), true);
  return framed;
}

/** Whether bytes end in their own CRC. */
export function crcHolds(framed: Uint8Array): boolean {
  return framed.length >= 4 && crc16(framed) === 0;
}
