/** A checksum as it goes on the wire, computed bit by bit as the standards define it. */
export function crcOf(bytes: readonly number[], checksum: "x25" | "kermit"): [number, number] {
  let register = checksum === "x25" ? 0xffff : 0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = ((register ^ (byte >>> bit)) & 1) === 1;
      register = (register >>> 1) ^ (odd ? 0x8408 : 0);
    }
  }
  if (checksum === "kermit") return [register >>> 8, register & 0xff];
  const inverted = register ^ 0xffff;
  return [inverted & 0xff, inverted >>> 8];
}
