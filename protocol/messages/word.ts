/** Bytes as one word of capital letters and digits, so that it can be copied, sent, or shown as a QR
 * code in its dense mode (ISO 18004, 7.3.4). */

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** A digit that was copied wrong must not become another key. */
const checkBytes = 4;

/** `prefix` and the bytes with a check behind them, in base32. */
export function wordOf(prefix: string, bytes: Uint8Array, sha256: Sha256): string {
  const check = sha256(bytes).subarray(0, checkBytes);
  return prefix + base32(Uint8Array.from([...bytes, ...check]));
}

/** The bytes of a word; blanks, line ends and small letters do not matter. `text`: it is no word of
 * this prefix; `copied-wrong`: a part is missing or wrong. */
export function bytesOfWord(
  prefix: string,
  text: string,
  sha256: Sha256,
): Uint8Array | "text" | "copied-wrong" {
  const word = text.replace(/\s/g, "").toUpperCase();
  const bytes = word.startsWith(prefix) ? unbase32(word.slice(prefix.length)) : undefined;
  if (bytes === undefined || bytes.length <= checkBytes) return "text";
  const body = bytes.subarray(0, -checkBytes);
  const check = sha256(body).subarray(0, checkBytes);
  return check.every((byte, i) => byte === bytes[body.length + i]) ? body : "copied-wrong";
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 §6, without padding. */
function base32(bytes: Uint8Array): string {
  let [out, bits, value] = ["", 0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) out += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits === 0 ? out : out + alphabet[(value << (5 - bits)) & 31];
}

function unbase32(text: string): Uint8Array | undefined {
  const out: number[] = [];
  let [bits, value] = [0, 0];
  for (const char of text) {
    const digit = alphabet.indexOf(char);
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    out.push((value >> bits) & 0xff);
  }
  return Uint8Array.from(out);
}
