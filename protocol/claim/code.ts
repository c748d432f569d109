import type { Refusal } from "../refusal.ts";

/**
 * Claim codes: sixteen characters on a label by which an unknown unit is taken in. Fourteen are drawn at
 * random (70 bits), two check them.
 *
 * The alphabet is Crockford's base32: no I, L, O, U, so that nothing looks like a digit or spells a word;
 * what is typed as I, L or O is read as 1, 1, 0. The characters are elements of GF(2^5), and the two at the
 * end make both sums over all of them nil, the plain one and the one weighted by powers of a generator: a
 * Reed–Solomon code of distance 3 (positions < 31). So each single wrong character, each two wrong ones and
 * each swap of two are found, whatever the place; and of a single one it is known where it stands.
 */

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const drawn = 14;
const length = 16;
const groupLength = 4;

/** A code that is whole: capital letters and digits, without hyphens. */
export type ClaimCode = string & { readonly brand: "ClaimCode" };

/** Makes a code. `random(n)`: n random bytes. */
export function newClaimCode(random: (count: number) => Uint8Array): ClaimCode {
  // 256 is a multiple of 32: each character is as likely as any other.
  const values = Array.from(random(drawn), (byte) => byte & 31);
  return textOf([...values, ...checksOf(values)]) as ClaimCode;
}

/** "7K3QF0M8ZT2XA9CD" → "7K3Q-F0M8-ZT2X-A9CD", as it is printed. */
export const claimCodeText = (code: ClaimCode): string =>
  (code.match(new RegExp(`.{${groupLength}}`, "g")) ?? []).join("-");

/** What a label's QR code says: the unit's own page, which gets neither code nor site sent, only shown. */
export const labelUrl = (code: ClaimCode, { host, site }: { host: string; site: string }): string =>
  `http://${host}.local:8080/claim#${claimCodeText(code)}@${site}`;

/**
 * Reads what was typed, scanned or copied: a code alone, or the whole of a label's `labelUrl`, which says its
 * site too. Blanks, hyphens and small letters do not matter.
 * Codes, in order: `code.characters`, `code.length`, `code.mistyped`.
 */
export function parseClaimCode(
  text: string,
): { readonly ok: true; readonly code: ClaimCode; readonly site: string | undefined } | Refusal {
  const [word = "", site] = text.slice(text.lastIndexOf("#") + 1).split("@");
  const typed = word.replace(/[\s\p{Pd}_.]/gu, "").toUpperCase();
  const plain = typed.replaceAll(/[IL]/g, "1").replaceAll("O", "0");
  const stranger = [...plain].find((char) => !alphabet.includes(char));
  if (stranger !== undefined) {
    const message = `no code has ${JSON.stringify(stranger)} in it: a code is 16 letters and digits, as XXXX-XXXX-XXXX-XXXX on the label`;
    return refuse("code.characters", message);
  }
  if (plain.length !== length) {
    const message = `expected 16 letters and digits, as XXXX-XXXX-XXXX-XXXX on the label, got ${plain.length}`;
    return refuse("code.length", message);
  }
  const values = [...plain].map((char) => alphabet.indexOf(char));
  const [sum, weighted] = sumsOf(values);
  if (sum === 0 && weighted === 0) {
    return { ok: true, code: plain as ClaimCode, site: site?.trim() };
  }
  const place = placeOfError(sum, weighted);
  const where =
    place === undefined
      ? "more than one character is wrong; type it once more"
      : `look at the ${ordinals[Math.floor(place / groupLength)]} group of four again, at ${JSON.stringify(plain[place])}`;
  return refuse("code.mistyped", `a character was read or typed wrong: ${where}`);
}

const ordinals = ["first", "second", "third", "fourth"];

const refuse = (code: string, message: string): Refusal => ({ ok: false, code, message });

const textOf = (values: readonly number[]): string =>
  values.map((value) => alphabet[value]).join("");

/** GF(2^5) by x^5 + x^2 + 1, of which 2 is a generator: powers and logarithms. */
const powers: readonly number[] = Array.from({ length: 31 }).reduce<number[]>((list) => {
  const next = (list.at(-1) ?? 0) << 1;
  return [...list, list.length === 0 ? 1 : next & 32 ? next ^ 0b100101 : next];
}, []);
const logOf = (value: number): number => powers.indexOf(value);

const times = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (powers[(logOf(a) + logOf(b)) % 31] ?? 0);
const inverse = (a: number): number => powers[(31 - logOf(a)) % 31] ?? 0;

function sumsOf(values: readonly number[]): readonly [number, number] {
  return values.reduce<[number, number]>(
    ([sum, weighted], value, i) => [sum ^ value, weighted ^ times(value, powers[i] ?? 0)],
    [0, 0],
  );
}

/** The two values behind the drawn ones that make both sums nil. */
function checksOf(values: readonly number[]): readonly [number, number] {
  const [sum, weighted] = sumsOf(values);
  const [a, b] = [powers[drawn] ?? 0, powers[drawn + 1] ?? 0];
  // x + y = sum, a x + b y = weighted.
  const y = times(weighted ^ times(a, sum), inverse(a ^ b));
  return [sum ^ y, y];
}

/** Where a single wrong character stands; undefined where several are wrong. */
function placeOfError(sum: number, weighted: number): number | undefined {
  if (sum === 0 || weighted === 0) return undefined;
  const place = logOf(times(weighted, inverse(sum)));
  return place < length ? place : undefined;
}
