/** Bit 7 that makes the number of ones even, for each 7-bit character. */
const evenBit = Uint8Array.from({ length: 128 }, (_, character) => {
  let ones = 0;
  for (let bits = character; bits !== 0; bits >>>= 1) ones += bits & 1;
  return ones % 2 === 1 ? 0x80 : 0;
});

/** A 7-bit character with its even parity bit, as a 7E1 line sends it and an 8N1 line sees it. */
export const withParity = (character: number): number =>
  (character & 0x7f) | (evenBit[character & 0x7f] ?? 0);

/** The characters as a 7E1 line sends them, to be written to a line that is set to 8N1. */
export const toSevenEven = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text, "latin1"), withParity);

/** Whether the 7-bit characters of a telegram carry a parity bit, which its first byte shows. */
export type Carried = "even" | "none";

/** How the first byte of a telegram shows `character`, which has an odd number of ones. */
export function carriedBy(byte: number, character: number): Carried | undefined {
  if (byte === character) return "none";
  return byte === withParity(character) ? "even" : undefined;
}

/** The 7-bit character that a byte is; undefined when its parity is wrong or it has 8 bits. */
export function sevenBits(byte: number, carried: Carried): number | undefined {
  const character = byte & 0x7f;
  return byte === (carried === "even" ? withParity(character) : character) ? character : undefined;
}
