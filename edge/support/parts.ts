/** Bytes of one part: two boxes of them, for who asked and for the owner, fit one packet of any broker of ours. */
export const partBytes = 5000;
const partsMax = 16;
/** The longest answer; what is beyond is left out, and its end says so. */
export const answerBytesMax = partBytes * partsMax;

const cutMark = "\n… cut: the answer is longer than a session carries\n";

/** An answer in parts, never more than a session carries. Empty text is one part of one space. */
export function partsOf(text: string): readonly Uint8Array[] {
  const whole = new TextEncoder().encode(text === "" ? " " : text);
  const mark = new TextEncoder().encode(cutMark);
  const bytes =
    whole.length <= answerBytesMax
      ? whole
      : Uint8Array.from([...whole.subarray(0, answerBytesMax - mark.length), ...mark]);
  const count = Math.ceil(bytes.length / partBytes);
  return Array.from({ length: count }, (_, i) => bytes.slice(i * partBytes, (i + 1) * partBytes));
}
