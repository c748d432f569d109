import type { Refusal } from "../refusal.ts";
import { decodeMessage, encodeMessage } from "./kinds.ts";
import type { Device, Owner } from "./registry.ts";

/** What a unit asks to be admitted with. */
export type AdmissionRequest = { readonly owner: Owner; readonly device: Device };

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Begins a request as text. All of it are characters of a QR code's dense mode (ISO 18004, 7.3.4). */
export const requestPrefix = "BUSBAR-REQUEST:";

/** A digit that was copied wrong must not become another key. */
const checkBytes = 4;
/** An admission that no member has made yet. */
const nobody = { nonce: new Uint8Array(16), member: "nobody" };

/** A request as one word of capital letters and digits, to be copied, sent or shown as a QR code. */
export function requestText({ owner, device }: AdmissionRequest, sha256: Sha256): string {
  const bytes = encodeMessage("admission", { ...nobody, owners: [owner], devices: [device] });
  const check = sha256(bytes).subarray(0, checkBytes);
  return requestPrefix + base32(Uint8Array.from([...bytes, ...check]));
}

/** Reads what `requestText` wrote; blanks, line ends and small letters do not matter. Codes `request.*`. */
export function parseRequestText(
  text: string,
  sha256: Sha256,
): { readonly ok: true; readonly request: AdmissionRequest } | Refusal {
  const word = text.replace(/\s/g, "").toUpperCase();
  const bytes = word.startsWith(requestPrefix)
    ? unbase32(word.slice(requestPrefix.length))
    : undefined;
  if (bytes === undefined || bytes.length <= checkBytes) {
    const message = `expected ${requestPrefix} and the letters and digits that busbar-edge enrol printed`;
    return { ok: false, code: "request.text", message };
  }
  const body = bytes.subarray(0, -checkBytes);
  const check = sha256(body).subarray(0, checkBytes);
  if (!check.every((byte, i) => byte === bytes[body.length + i])) {
    const message = "a part is missing or was copied wrong; copy the whole request again";
    return { ok: false, code: "request.copied-wrong", message };
  }
  const decoded = decodeMessage("admission", body);
  if (!decoded.ok) return decoded;
  const { owners, devices } = decoded.message;
  const [owner] = owners;
  const [device] = devices;
  if (owner === undefined || device === undefined || owners.length + devices.length > 2) {
    const message = `expected one owner and one unit, got ${owners.length} and ${devices.length}`;
    return { ok: false, code: "request.text", message };
  }
  return { ok: true, request: { owner, device } };
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
