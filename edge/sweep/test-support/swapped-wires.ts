/**
 * What a receiver makes of a line whose two wires are swapped: every level is the other one, and the
 * line rests where a start bit is expected. Eight data bits, no parity; a stop bit that is none ends
 * in a break, which the kernel hands over as 0.
 */
export function throughSwappedWires(sent: Uint8Array, restBits = 60): Uint8Array {
  const bits = [...sent].flatMap((byte) => [
    0,
    ...Array.from({ length: 8 }, (_, i) => (byte >> i) & 1),
    1,
  ]);
  const rest = Array.from({ length: restBits }, () => 1);
  const line = [...rest, ...bits, ...rest].map((bit) => 1 - bit);
  const out: number[] = [];
  for (let at = 0; at < line.length; ) {
    if (line[at] === 1) {
      at += 1;
      continue;
    }
    const data = Array.from({ length: 8 }, (_, i) => line[at + 1 + i] ?? 0);
    out.push(data.reduce((sum, bit, i) => sum | (bit << i), 0));
    at += 10;
    // After a break nothing begins before the line has risen.
    if (out.at(-1) === 0) while (at < line.length && line[at] === 0) at += 1;
  }
  return Uint8Array.from(out);
}
