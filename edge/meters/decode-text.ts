/**
 * The text in registers: two characters in each, or one in each where all high bytes are 0 (Carlo
 * Gavazzi, Socomec). It ends at the first NUL; blanks around it are cut.
 */
export function decodeText(words: readonly number[]): string {
  const single = words.every((word) => word < 0x100);
  const bytes = single ? [...words] : words.flatMap((word) => [word >>> 8, word & 0xff]);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.slice(0, end))
    .toString("utf8")
    .trim();
}
